"""What looks wrong in one rule that compiles. Everything here is a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mappings.document import FIELDS, KNOWN_WHEN
from mappings.expression_reads import literal_of, paths_read
from mappings.expressions import is_true
from mappings.findings import WARNING, Finding, finding_at
from mappings.happenings import DOCUMENTED_TOPICS, told_by_topic
from mappings.moment import (
    CONTACT,
    PARTNER_EVENT,
    PARTNER_USER,
    TICKET,
    TICKET_CREATED,
    TICKET_STATE_CHANGED,
)
from mappings.rule import Rule
from mappings.rule_files import Entry
from mappings.triggers import ON_KEYS, Trigger

#: Intercom's categories of ticket states; custom states share them.
STATE_CATEGORIES = ("submitted", "in_progress", "waiting_on_customer", "resolved")

_ADDRESSES = frozenset({"email", "phone", "formatted_phone", "u_em", "u_mb"})
_WORDS = frozenset(
    {"body", "author", "notes", "ticket_part", "ticket_parts", "conversation_parts", "remark"}
)
# Maps of which nobody knows beforehand what they hold.
_WHOLE = (("contact",), ("payload",), ("payload", "data"), ("payload", "data", "item"))


class LintedRule(NamedTuple):
    """A rule with the entry that it was compiled from."""

    entry: Entry
    rule: Rule

    @property
    def fields(self) -> Mapping[str, Entry]:
        """The entries under the rule's keys."""
        return self.entry.mapping()


def rule_findings(one: LintedRule) -> Iterator[Finding]:
    """What looks wrong in a rule."""
    yield from _transitions(one.fields)
    yield from _never(one)
    for entry in _expressions(one.fields):
        yield from _reading(entry, one.rule.trigger)
    yield from _personal(one)


def attribute_entries(fields: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """The names of a rule's own attributes, each with its entry."""
    if "attributes" in fields:
        yield from fields["attributes"].mapping().items()


def _transitions(fields: Mapping[str, Entry]) -> Iterator[Finding]:
    moves = {**fields, **(fields["on"].mapping() if "on" in fields else {})}
    for key in ON_KEYS:
        for text in moves[key].texts() if key in moves else ():
            if text.strip().casefold() not in STATE_CATEGORIES and not text.strip().isdigit():
                known = ", ".join(STATE_CATEGORIES)
                problem = f"{text!r} is no category of Intercom's ({known}): taken for a label"
                yield finding_at(moves[key], WARNING, problem)


def _never(one: LintedRule) -> Iterator[Finding]:
    """Rules that nothing can set off."""
    when, trigger = one.fields["when"], one.rule.trigger
    if trigger.topics:
        topics = [topic for topic in DOCUMENTED_TOPICS if trigger.takes_topic(topic)]
        if not topics:
            yield finding_at(when, WARNING, "no topic about a contact that Intercom documents fits this")
        elif trigger.words and all(trigger.words.isdisjoint(_possible(topic)) for topic in topics):
            words = ", ".join(sorted(trigger.words))
            yield finding_at(when, WARNING, f"never: {words} does not happen under such a topic")
    condition = when.mapping().get("if") if isinstance(when.value, dict) else None
    if condition is not None and not paths_read(condition.text()):
        literal = literal_of(condition.text())
        yield finding_at(
            condition,
            WARNING,
            "always true" if is_true(literal) else "never: the condition is never true",
        )


def _possible(topic: str) -> frozenset[str]:
    """What can happen under a topic."""
    words = told_by_topic(topic)
    if TICKET in words:
        words |= {TICKET_CREATED, TICKET_STATE_CHANGED}
    family, _, rest = topic.partition(".")
    if family == "partner":
        return frozenset({PARTNER_USER if rest == "user" else PARTNER_EVENT})
    if family in ("contact", "visitor", "granular") or rest.startswith("contact."):
        words |= {CONTACT}
    return words


def _reading(entry: Entry, trigger: Trigger) -> Iterator[Finding]:
    """Paths to what does not exist, or is not known when the rule runs."""
    words = trigger.words or frozenset[str]().union(
        *(_possible(topic) for topic in DOCUMENTED_TOPICS if trigger.takes_topic(topic))
    )
    for path in sorted(paths_read(entry.text())):
        needed = KNOWN_WHEN.get(path[0])
        if needed is not None and needed.isdisjoint(words):
            yield finding_at(
                entry, WARNING, f"{path[0]} is known only with when: {' or '.join(sorted(needed))}"
            )
        for depth in range(1, len(path)):
            known = FIELDS.get(path[:depth])
            if known is not None and path[depth] not in known:
                holder = ".".join(path[:depth])
                problem = f"{holder} has no {path[depth]!r}; it has: {', '.join(known)}"
                yield finding_at(entry, WARNING, problem)


def _personal(one: LintedRule) -> Iterator[Finding]:
    """Addresses in events, and people's own words anywhere."""
    for entry in _expressions(one.fields):
        paths = paths_read(entry.text())
        if any(not _WORDS.isdisjoint(path) for path in paths):
            yield finding_at(entry, WARNING, "people's own words or names of staff would leave Intercom")
    if one.rule.event is None:
        return
    for name, entry in attribute_entries(one.fields):
        if isinstance(entry.value, dict) and ("hash" in entry.value or "value" in entry.value):
            continue
        paths = paths_read(_expression_of(entry).text())
        if name in _ADDRESSES or any(path[-1] in _ADDRESSES for path in paths):
            problem = "an e-mail address or telephone number in an event; hash: sha256 would hide it"
            yield finding_at(entry, WARNING, problem)
    for spread in one.fields["spread"].entries() if "spread" in one.fields else ():
        source = spread.mapping()["from"]
        if not paths_read(source.text()).isdisjoint(_WHOLE):
            problem = "copies whatever Intercom sends, e-mail addresses and telephone numbers included"
            yield finding_at(source, WARNING, problem)


def _expressions(fields: Mapping[str, Entry]) -> Iterator[Entry]:
    """The entries of all expressions of a rule."""
    when = fields["when"]
    if isinstance(when.value, dict) and "if" in when.value:
        yield when.value["if"]
    for key in ("each", "at"):
        if key in fields:
            yield fields[key]
    specs = [entry for _, entry in attribute_entries(fields)]
    if "event" in fields and isinstance(fields["event"].value, dict):
        specs.append(fields["event"])
    for entry in specs:
        if not isinstance(entry.value, dict) or "expr" in entry.value:
            yield _expression_of(entry)
    for spread in fields["spread"].entries() if "spread" in fields else ():
        yield spread.mapping()["from"]


def _expression_of(spec: Entry) -> Entry:
    expression: Entry = spec.value["expr"] if isinstance(spec.value, dict) else spec
    return expression
