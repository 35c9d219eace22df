"""The engine: rules of all kinds on moments of all kinds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_samples import (
    COMPANY,
    CONTACT,
    OCCURRED_AT,
    RECEIVED_AT,
    TICKET,
    contact_row,
    moment,
    state,
    view,
)

from events.elements import Element, EventElement, UserElement
from events.keys import allowed_customer_id
from events.rows import ContactRow, Membership, TicketState
from mappings.moment import HAPPENINGS, Moment
from mappings.rules import load, map_moment
from mappings.safety import STANDARD_ATTRIBUTES, is_reserved, safe_name
from mappings.tickets import ticket_view

DEFAULT = load()


def run(tmp_path: Path, rules: str, what: Moment) -> list[Element]:
    (tmp_path / "own.yaml").write_text(rules)
    return map_moment(load(tmp_path), what)


def moved(previous: TicketState | None = None) -> Moment:
    return moment("ticket_state_changed", ticket=view(TICKET), previous=previous)


@pytest.mark.parametrize(
    ("conditions", "previous", "made"),
    [
        ("to: resolved", None, True),
        ("to: [submitted, resolved]", None, True),
        ("to: submitted", None, False),
        ("from: submitted", state("1", "submitted"), True),
        ("from: submitted", state("2", "in_progress"), False),
        ("from: submitted", None, False),
    ],
)
def test_from_and_to(tmp_path: Path, conditions: str, previous: TicketState | None, made: bool) -> None:
    rules = f"rules: [{{when: ticket_state_changed, event: e, {conditions}}}]"
    assert bool(run(tmp_path, rules, moved(previous))) is made


def test_constants_types_and_defaults(tmp_path: Path) -> None:
    rules = """
rules:
  - when: contact
    user: true
    attributes:
      constant: {value: [a, b]}
      typed: {expr: contact.seats, type: number}
      missing: contact.nothing
      filled: {expr: contact.nothing, default: none}
      blank: {expr: contact.language_override, default: en}
      misfit: length(contact.nothing)
"""
    row = contact_row({**CONTACT, "seats": "12"})
    (user,) = run(tmp_path, rules, moment("contact", row=row))
    assert user.attributes == {"constant": ["a", "b"], "typed": 12, "filled": "none", "blank": "en"}


def test_users_come_first_and_become_one(tmp_path: Path) -> None:
    rules = """
rules:
  - {when: contact, event: seen}
  - {when: contact, user: true, attributes: {a: {value: 1}, b: {value: 1}}}
  - {when: [contact, ticket_created], user: true, attributes: {b: {value: 2}}}
"""
    user, event = run(tmp_path, rules, moment("contact"))
    assert isinstance(user, UserElement)
    assert user.attributes == {"a": 1, "b": 2}
    assert isinstance(event, EventElement)
    assert event.attributes == {"intercom_event_id": "notif_1", "intercom_topic": "contact.user.updated"}


def test_each_makes_an_event_of_every_element(tmp_path: Path) -> None:
    rules = """
rules:
  - when: contact
    each: payload.lines
    event: {expr: item.kind, default: line}
    at: item.at
    attributes: {what: item.what, who: contact.role}
"""
    lines = [{"kind": "a.b", "what": 1, "at": 1_763_000_000}, {"kind": " ", "at": 4_000_000_000}, None]
    first, second, third = run(tmp_path, rules, moment("contact", document={"lines": lines}))
    assert isinstance(first, EventElement)
    assert (first.name, first.occurred_at) == ("a_b", 1_763_000_000_000)
    assert (first.attributes["what"], first.attributes["who"]) == (1, "user")
    assert isinstance(second, EventElement)
    assert (second.name, second.occurred_at) == ("line", RECEIVED_AT), "never in the future"
    assert isinstance(third, EventElement)
    assert third.occurred_at == OCCURRED_AT


def test_an_event_has_at_most_100_attributes(tmp_path: Path) -> None:
    rules = "rules: [{when: contact, event: e, spread: [{from: payload}]}]"
    body = {f"k{n:03}": "x" for n in range(300)}
    (event,) = run(tmp_path, rules, moment("contact", document=body))
    assert len(event.attributes) == 100
    assert event.attributes["intercom_event_id"] == "notif_1"


def test_names_that_meet_in_a_spread(tmp_path: Path) -> None:
    rules = """
rules:
  - when: contact
    user: true
    attributes: {plan: {value: own}, gone: contact.nothing}
    spread: [{from: payload, except: [secret]}]
"""
    body = {"Plan": 1, "Seats": 2, "seats": 3, "SEATS": 4, "Gone": 5, "secret": 6, "u_em": "x"}
    (user,) = run(tmp_path, rules, moment("contact", document=body))
    assert user.attributes == {
        "plan": "own",
        "intercom_plan": 1,
        "seats": 4,
        "intercom_seats": 2,  # the third of one name has nowhere to go
        "intercom_gone": 5,  # also while the rule's own attribute has no value
        "intercom_u_em": "x",
    }
    again = run(tmp_path, rules, moment("contact", document=dict(reversed(body.items()))))
    assert again == [user], "whatever the order of the map"


def test_a_deleted_contact_becomes_nothing() -> None:
    row = contact_row()
    row.deleted = True
    for word in HAPPENINGS:
        assert map_moment(DEFAULT, moment(word, row=row, ticket=view(TICKET))) == []


def test_nothing_known_happened() -> None:
    assert map_moment(DEFAULT, moment()) == []
    assert map_moment(DEFAULT, moment("something_new")) == []
    assert map_moment(DEFAULT, moment("contact", "something_new"))


@pytest.mark.parametrize(
    ("profile", "identity", "customer_id"),
    [
        ({"external_id": "cust-77"}, ("external_id", "intercom_id"), "cust-77"),
        ({"external_id": "null"}, ("external_id", "intercom_id"), "intercom:aa10"),
        ({"user_id": "cust-78"}, ("external_id", "intercom_id"), "cust-78"),
        ({"email": "a@b.example"}, ("external_id", "intercom_id"), "intercom:aa10"),
        ({"email": "a@b.example"}, ("external_id", "email"), "a@b.example"),
    ],
)
def test_identity(profile: dict[str, Any], identity: tuple[str, ...], customer_id: str) -> None:
    (user,) = map_moment(load(identity=identity), moment("contact", row=contact_row(profile)))
    assert user.customer_id == customer_id


# --- whatever comes in ---

TEXTS = st.text(max_size=12) | st.sampled_from(
    ["x" * 600, "https://" + "x" * 600, "2026-01-10T04:11:34+00:00", "9999-12-31T23:59:59-14:00", " "]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
NAMES = st.text(max_size=8) | st.sampled_from(
    ["name", "id", "u_em", "moe_spam", "MOE_X", "user_attributes", "ends_at", "content_type", "n" * 300]
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
MANY = st.integers(0, 400).map(lambda count: {f"Field {n}": n for n in range(count)})


def documents(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON | MANY)) | st.dictionaries(
        NAMES, JSON, max_size=4
    )


PROFILES = documents("name", "email", "phone", "external_id", "location", "tags", "custom_attributes")
SNAPSHOTS = documents("name", "plan", "size", "custom_attributes", "company_id")
BODIES = documents(
    "type",
    "u_fn",
    "u_mb",
    "customer_id",
    "createdate",
    "event_name",
    "event_attributes",
    "user_attributes",
    "attributes",
    "actions",
)
TICKETS = documents(
    "ticket_state", "ticket_attributes", "custom_attributes", "ticket_parts", "ticket_type"
)
STATES = st.builds(
    TicketState, st.text(max_size=3), TEXTS, TEXTS, TEXTS, st.integers(0, RECEIVED_AT + 10_000)
)

DATETIME_NAMES = re.compile(r"intercom_\w+_at|ticket_(created|updated)_at")


def check(element: Element) -> None:
    assert allowed_customer_id(element.customer_id)
    attributes = element.attributes
    orjson.dumps(attributes)
    if isinstance(element, EventElement):
        assert element.name == safe_name(element.name)
        assert len(attributes) <= 100
        assert {"intercom_event_id", "intercom_topic"} <= set(attributes)
        assert 0 < element.occurred_at <= RECEIVED_AT
    else:
        assert 0 < len(attributes) <= 256
    for name, value in attributes.items():
        assert 0 < len(name) <= 200
        assert not is_reserved(name, standard=True)
        assert safe_name(name, standard=True) == name
        values = value if isinstance(value, list) else [value]
        assert 0 < len(values) <= 50
        assert all(isinstance(each, str | bool | int | float) for each in values)
        assert len({float if type(each) is int else type(each) for each in values}) == 1
        for each in values:
            if isinstance(each, str):
                assert each.strip()
                assert len(each) <= 512
        if name in STANDARD_ATTRIBUTES:
            assert isinstance(value, bool if STANDARD_ATTRIBUTES[name] == "bool" else str)


@settings(max_examples=300, deadline=None)
@given(
    happened=st.frozensets(st.sampled_from(HAPPENINGS), min_size=1),
    profile=PROFILES,
    snapshots=st.lists(st.none() | SNAPSHOTS, max_size=3),
    body=BODIES,
    ticket=st.none() | TICKETS,
    previous=st.none() | STATES,
    contact_id=st.sampled_from(["aa10", "email:a@b.example", "customer:1", "c" * 256]),
)
def test_whatever_comes_in_what_goes_out_is_within_the_limits(
    happened: frozenset[str],
    profile: dict[str, Any],
    snapshots: list[dict[str, Any] | None],
    body: dict[str, Any],
    ticket: dict[str, Any] | None,
    previous: TicketState | None,
    contact_id: str,
) -> None:
    companies = {
        f"c{place}": Membership(at=place, snapshot=snapshot) for place, snapshot in enumerate(snapshots)
    }
    what = moment(
        *happened,
        row=ContactRow(contact_id, profile=profile, companies=companies),
        document=body,
        ticket=None if ticket is None else ticket_view({"id": "1", **ticket}),
        previous=previous,
    )
    elements = map_moment(DEFAULT, what)
    kinds = [isinstance(element, EventElement) for element in elements]
    assert kinds == sorted(kinds), "users first"
    assert kinds.count(False) <= 1
    for element in elements:
        check(element)
    assert map_moment(DEFAULT, what) == elements


def test_the_companies_that_count() -> None:
    row = contact_row()
    row.companies = {
        "c9": Membership(at=5, snapshot={**COMPANY, "id": "c9", "name": "Nine"}),
        "c2": Membership(at=5, snapshot={**COMPANY, "id": "c2", "name": "Two"}),
        "c0": Membership(at=1, snapshot=None),
        "c1": Membership(at=2, snapshot=COMPANY, member=False),
    }
    (user,) = map_moment(DEFAULT, moment("contact", row=row))
    assert user.attributes["company_name"] == "Two"
    assert user.attributes["company_names"] == ["Two", "Nine"]
    assert user.attributes["company_count"] == 2
