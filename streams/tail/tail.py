"""Brings together what belongs to one event, and shows what is wanted. Pure.

A receipt names delivery ids and nothing else, so the deliveries seen of late are remembered: whose they
are, what, and when the event was received. And of each event it is remembered which of the questions
that were asked (streams.tail.filters) one of its records has answered with yes: its other records are
shown for that, also those that came before, which wait here until then.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from events.topics import topic_name
from streams.tail.filters import Filters
from streams.tail.recent import Recent
from streams.tail.records import FOLLOWED, sightings
from streams.tail.sighting import Sighting

#: Deliveries, and events, that are remembered at most, and for how long.
MOST_DELIVERIES = 50_000
MOST_EVENTS = 20_000
AGE_MS = 3_600_000
#: Sightings of one event that wait until it is known whether they are wanted.
MOST_WAITING = 16


@dataclass(slots=True)
class _Event:
    """``met`` are the questions that some record of the event has answered with yes."""

    received_at: int | None = None
    met: frozenset[str] = frozenset()
    waiting: list[Sighting] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a delivery was, and what a dead letter has told of it: refused, parked, or ""."""

    mapped: Sighting
    lettered: str = ""


class Tail:
    """``prefix`` is that of the topics; ``most_*`` and ``age_ms`` bound what is remembered."""

    def __init__(
        self,
        filters: Filters,
        *,
        prefix: str = "",
        most_deliveries: int = MOST_DELIVERIES,
        most_events: int = MOST_EVENTS,
        age_ms: int = AGE_MS,
    ) -> None:
        self._filters = filters
        self._asked = filters.asked
        self._names = {topic_name(name, prefix): name for name in FOLLOWED}
        self._deliveries: Recent[str, _Known] = Recent(most_deliveries, age_ms)
        self._events: Recent[tuple[str, str], _Event] = Recent(most_events, age_ms)

    @property
    def remembered(self) -> tuple[int, int]:
        """How many deliveries, and how many events."""
        return len(self._deliveries), len(self._events)

    def take(self, record: Any, now_ms: int) -> list[Sighting]:
        """What to show now that this record was read, in order. ``now_ms`` only grows."""
        shown: list[Sighting] = []
        for sighting in sightings(record, self._names[record.topic]):
            if sighting.stage == "unreadable":
                # Nobody knows what is in it, so it is nothing that was asked for.
                if not self._asked and self._filters.of_stage(sighting):
                    shown.append(sighting)
                continue
            known = self._correlated(sighting, now_ms)
            if known is not None:
                shown += self._judged(known, now_ms)
        return shown

    def _correlated(self, one: Sighting, now_ms: int) -> Sighting | None:
        """With what is remembered of its delivery; None of what its dead letter has told already."""
        if not one.delivery_id:
            return one
        if one.stage == "mapped":
            self._deliveries.put(one.delivery_id, _Known(one), now_ms)
            return one
        if one.refused_by:  # a dead letter tells all itself
            self._deliveries.put(one.delivery_id, _Known(one, lettered=one.stage), now_ms)
            return one
        known = self._deliveries.get(one.delivery_id)
        if known is None:
            return one
        if known.lettered == one.stage:
            return None
        was = known.mapped
        return replace(
            one, event_id=was.event_id, customer=was.customer, kind=was.kind, name=was.name,
            received_at=was.received_at, replay=was.replay, redriven=was.redriven,
        )  # fmt: skip

    def _judged(self, one: Sighting, now_ms: int) -> list[Sighting]:
        """The sighting, if it is wanted; before it those of its event that waited for it."""
        event = self._event(one, now_ms)
        event.received_at = one.received_at if event.received_at is None else event.received_at
        if one.received_at is None:
            one = replace(one, received_at=event.received_at)
        answers = self._answers(one)
        if False in answers.values():
            return []
        shown = self._met(event, answers)
        if not self._filters.of_stage(one):
            return shown
        if _wanted(event, answers):
            return [*shown, one]
        if len(event.waiting) < MOST_WAITING:
            event.waiting.append(one)
        return shown

    def _event(self, one: Sighting, now_ms: int) -> _Event:
        if not one.event_id:  # a dead letter of a record that named none
            return _Event()
        key = self._filters.config_of(one), one.event_id
        event = self._events.get(key)
        if event is None:
            event = _Event()
            self._events.put(key, event, now_ms)
        return event

    def _answers(self, one: Sighting) -> dict[str, bool | None]:
        return {name: self._filters.answer(name, one) for name in self._asked}

    def _met(self, event: _Event, answers: dict[str, bool | None]) -> list[Sighting]:
        """Note what a sighting says of its event; those that are wanted now, for they waited for it."""
        met = frozenset(name for name, answer in answers.items() if answer)
        if met <= event.met:
            return []
        event.met |= met
        judged = [(one, _wanted(event, self._answers(one))) for one in event.waiting]
        event.waiting = [one for one, wanted in judged if not wanted]
        return [one for one, wanted in judged if wanted]


def _wanted(event: _Event, answers: dict[str, bool | None]) -> bool:
    return all(answer or (answer is None and name in event.met) for name, answer in answers.items())
