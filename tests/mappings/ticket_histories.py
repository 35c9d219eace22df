"""Histories of one ticket, what Intercom tells of them in any order, and what is to come of that.

A history is a row of visits: the ticket comes to a state and stays there until the next visit. What is
expected is said of one visit at a time, by what had been told before: no state is kept here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from hypothesis import strategies as st

Json = dict[str, Any]

BEGAN = 1_768_000_000
#: Between two visits, in seconds.
STAY = 100


class State(NamedTuple):
    """A state of the workspace; two of them may share a category."""

    id: str
    category: str
    label: str


STATES = [
    State("11", "submitted", "New"),
    State("12", "in_progress", "Looking"),
    State("13", "in_progress", "Repairing"),
    State("14", "waiting_on_customer", "Asked"),
    State("15", "resolved", "Fixed"),
]
ONE_A_CATEGORY = [state for state in STATES if state.id != "13"]

#: How a payload tells of the state and of the one before: a string beside parts, up to API 2.11; an
#: object beside parts; that with the id of the state before, from 2.16 on; and the id without parts.
Shape = Literal["string", "object", "both", "id"]
WITH_PARTS: tuple[Shape, ...] = ("string", "object", "both")
WITH_IDS: tuple[Shape, ...] = ("both", "id")
SHAPES: tuple[Shape, ...] = (*WITH_PARTS, "id")


@dataclass(frozen=True)
class History:
    """The states of the visits; ``noops``: when a state was set to what it was, in seconds."""

    states: tuple[State, ...]
    shape: Shape
    noops: tuple[int, ...] = ()

    def began(self, visit: int) -> int:
        return BEGAN + STAY * visit

    def shows(self, visit: int) -> bool:
        """Whether the visit's own notification shows by itself that the state is another."""
        by_id = self.shape in WITH_IDS
        return by_id or self.states[visit].category != self.states[visit - 1].category

    def are_told_apart(self, earlier: int, later: int) -> bool:
        """Whether two visits show that they are two: other states, or a move that parts tell between."""
        if self.states[earlier] != self.states[later]:
            return True
        categories = {state.category for state in self.states[earlier : later + 1]}
        return self.shape in WITH_PARTS and len(categories) > 1


@dataclass(frozen=True)
class Told:
    """A notification of a visit, sent at ``at`` seconds. ``own``: it reports the move that began it."""

    topic: str
    visit: int
    at: int
    own: bool
    payload: Json


#: Under which topics a move is reported: one click may send two.
_TOPICS = [
    ("ticket.state.updated",),
    ("ticket.resolved",),
    ("ticket.state.updated", "ticket.closed"),
    (),
]


@st.composite
def histories(
    draw: st.DrawFn,
    states: Sequence[State],
    shapes: Sequence[Shape],
    *,
    again: bool,
    in_passing: bool,
    noops: bool = False,
) -> tuple[History, list[Told]]:
    """A history, and what was told of it: shuffled, not all of it, some of it twice.

    ``again``: a state may come back. ``in_passing``: topics that are not about the state tell of it too.
    """
    if again:  # few, so that they come back often
        states = draw(st.sampled_from([states, states[:2], states[-3:]]))
    visited = [draw(st.sampled_from(states))]
    for state in draw(st.lists(st.sampled_from(states), max_size=5)):
        if state != visited[-1] and (again or state not in visited):
            visited.append(state)
    within = st.tuples(st.integers(0, len(visited) - 1), st.integers(1, STAY - 1))
    moments = st.lists(within.map(lambda pair: BEGAN + STAY * pair[0] + pair[1]), max_size=3)
    history = History(
        tuple(visited), draw(st.sampled_from(shapes)), tuple(draw(moments)) if noops else ()
    )
    told = [_told(history, "ticket.created", 0, BEGAN)]
    for visit in range(1, len(visited)):
        topics = draw(st.sampled_from(_TOPICS))
        told += [_told(history, topic, visit, history.began(visit), own=True) for topic in topics]
    told += [_told(history, "ticket.state.updated", (at - BEGAN) // STAY, at) for at in history.noops]
    for at in draw(moments) if in_passing else ():
        told.append(_told(history, "ticket.note.created", (at - BEGAN) // STAY, at))
    chosen = draw(st.permutations(told))[: draw(st.integers(1, len(told)))]
    if draw(st.booleans()):  # so that what is not about a move comes first
        chosen.sort(key=lambda one: one.own or one.topic == "ticket.created")
    again_by_id = draw(st.lists(st.sampled_from(chosen), max_size=3))
    under_other_ids = [
        replace(one, payload={**one.payload, "id": f"{one.payload['id']}-{number}"})
        for number, one in enumerate(draw(st.lists(st.sampled_from(chosen), max_size=2)))
    ]
    return history, chosen + draw(st.permutations(again_by_id + under_other_ids))


def expected(history: History, told: Sequence[Told]) -> list[tuple[int, Told]]:
    """The visits of which the arrival is told, each with the notification that brings it, in order."""
    places = {
        visit: place
        for visit in range(1, len(history.states))
        if (place := _place(history, told, visit)) is not None
    }
    return [(visit, told[place]) for visit, place in sorted(places.items(), key=lambda pair: pair[1])]


def _place(history: History, told: Sequence[Told], visit: int) -> int | None:
    """Which notification tells of a visit: the first, unless a newer visit came before; if it shows."""
    for place, one in enumerate(told):
        before = told[:place]
        if any(earlier.visit > visit for earlier in before):
            return None  # too late
        if one.visit != visit:
            continue
        if before and before[0].visit != visit:
            newest = max(earlier.visit for earlier in before)
            return place if history.are_told_apart(newest, visit) else None
        # Of this ticket nothing else is known: only the visit's own notification makes it news.
        if one.own and history.shows(visit):
            return place
    return None


def _told(history: History, topic: str, visit: int, at: int, *, own: bool = False) -> Told:
    state, shape = history.states[visit], history.shape
    ticket: Json = {
        "id": "t1",
        "contacts": {"contacts": [{"id": "c1", "external_id": "cust-1"}]},
        "ticket_state": {"id": state.id, "category": state.category, "internal_label": state.label},
        "created_at": BEGAN,
        "updated_at": at,
    }
    if shape == "string":
        ticket |= {"ticket_state": state.category, "ticket_state_internal_label": state.label}
    if shape in WITH_IDS:
        nothing_moved = visit == 0 or (at in history.noops and not own)
        ticket["previous_ticket_state_id"] = history.states[visit - (not nothing_moved)].id
    if shape == "both":
        listed = [{"id": one.id, "category": one.category} for one in STATES]
        ticket["ticket_type"] = {"name": "Bug", "ticket_states": {"data": listed}}
    if shape in WITH_PARTS:
        ticket["ticket_parts"] = {"ticket_parts": _parts(history, visit, at)}
    item = {"ticket": ticket} if topic in ("ticket.closed", "ticket.note.created") else ticket
    return Told(topic, visit, at, own, {"topic": topic, "id": f"{topic}-{visit}-{at}", "item": item})


def _parts(history: History, visit: int, at: int) -> list[Json]:
    """Every part up to a time, as Intercom's payloads have them; the first is made with the ticket."""
    categories = [state.category for state in history.states]
    moves = [(categories[max(n - 1, 0)], categories[n], history.began(n)) for n in range(visit + 1)]
    nothing = [(categories[(n - BEGAN) // STAY],) * 2 + (n,) for n in history.noops if n <= at]
    return [
        {"previous_ticket_state": before, "ticket_state": after, "created_at": made_at}
        for before, after, made_at in [*moves, *nothing]
    ]
