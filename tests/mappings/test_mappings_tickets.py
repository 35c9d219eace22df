"""Every shape that a ticket arrives in gives the same view."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping_samples import TICKET, state, view

from events.subjects import item_of
from mappings.tickets import same_state, stated_previous, stated_previous_id, ticket_view

# The same ticket as TICKET in the older shape of ticket.contact.*.
LEGACY: dict[str, Any] = {
    "type": "ticket",
    "id": 9001,
    "custom_attributes": {
        "_default_title_": {"type": "string", "value": "Cannot pay"},
        "Amount": {"type": "decimal", "value": 12.5},
        "Root cause": {"type": "string"},
    },
    "state": "resolved",
    "ticket_type": "Billing",
    "ticket_custom_state_admin_label": "fixed",
    "ticket_custom_state_user_label": "done",
}

SAMPLES = (
    Path(os.environ.get("MOEBRIDGE_SAMPLES") or Path(__file__).parents[3] / "shared" / "samples")
    / "webhooks"
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def test_a_bare_ticket() -> None:
    seen = view(TICKET)
    assert (seen.id, seen.number, seen.category, seen.type_name) == ("9001", "42", "Customer", "Billing")
    assert (seen.created_at, seen.updated_at) == (1_763_990_000_000, 1_764_000_000_000)
    assert (seen.open, seen.admin_assignee_id, seen.team_assignee_id) == (False, "811", "")
    assert seen.attributes["Root cause"] == "card"
    assert seen.state == state("3", "resolved", "Fixed", "Done", at=1_763_999_000_000)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "ticket_ticket_part", "ticket": TICKET, "ticket_part": {"part_type": "note"}},
        {"type": "ticket", "ticket": TICKET},
    ],
)
def test_a_wrapped_ticket_is_the_same(item: dict[str, Any]) -> None:
    assert view(item) == view(TICKET)


def test_the_older_shape_is_the_same_ticket_in_the_same_state() -> None:
    seen = view({"ticket": LEGACY, "contact": {"id": "aa10"}})
    assert (seen.id, seen.number, seen.type_name) == ("9001", "", "Billing")
    assert seen.attributes == {"_default_title_": "Cannot pay", "Amount": 12.5, "Root cause": None}
    assert seen.state.at == 0
    assert same_state(seen.state, view(TICKET).state)


def test_a_state_written_as_a_string_has_the_key_that_the_older_shape_has() -> None:
    labels = {"ticket_state_internal_label": "Fixed", "ticket_state_external_label": "Done"}
    old = view({**TICKET, "ticket_state": "resolved", **labels})
    assert old.state.key == view({"ticket": LEGACY}).state.key


@pytest.mark.parametrize("nobody", ["0", 0, None, ""])
def test_nobody_is_assigned(nobody: Any) -> None:
    assert view({**TICKET, "admin_assignee_id": nobody}).admin_assignee_id == ""


def test_assignees_as_integers() -> None:
    assert view({**TICKET, "team_assignee_id": 77}).team_assignee_id == "77"


@pytest.mark.parametrize("raw", [None, 5, [], {}, "reopened", {"id": "9", "category": "brand_new"}])
def test_unknown_states_do_no_harm(raw: Any) -> None:
    assert view({**TICKET, "ticket_state": raw}).id == "9001"


def test_no_id_is_no_ticket() -> None:
    assert ticket_view({"ticket_id": "42"}) is None


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (state("3", "resolved", "Fixed"), state("3", "submitted", "New"), True),
        (state("3", "resolved", "Fixed"), state("4", "resolved", "Fixed"), False),
        (state("3", "resolved", "Fixed"), state("resolved|fixed|", "resolved", "FIXED"), True),
        (state("3", "resolved", "Fixed"), state("resolved|other|", "resolved", "Other"), False),
        (state("3", "resolved", "Fixed"), state("resolved||", "resolved"), True),
        (state("3", "resolved", "Fixed"), state("submitted||", "submitted"), False),
        (state("3", "resolved", "Fixed"), state(""), True),
    ],
)
def test_same_state(a: Any, b: Any, same: bool) -> None:
    assert same_state(a, b) is same
    assert same_state(b, a) is same


def test_the_newest_part_with_both_states_tells_the_one_before() -> None:
    assert stated_previous(TICKET) == "in_progress"
    part = {"ticket_state": "resolved", "previous_ticket_state": "waiting_on_customer"}
    newest = {**part, "created_at": 1_763_999_900}
    assert stated_previous({"ticket": TICKET, "ticket_part": newest}) == "waiting_on_customer"
    assert view({"ticket": TICKET, "ticket_part": newest}).state.at == 1_763_999_900_000


def test_a_part_that_moved_nothing_says_so() -> None:
    parts = {"ticket_parts": TICKET["ticket_parts"]["ticket_parts"][:1]}
    assert stated_previous({**TICKET, "ticket_state": "submitted", "ticket_parts": parts}) == "submitted"


def test_the_state_before_by_its_id() -> None:
    states = {"type": "list", "data": [{"id": "2", "category": "in_progress"}, {"id": "3"}]}
    ticket = {
        **TICKET,
        "ticket_parts": None,
        "previous_ticket_state_id": "2",
        "ticket_type": {"name": "Billing", "ticket_states": states},
    }
    assert stated_previous_id(ticket) == "2"
    assert stated_previous(ticket) == "in_progress"
    assert stated_previous({**ticket, "ticket_type": "Billing"}) is None
    assert view(ticket).state.at == 1_764_000_000_000


@given(
    st.fixed_dictionaries(
        {"id": st.just("1")},
        optional=dict.fromkeys(
            (
                "ticket",
                "ticket_id",
                "ticket_attributes",
                "custom_attributes",
                "ticket_state",
                "state",
                "ticket_type",
                "ticket_part",
                "ticket_parts",
                "previous_ticket_state_id",
                "created_at",
                "updated_at",
                "open",
                "admin_assignee_id",
            ),
            JSON,
        ),
    )
)
def test_no_item_is_too_odd(item: dict[str, Any]) -> None:
    seen = ticket_view(item)
    previous = stated_previous(item)
    assert previous is None or previous
    if seen is not None:
        assert seen.id
        assert same_state(seen.state, seen.state)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="captured payloads are not here")
def test_captured_tickets() -> None:
    seen = {}
    for path in sorted(SAMPLES.glob("ticket_*.json")):
        item = item_of(json.loads(path.read_bytes()))
        seen[path.stem] = (view(item), stated_previous(item))
    assert {entry.state.category for entry, _ in seen.values()} == {"submitted"}
    assert {entry.type_name for entry, _ in seen.values()} == {"Tickets"}
    assert seen["ticket_state_updated"][1] == "submitted"
    assert seen["ticket_contact_attached"][0].id == seen["ticket_note_created"][0].id
    assert same_state(seen["ticket_contact_attached"][0].state, seen["ticket_note_created"][0].state)
    assert seen["ticket_state_updated"][0].state.at == 1_768_114_250_000
