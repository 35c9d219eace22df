"""From the entries of a rule file to rules. All errors are InvalidRule, with the place.

rules:
  - name: ticket_resolved               its own, so that it can be named; may be left out
    when: ticket_state_changed          what it waits for (``triggers``)
    on: {to: resolved}
    event: ticket_resolved              a name, or a spec; or  user: true
    each: partner.events                run once for every element, as `item`; events only
    at: item.at                         when the event happened; else the moment's own time
    attributes:
      ticket_id: ticket.id              a spec (``specs``)
    spread:
      - from: ticket.attributes         copy a whole map …
        prefix: ticket_                 … under names that begin so
        except: [_default_title_]       … without these
        as_given: true                  … in names as they are, MoEngage's own among them
"""

from __future__ import annotations

from typing import Any

from mappings.conversion import to_string
from mappings.document import ITEM, PARTS
from mappings.rule import Rule, Spec, Spread
from mappings.rule_files import Entry
from mappings.safety import (
    MAX_EVENT_ATTRIBUTES,
    MAX_USER_ATTRIBUTES,
    STANDARD_ATTRIBUTES,
    is_moengages_own,
    renamed,
    safe_name,
)
from mappings.specs import compile_in, compile_spec
from mappings.triggers import compile_trigger

#: What every event carries, whatever its rule says: the means to find a duplicate, and the cause.
EVENT_ID_ATTRIBUTE = "intercom_event_id"
EVENT_TOPIC_ATTRIBUTE = "intercom_topic"

RULE_KEYS = (
    "name",
    "when",
    "on",
    "from",
    "to",
    "user",
    "event",
    "each",
    "at",
    "attributes",
    "spread",
)
SPREAD_KEYS = ("from", "prefix", "except", "as_given")


def compile_rule(entry: Entry) -> Rule:
    """The rule of an entry. Raises InvalidRule."""
    fields = entry.mapping(RULE_KEYS)
    used: set[str] = set()
    trigger = compile_trigger(entry, fields, lambda condition: compile_in(condition, PARTS, used))
    makes_event = _makes_event(entry, fields)
    parts: tuple[str, ...] = PARTS
    each = None
    if "each" in fields:
        if not makes_event:
            raise fields["each"].wrong("only an event can be made for each element")
        each = compile_in(fields["each"], parts, used).get
        parts = (*PARTS, ITEM)
    if "at" in fields and not makes_event:
        raise fields["at"].wrong("only an event has a time")
    attributes = _attributes(fields.get("attributes"), parts, used, makes_event=makes_event)
    taken = frozenset(name for name, _ in attributes)
    spreads = fields["spread"].entries() if "spread" in fields else []
    if not attributes and not spreads and not makes_event:
        raise entry.wrong("a user without attributes or spread; name at least one")
    event, event_name = _event(fields["event"], parts, used) if makes_event else (None, "")
    return Rule(
        name=rule_name(fields),
        trigger=trigger,
        event=event,
        event_name=event_name,
        each=each,
        at=compile_in(fields["at"], parts, used).get if "at" in fields else None,
        attributes=attributes,
        spreads=tuple(
            _spread(each_entry, parts, used, taken, makes_event=makes_event) for each_entry in spreads
        ),
        parts=frozenset(used - {ITEM}),
    )


def rule_name(fields: dict[str, Entry]) -> str:
    """The rule's own name, "" where it has none."""
    return fields["name"].text().strip() if "name" in fields else ""


def _makes_event(entry: Entry, fields: dict[str, Entry]) -> bool:
    if ("user" in fields) == ("event" in fields):
        raise entry.wrong("expected either 'user: true' or 'event: <name>'")
    if "user" in fields and fields["user"].flag() is not True:
        raise fields["user"].wrong("expected true")
    return "event" in fields


def _event(entry: Entry, parts: tuple[str, ...], used: set[str]) -> tuple[Spec, str]:
    """The spec of an event's name, and the name itself where it is constant."""
    if isinstance(entry.value, dict):
        spec = compile_spec(entry, parts, used)
        if spec.default is None:
            raise entry.wrong("expected a default, for an event needs a name")
        default = _checked_name(entry.value["default"], str(spec.default))
        return spec._replace(convert=_name_text, default=default), ""
    name = _checked_name(entry, entry.text())
    return Spec(lambda document: name), name


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
        if makes_event and is_moengages_own(name):
            raise spec_entry.wrong(f"MoEngage takes {name!r} of users only; write '{renamed(name)}'")
        attributes.append((name, compile_spec(spec_entry, parts, used, STANDARD_ATTRIBUTES.get(name))))
    return tuple(attributes)


def _checked_name(entry: Entry, name: str) -> str:
    safe = safe_name(name, standard=True)
    if safe != name:
        raise entry.wrong(f"MoEngage does not take the name {name!r}; write {safe!r}")
    return name


def _spread(
    entry: Entry,
    parts: tuple[str, ...],
    used: set[str],
    taken: frozenset[str],
    *,
    makes_event: bool,
) -> Spread:
    fields = entry.mapping(SPREAD_KEYS)
    if "from" not in fields:
        raise entry.wrong("expected 'from', an expression that gives a map")
    prefix = fields["prefix"].text() if "prefix" in fields else ""
    if prefix and safe_name(prefix + "x") != prefix + "x":
        raise fields["prefix"].wrong(f"MoEngage does not take names that begin with {prefix!r}")
    return Spread(
        get=compile_in(fields["from"], parts, used).get,
        prefix=prefix,
        exceptions=frozenset(fields["except"].texts()) if "except" in fields else frozenset(),
        as_given=fields["as_given"].flag() if "as_given" in fields else False,
        of_event=makes_event,
        taken=taken,
    )
