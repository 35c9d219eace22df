"""Every shape that a ticket arrives in gives the same view."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping_samples import TICKET, state, view

from events.subjects import item_of
from mappings.tickets import same_state, ticket_view

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


def part(before: Any, after: Any, at: int) -> dict[str, Any]:
    return {"ticket_state": after, "previous_ticket_state": before, "created_at": at}


def with_parts(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**TICKET, "ticket_parts": {"ticket_parts": list(parts)}, **fields}


def told(item: dict[str, Any]) -> tuple[Any, ...]:
    """Whether the state moved, by the payload alone; in seconds when it began; the state before."""
    seen = view(item)
    return seen.moved, seen.began // 1000, seen.previous_category, seen.previous_began // 1000


def test_the_newest_part_with_both_states_tells_the_one_before() -> None:
    assert told(TICKET) == (True, 1_763_999_000, "in_progress", 0)
    newest = part("waiting_on_customer", {"category": "Resolved"}, 1_763_999_900)
    beside = {"ticket": TICKET, "ticket_part": newest}
    assert told(beside) == (True, 1_763_999_900, "waiting_on_customer", 1_763_999_000)
    assert view(beside).state.at == 1_763_999_900_000


def test_a_part_that_is_told_twice_is_one_move() -> None:
    last = part("resolved", "submitted", 30)
    seen = view(
        {"ticket": with_parts(part("submitted", "resolved", 20), last), "ticket_part": dict(last)}
    )
    assert (seen.previous_began, seen.state.reopened) == (20_000, 1)


def test_a_part_that_moved_nothing_says_so() -> None:
    """The ticket is in its first category, since it was made."""
    nothing = part("submitted", "submitted", 1_763_990_400)
    item = with_parts(nothing, ticket_state="submitted")
    assert told(item) == (False, 1_763_990_000, "submitted", 0)
    assert view(item).state.at == 1_763_990_400_000


def test_a_part_that_moved_nothing_leaves_the_move_before_it() -> None:
    item = with_parts(
        part("in_progress", "submitted", 20), part("submitted", "resolved", 30),
        part("resolved", "resolved", 40),
    )  # fmt: skip
    assert told(item) == (False, 30, "submitted", 20)


def test_reopening_is_counted_from_the_parts() -> None:
    moves = ["submitted", "resolved", "in_progress", "resolved", "resolved", "submitted"]
    item = with_parts(*(part(*pair, at) for at, pair in enumerate(pairwise(moves), start=1)))
    assert view(item).state.reopened == 2


def test_without_parts_nothing_tells_when_a_state_began() -> None:
    assert told(with_parts(ticket_state={"id": "3", "category": "resolved"})) == (True, 0, "", 0)


def test_the_state_before_by_its_id() -> None:
    states = {"type": "list", "data": [{"id": "2", "category": "in_progress"}, {"id": "3"}]}
    ticket = {
        **TICKET,
        "ticket_parts": None,
        "previous_ticket_state_id": "2",
        "ticket_type": {"name": "Billing", "ticket_states": states},
    }
    assert view(ticket).previous_id == "2"
    assert told(ticket) == (True, 0, "in_progress", 0)
    assert told({**ticket, "ticket_type": "Billing"}) == (True, 0, "", 0)
    assert told({**ticket, "previous_ticket_state_id": "3"})[0] is False
    assert view(ticket).state.at == 1_764_000_000_000


def test_a_move_within_a_category_is_told_by_the_id_alone() -> None:
    within = (part("submitted", "in_progress", 20), part("in_progress", "in_progress", 30))
    now = {"id": "22", "category": "in_progress"}
    assert told(with_parts(*within, ticket_state=now)) == (False, 20, "submitted", 0)
    states = {"data": [{"id": "21", "category": "in_progress"}]}
    by_id = with_parts(*within, ticket_state=now, previous_ticket_state_id="21")
    assert told({**by_id, "ticket_type": {"ticket_states": states}}) == (True, 20, "in_progress", 0)
    assert told(by_id) == (True, 20, "", 0)  # the newest part may as well have moved nothing


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
    if seen is not None:
        assert seen.id
        assert same_state(seen.state, seen.state)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="captured payloads are not here")
def test_captured_tickets() -> None:
    seen = {}
    for path in sorted(SAMPLES.glob("ticket_*.json")):
        item = item_of(json.loads(path.read_bytes()))
        seen[path.stem] = view(item)
    assert {one.state.category for one in seen.values()} == {"submitted"}
    assert {one.type_name for one in seen.values()} == {"Tickets"}
    changed = seen["ticket_state_updated"]
    assert (changed.moved, changed.previous_category) == (False, "submitted")
    assert (changed.began, changed.state.at) == (changed.created_at, 1_768_114_250_000)
    attached, noted = seen["ticket_contact_attached"], seen["ticket_note_created"]
    assert attached.id == noted.id
    assert same_state(attached.state, noted.state)
