"""Of one ticket's notifications, in any order and with any repeated, come its real changes of state.

In the order of their times; what comes too late is not told (docs/decisions/0005-ticket-states.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from events.elements import EventElement
from mappings.payloads import envelopes
from mappings.rules import load
from streams.rehearsal import rehearse

RULES = load()
BEGAN = 1_768_000_000

#: id, category, label; two of one category.
STATES = [
    ("11", "submitted", "New"),
    ("12", "in_progress", "Looking"),
    ("13", "in_progress", "Repairing"),
    ("14", "waiting_on_customer", "Asked"),
    ("15", "resolved", "Fixed"),
]

#: How a payload tells of the state before: by parts, beside an object or a string; or by its id.
Shape = Literal["object", "string", "id"]


@dataclass(frozen=True)
class Told:
    """One notification. ``index`` is the place of the ticket's state in its history."""

    topic: str
    index: int
    at: int
    moved: bool
    payload: dict[str, Any]

    @property
    def about_state(self) -> bool:
        return self.topic in ("ticket.state.updated", "ticket.resolved", "ticket.closed")


@st.composite
def histories(draw: st.DrawFn, *, again: bool, in_passing: bool) -> tuple[list[int], list[Told]]:
    """States in their order, and what was told of them, shuffled, some of it twice.

    ``again``: a state may come back. ``in_passing``: also topics that are not about the state tell.
    """
    shape: Shape = draw(st.sampled_from(["object", "string", "id"]))
    states = [draw(st.sampled_from(range(len(STATES))))]
    for state in draw(st.lists(st.sampled_from(range(len(STATES))), max_size=5)):
        if state != states[-1] and (again or state not in states):
            states.append(state)
    times = [BEGAN + 100 * place for place in range(len(states))]
    told = [_told("ticket.created", states, times, 0, BEGAN, shape)]
    if draw(st.booleans()):
        told.append(_told("ticket.state.updated", states, times, 0, BEGAN, shape, moved=False))
    for index in range(1, len(states)):
        topics = draw(
            st.lists(
                st.sampled_from(["ticket.state.updated", "ticket.resolved", "ticket.closed"]), max_size=2
            )
        )
        told += [_told(topic, states, times, index, times[index], shape) for topic in topics]
    for index in draw(st.lists(st.sampled_from(range(len(states))), max_size=3 if in_passing else 0)):
        at = times[index] + draw(st.integers(1, 99))
        told.append(_told("ticket.note.created", states, times, index, at, shape))
    chosen = draw(st.permutations(told))[: draw(st.integers(1, len(told)))]
    if in_passing and draw(st.booleans()):
        chosen.sort(key=lambda one: one.topic != "ticket.note.created")  # so that they tell first
    return states, chosen + draw(st.lists(st.sampled_from(chosen), max_size=3))


def _told(
    topic: str, states: list[int], times: list[int], index: int, at: int, shape: Shape, moved: bool = True
) -> Told:
    state_id, category, label = STATES[states[index]]
    before = states[index - 1] if index else states[index]
    ticket: dict[str, Any] = {
        "id": "t1",
        "contacts": {"contacts": [{"id": "c1", "external_id": "cust-1"}]},
        "ticket_state": {"id": state_id, "category": category, "internal_label": label},
        "created_at": BEGAN,
        "updated_at": at,
    }
    if shape == "string":
        ticket |= {"ticket_state": category, "ticket_state_internal_label": label}
    if shape == "id":
        ticket["previous_ticket_state_id"] = STATES[before][0]
        moved = before != states[index]
    else:
        ticket["ticket_parts"] = {
            "ticket_parts": [
                {
                    "ticket_state": STATES[states[place]][1],
                    "previous_ticket_state": STATES[states[place - 1 if place else 0]][1],
                    "created_at": times[place],
                }
                for place in range(index + 1)
            ]
        }
        at = times[index]
        moved = STATES[before][1] != category
    item = {"ticket": ticket} if topic in ("ticket.closed", "ticket.note.created") else ticket
    number = f"{topic}-{index}-{ticket['updated_at']}"
    return Told(topic, index, at, moved, {"topic": topic, "id": number, "item": item})


def expected(states: list[int], told: list[Told]) -> list[tuple[str, int]]:
    """Label and time of the changes that are told, as the decision has it."""
    changes: list[tuple[str, int]] = []
    known: int | None = None
    noted_in_passing = False
    for one in told:
        if known is None or (states[one.index] == states[known] and noted_in_passing):
            # The payload itself has to tell whether it is a change.
            change = one.about_state and one.moved
            noted_in_passing = not one.about_state and one.topic != "ticket.created"
        else:
            change = one.index > known and states[one.index] != states[known]
        if known is not None and one.index < known:
            continue
        known = one.index
        if change:
            changes.append((STATES[states[one.index]][2], one.at))
            noted_in_passing = False
    return changes


def check(history: tuple[list[int], list[Told]]) -> None:
    states, told = history
    rehearsed = rehearse(RULES, envelopes(one.payload for one in told))
    events = [one.element for one in rehearsed if isinstance(one.element, EventElement)]
    changes = [event for event in events if event.name == "ticket_state_changed"]
    found = [(event.attributes["state_to_label"], event.occurred_at // 1000) for event in changes]
    unique = list({one.payload["id"]: one for one in told}.values())
    assert found == expected(states, unique)
    assert [at for _, at in found] == sorted({at for _, at in found}), "in order, and none of them twice"
    names = [event.name for event in events]
    assert names.count("ticket_created") == sum(one.topic == "ticket.created" for one in unique)


@settings(max_examples=150, deadline=None)
@given(histories(again=True, in_passing=False))
def test_a_ticket_that_comes_back_to_its_states(history: tuple[list[int], list[Told]]) -> None:
    check(history)


@settings(max_examples=150, deadline=None)
@given(histories(again=False, in_passing=True))
def test_a_ticket_whose_states_are_also_seen_in_passing(history: tuple[list[int], list[Told]]) -> None:
    check(history)
