"""From the entries of a rule file to rules. All errors are InvalidRule, with the place.

rules:
  - when: ticket_state_changed          one of moment.HAPPENINGS, or a list of them
    from: submitted                     category before, or a list; ticket_state_changed only
    to: [resolved]                      category after, or a list; ticket rules only
    event: ticket_resolved              a name, or a spec; or  user: true
    each: partner.events                run once for every element, as `item`; events only
    at: item.at                         when the event happened; else the moment's own time
    attributes:
      ticket_id: ticket.id              JMESPath
      solved: {value: true}             a constant
      due: {expr: payload.due, type: datetime, default: "2030-01-01T00:00:00Z"}
    spread:
      - from: ticket.attributes         copy a whole map …
        prefix: ticket_                 … under names that begin so
        except: [_default_title_]       … without these
        as_given: true                  … in names as they are, MoEngage's own among them
"""

from __future__ import annotations

from typing import Any

from mappings.conversion import CONVERTERS, TYPES, Converter, to_string
from mappings.document import ITEM, PARTS
from mappings.expressions import BadExpression, Expression, compile_expression
from mappings.moment import HAPPENINGS, TICKET_CREATED, TICKET_STATE_CHANGED
from mappings.rule import Rule, Spec, Spread
from mappings.rule_files import Entry
from mappings.safety import (
    MAX_EVENT_ATTRIBUTES,
    MAX_STRING_LENGTH,
    MAX_USER_ATTRIBUTES,
    STANDARD_ATTRIBUTES,
    safe_list,
    safe_name,
)

#: What every event carries, whatever its rule says: the means to find a duplicate, and the cause.
EVENT_ID_ATTRIBUTE = "intercom_event_id"
EVENT_TOPIC_ATTRIBUTE = "intercom_topic"

_FILE_KEYS = ("rules",)
_RULE_KEYS = ("when", "from", "to", "user", "event", "each", "at", "attributes", "spread")
_SPEC_KEYS = ("expr", "value", "type", "default")
_SPREAD_KEYS = ("from", "prefix", "except", "as_given")


def compile_file(entry: Entry) -> list[Rule]:
    """The rules of one file, in its order."""
    fields = entry.mapping(_FILE_KEYS)
    if "rules" not in fields:
        raise entry.wrong("expected a list under 'rules'")
    return [_rule(each) for each in fields["rules"].entries()]


def _rule(entry: Entry) -> Rule:
    fields = entry.mapping(_RULE_KEYS)
    when = _when(entry, fields)
    makes_event = _makes_event(entry, fields)
    parts: tuple[str, ...] = PARTS
    used: set[str] = set()
    each = None
    if "each" in fields:
        if not makes_event:
            raise fields["each"].wrong("only an event can be made for each element")
        each = _expression(fields["each"], fields["each"].text(), parts, used).get
        parts = (*PARTS, ITEM)
    attributes = _attributes(fields.get("attributes"), parts, used, makes_event=makes_event)
    taken = frozenset(name for name, _ in attributes)
    spreads = fields["spread"].entries() if "spread" in fields else []
    if not attributes and not spreads and not makes_event:
        raise entry.wrong("a user without attributes or spread; name at least one")
    if "at" in fields and not makes_event:
        raise fields["at"].wrong("only an event has a time")
    return Rule(
        when=when,
        origins=_categories(fields, "from", when, frozenset({TICKET_STATE_CHANGED})),
        goals=_categories(fields, "to", when, frozenset({TICKET_STATE_CHANGED, TICKET_CREATED})),
        name=_event_name(fields["event"], parts, used) if makes_event else None,
        each=each,
        at=_expression(fields["at"], fields["at"].text(), parts, used).get if "at" in fields else None,
        attributes=attributes,
        spreads=tuple(_spread(each_entry, parts, used, taken) for each_entry in spreads),
        parts=frozenset(used - {ITEM}),
    )


def _when(entry: Entry, fields: dict[str, Entry]) -> frozenset[str]:
    if "when" not in fields:
        raise entry.wrong(f"expected 'when'; one of {', '.join(HAPPENINGS)}")
    words = fields["when"].texts()
    for word in words:
        if word not in HAPPENINGS:
            raise fields["when"].wrong(f"unknown word {word!r}; known: {', '.join(HAPPENINGS)}")
    return frozenset(words)


def _makes_event(entry: Entry, fields: dict[str, Entry]) -> bool:
    if ("user" in fields) == ("event" in fields):
        raise entry.wrong("expected either 'user: true' or 'event: <name>'")
    if "user" in fields and fields["user"].flag() is not True:
        raise fields["user"].wrong("expected true")
    return "event" in fields


def _categories(
    fields: dict[str, Entry], key: str, when: frozenset[str], allowed: frozenset[str]
) -> frozenset[str]:
    if key not in fields:
        return frozenset()
    if not when <= allowed:
        raise fields[key].wrong(f"only with when: {' or '.join(sorted(allowed))}")
    return frozenset(text.strip().lower() for text in fields[key].texts())


def _event_name(entry: Entry, parts: tuple[str, ...], used: set[str]) -> Spec:
    if isinstance(entry.value, dict):
        spec = _spec(entry, parts, used)
        if spec.default is None:
            raise entry.wrong("expected a default, for an event needs a name")
        default = _checked_name(entry.value["default"], str(spec.default))
        return spec._replace(convert=_name_text, default=default)
    name = _checked_name(entry, entry.text())
    return Spec(lambda document: name)


def _name_text(value: Any) -> str | None:
    text = to_string(value)
    return text.strip() if text is not None else None


def _attributes(
    entry: Entry | None, parts: tuple[str, ...], used: set[str], *, makes_event: bool
) -> tuple[tuple[str, Spec], ...]:
    if entry is None:
        return ()
    attributes = []
    room = MAX_EVENT_ATTRIBUTES - 2 if makes_event else MAX_USER_ATTRIBUTES
    if len(entry.mapping()) > room:
        raise entry.wrong(f"{len(entry.mapping())} attributes; MoEngage takes {room} of a rule's own")
    for name, spec_entry in entry.mapping().items():
        _checked_name(spec_entry, name)
        if makes_event and name in (EVENT_ID_ATTRIBUTE, EVENT_TOPIC_ATTRIBUTE):
            raise spec_entry.wrong("every event has this attribute already")
        attributes.append((name, _spec(spec_entry, parts, used, STANDARD_ATTRIBUTES.get(name))))
    return tuple(attributes)


def _checked_name(entry: Entry, name: str) -> str:
    safe = safe_name(name, standard=True)
    if safe != name:
        raise entry.wrong(f"MoEngage does not take the name {name!r}; write {safe!r}")
    return name


def _spec(entry: Entry, parts: tuple[str, ...], used: set[str], standard: str | None = None) -> Spec:
    if isinstance(entry.value, str):
        expression = _expression(entry, entry.text(), parts, used)
        return _spec_of(expression, CONVERTERS[standard] if standard else None)
    if not isinstance(entry.value, dict):
        raise entry.wrong("expected an expression or a mapping; a constant is written {value: …}")
    fields = entry.mapping(_SPEC_KEYS)
    if ("expr" in fields) == ("value" in fields):
        raise entry.wrong("expected either 'expr' or 'value'")
    wanted = fields["type"].text() if "type" in fields else standard
    if "type" in fields and wanted not in TYPES:
        raise fields["type"].wrong(f"unknown type {wanted!r}; known: {', '.join(TYPES)}")
    if standard and wanted not in (standard, "string" if standard == "digits" else standard):
        raise fields["type"].wrong(f"MoEngage's own attribute is of type {standard!r}")
    convert = CONVERTERS[standard or wanted] if wanted else None
    default = _constant(fields["default"], convert) if "default" in fields else None
    if "value" in fields:
        constant = _constant(fields["value"], convert)
        return Spec(lambda document: constant)
    expression = _expression(fields["expr"], fields["expr"].text(), parts, used)
    return _spec_of(expression, convert, default)


def _spec_of(expression: Expression, convert: Converter | None, default: Any = None) -> Spec:
    part, field = expression.path if len(expression.path) == 2 else ("", "")
    return Spec(expression.get, part, field, convert, default)


def _constant(entry: Entry, convert: Converter | None) -> Any:
    value = [each.value for each in entry.value] if isinstance(entry.value, list) else entry.value
    if isinstance(value, list):
        value = safe_list(value)
    elif not isinstance(value, str | bool | int | float):
        raise entry.wrong("expected a string, a number, true, false, or a list of them")
    if convert is not None:
        value = convert(value)
    if value in (None, "", []) or (isinstance(value, str) and len(value) > MAX_STRING_LENGTH):
        raise entry.wrong("MoEngage does not take this value under this type")
    return value


def _expression(entry: Entry, text: str, parts: tuple[str, ...], used: set[str]) -> Expression:
    try:
        expression = compile_expression(text, parts)
    except BadExpression as error:
        raise entry.wrong(str(error)) from None
    used |= expression.parts
    return expression


def _spread(entry: Entry, parts: tuple[str, ...], used: set[str], taken: frozenset[str]) -> Spread:
    fields = entry.mapping(_SPREAD_KEYS)
    if "from" not in fields:
        raise entry.wrong("expected 'from', an expression that gives a map")
    prefix = fields["prefix"].text() if "prefix" in fields else ""
    if prefix and safe_name(prefix + "x") != prefix + "x":
        raise fields["prefix"].wrong(f"MoEngage does not take names that begin with {prefix!r}")
    return Spread(
        get=_expression(fields["from"], fields["from"].text(), parts, used).get,
        prefix=prefix,
        exceptions=frozenset(fields["except"].texts()) if "except" in fields else frozenset(),
        as_given=fields["as_given"].flag() if "as_given" in fields else False,
        taken=taken,
    )
