"""Tests inside rule files: read here, judged here; ``streams.rehearsal`` runs them.

tests:
  - name: a ticket is resolved
    before: [{…}]                   payloads that came earlier; what became of them is not looked at
    given: [{…}]                    payloads (``payloads``)
    expect:                         what MoEngage gets, in order; [] for nothing
      - user: true
        customer_id: cust-77        may be left out, as everything below may
        attributes: {u_n: Mira}     these and no others
      - event: ticket_state_changed
        at: 2026-01-10T09:00:00Z
        attributes_include: {state_to: resolved, company_plan: null}   these; null: not there
      - merge: intercom:65a1        the user that goes; customer_id is the one that is kept
      - delete: true

What every event carries, intercom_event_id and intercom_topic, need not be named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from events.elements import DeleteElement, Element, EventElement, MergeElement, UserElement
from events.envelope import Envelope
from events.errors import InvalidPayload
from events.times import iso_utc, parse_ms
from mappings.compiler import EVENT_ID_ATTRIBUTE, EVENT_TOPIC_ATTRIBUTE
from mappings.payloads import following
from mappings.rule_files import Entry

TEST_KEYS = ("name", "before", "given", "expect")
KINDS = ("user", "event", "merge", "delete")
EXPECT_KEYS = (*KINDS, "customer_id", "at", "attributes", "attributes_include")

_ALWAYS_THERE = frozenset({EVENT_ID_ATTRIBUTE, EVENT_TOPIC_ATTRIBUTE})


@dataclass(frozen=True, slots=True)
class Expected:
    """One element that a test expects. ``what`` is as ``_what`` has it; None: whatever it is will do."""

    what: str
    customer_id: str | None
    at: int | None
    attributes: Mapping[str, Any] | None
    attributes_include: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileTest:
    """One test. ``skipped`` is how many of the envelopes are those of ``before``."""

    file: str
    line: int
    name: str
    envelopes: tuple[Envelope, ...]
    skipped: int
    expect: tuple[Expected, ...]


def parse_tests(entries: Iterable[Entry]) -> tuple[FileTest, ...]:
    """The tests of the entries under ``tests``. Raises InvalidRule with the place."""
    return tuple(_test(entry) for entry in entries)


def differences(expect: Sequence[Expected], elements: Sequence[Element]) -> list[str]:
    """Where elements are not what is expected, in lines for people; none where they are."""
    wanted = [one.what for one in expect]
    got = [_what(element) for element in elements]
    lines: list[str] = []
    for what, i, i_end, j, j_end in SequenceMatcher(None, wanted, got, autojunk=False).get_opcodes():
        if what == "equal":
            for position, (one, element) in enumerate(
                zip(expect[i:i_end], elements[j:j_end], strict=True), start=j
            ):
                label = f"{position + 1}. {one.what}"
                lines += [f"{label}: {problem}" for problem in _differences(one, element)]
            continue
        lines += [f"- {one.what}: expected, did not come" for one in expect[i:i_end]]
        for element in elements[j:j_end]:
            whose = "into" if isinstance(element, MergeElement) else "of"
            lines.append(f"+ {_what(element)} {whose} {element.customer_id}: not expected")
            lines += [f"    {name}: {_shown(value)}" for name, value in _attributes(element).items()]
    return lines


def _test(entry: Entry) -> FileTest:
    fields = entry.mapping(TEST_KEYS)
    for key in ("name", "given", "expect"):
        if key not in fields:
            raise entry.wrong(f"expected '{key}'")
    before = fields["before"].entries() if "before" in fields else []
    given = fields["given"].entries()
    if not given:
        raise fields["given"].wrong("expected at least one payload")
    return FileTest(
        file=entry.file,
        line=entry.line,
        name=fields["name"].text().strip(),
        envelopes=_envelopes([*before, *given]),
        skipped=len(before),
        expect=tuple(_expected(each) for each in fields["expect"].entries()),
    )


def _envelopes(entries: Sequence[Entry]) -> tuple[Envelope, ...]:
    made: list[Envelope] = []
    for entry in entries:
        entry.mapping()
        try:
            made.append(following(made, entry.plain()))
        except InvalidPayload as error:
            raise entry.wrong(str(error)) from None
    return tuple(made)


def _expected(entry: Entry) -> Expected:
    fields = entry.mapping(EXPECT_KEYS)
    kinds = [kind for kind in KINDS if kind in fields]
    if len(kinds) != 1:
        raise entry.wrong(
            "expected one of 'user: true', 'event: <name>', 'merge: <customer id>', 'delete: true'"
        )
    [kind] = kinds
    if kind in ("user", "delete") and fields[kind].flag() is not True:
        raise fields[kind].wrong("expected true; the user's id goes under 'customer_id'")
    if kind != "event" and "at" in fields:
        raise fields["at"].wrong("only an event has a time")
    for name in ("attributes", "attributes_include"):
        if kind in ("merge", "delete") and name in fields:
            raise fields[name].wrong("only a user or an event has attributes")
    at = parse_ms(fields["at"].plain()) if "at" in fields else None
    if "at" in fields and at is None:
        raise fields["at"].wrong("expected a time such as 2026-01-10T09:00:00Z")
    if "attributes" in fields and "attributes_include" in fields:
        raise fields["attributes_include"].wrong("'attributes' names all of them already")
    return Expected(
        what=kind if kind in ("user", "delete") else f"{kind} {fields[kind].text()}",
        customer_id=fields["customer_id"].text() if "customer_id" in fields else None,
        at=at,
        attributes=_plain(fields["attributes"]) if "attributes" in fields else None,
        attributes_include=_plain(fields["attributes_include"]) if "attributes_include" in fields else {},
    )


def _plain(entry: Entry) -> Mapping[str, Any]:
    return {name: value.plain() for name, value in entry.mapping().items()}


def _differences(one: Expected, element: Element) -> Iterator[str]:
    if one.customer_id is not None and one.customer_id != element.customer_id:
        yield f"customer_id: expected {one.customer_id}, got {element.customer_id}"
    if one.at is not None and isinstance(element, EventElement):
        got = iso_utc(element.occurred_at)
        if got != iso_utc(one.at):
            yield f"at: expected {iso_utc(one.at)}, got {got}"
    wanted = one.attributes_include if one.attributes is None else one.attributes
    attributes = _attributes(element)
    for name, value in wanted.items():
        if value is None:
            if name in attributes:
                yield f"{name}: expected not to be there, got {_shown(attributes[name])}"
        elif name not in attributes:
            yield f"{name}: expected {_shown(value)}, is not there"
        elif not _same(value, attributes[name]):
            yield f"{name}: expected {_shown(value)}, got {_shown(attributes[name])}"
    if one.attributes is None:
        return
    always_there = _ALWAYS_THERE if isinstance(element, EventElement) else ()
    for name, value in attributes.items():
        if name not in one.attributes and name not in always_there:
            yield f"{name}: not expected, got {_shown(value)}"


def _same(a: Any, b: Any) -> bool:
    """Equal, and a boolean only to a boolean."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def _what(element: Element) -> str:
    """What a test calls it: user, event <name>, merge <the id that goes>, delete."""
    match element:
        case EventElement():
            return f"event {element.name}"
        case MergeElement():
            return f"merge {element.merged_id}"
        case UserElement() | DeleteElement():
            return element.kind


def _attributes(element: Element) -> Mapping[str, Any]:
    return element.attributes if isinstance(element, UserElement | EventElement) else {}


def _shown(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
