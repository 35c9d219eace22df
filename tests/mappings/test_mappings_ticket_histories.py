"""Of one ticket's notifications, in any order and with any repeated, come its real changes of state.

In the order of their times; what comes too late is not told (docs/decisions/0005-ticket-states.md).
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from ticket_histories import (
    ONE_A_CATEGORY,
    SHAPES,
    STATES,
    STAY,
    WITH_IDS,
    WITH_PARTS,
    History,
    Told,
    expected,
    histories,
)

from events.elements import EventElement
from mappings.payloads import envelopes
from mappings.rules import load
from streams.rehearsal import Rehearsal, element_of, rehearse

RULES = load()


class Change(NamedTuple):
    """An event ticket_state_changed, as MoEngage gets it. Times in seconds."""

    to: str
    category: str
    at: int
    origin: str | None
    origin_label: str | None
    seconds: int | None


def changes(told: list[Told]) -> list[Change]:
    """What comes of notifications, through the stages; also where all of them come in one chunk."""
    payloads = envelopes(one.payload for one in told)
    elements = [one.element for one in rehearse(RULES, payloads)]
    bridge = Rehearsal(RULES)
    bridge.feed(payloads)
    bridge.run()
    assert [element_of(delivery) for delivery in bridge.deliveries()] == elements
    events = [element for element in elements if isinstance(element, EventElement)]
    creations = [event for event in events if event.name == "ticket_created"]
    assert len(creations) == any(one.topic == "ticket.created" for one in told)
    return [
        Change(
            event.attributes["state_to_label"],
            event.attributes["state_to"],
            event.occurred_at // 1000,
            event.attributes.get("state_from"),
            event.attributes.get("state_from_label"),
            event.attributes.get("seconds_in_previous_state"),
        )
        for event in events
        if event.name == "ticket_state_changed"
    ]


def unique(told: list[Told]) -> list[Told]:
    """Without what came again under the same id."""
    return list({one.payload["id"]: one for one in told}.values())


@settings(max_examples=200, deadline=None)
@given(histories(ONE_A_CATEGORY, WITH_PARTS, again=True, in_passing=True, noops=True))
def test_every_real_change_that_is_no_old_news_is_told_as_it_was(
    known: tuple[History, list[Told]],
) -> None:
    """From, to, when, and after how long, whatever was missed, repeated or seen in passing before."""
    history, told = known
    found = changes(told)
    visits = [visit for visit, _ in expected(history, unique(told))]
    assert [change.to for change in found] == [history.states[visit].label for visit in visits]
    assert visits == sorted(set(visits))
    for visit, change in zip(visits, found, strict=True):
        before = history.states[visit - 1]
        assert (change.at, change.origin) == (history.began(visit), before.category)
        assert change.origin_label in (before.label, None)
        assert change.seconds in (STAY, None)
        if visit > 1:
            assert change.seconds == STAY


def check_within_categories(history: History, told: list[Told]) -> None:
    found = changes(told)
    wanted = expected(history, unique(told))
    assert [change.to for change in found] == [history.states[visit].label for visit, _ in wanted]
    for (visit, one), change in zip(wanted, found, strict=True):
        before = [state.category for state in history.states[:visit]]
        assert change.origin in (*before[-1:], *before[-2:-1], None)
        if history.shape == "both":
            assert change.origin == before[-1]
        if history.shape == "id":
            assert change.at == one.at
        else:
            assert history.began(visit - 1) <= change.at <= history.began(visit)


@settings(max_examples=100, deadline=None)
@given(histories(STATES, WITH_IDS, again=True, in_passing=False))
def test_states_of_one_category_that_come_back(known: tuple[History, list[Told]]) -> None:
    check_within_categories(*known)


@settings(max_examples=100, deadline=None)
@given(histories(STATES, SHAPES, again=False, in_passing=True))
def test_states_of_one_category_that_are_also_seen_in_passing(
    known: tuple[History, list[Told]],
) -> None:
    check_within_categories(*known)


@settings(max_examples=200, deadline=None)
@given(histories(STATES, SHAPES, again=True, in_passing=True, noops=True))
def test_whatever_a_payload_leaves_open_nothing_is_told_twice_or_out_of_order(
    known: tuple[History, list[Told]],
) -> None:
    """Every event is a visit of the ticket to that state, and a later one than the event before."""
    history, told = known
    visits = []
    for change in changes(told):
        visit = (change.at - history.began(0)) // STAY
        assert 0 < visit <= max(one.visit for one in told)
        assert change.category == history.states[visit].category
        visits.append(visit)
    assert visits == sorted(set(visits))
