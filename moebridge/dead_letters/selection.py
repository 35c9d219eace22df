"""Which dead letters are meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from moebridge.dead_letters.letter import Letter
from moebridge.time_window import ALWAYS, TimeWindow


class Span(NamedTuple):
    """Offsets of a partition, from ``first`` up to, not including, ``end``."""

    first: int
    end: int

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return self.first >= self.end


@dataclass(frozen=True, slots=True)
class Selection:
    """What a letter must be to be meant; what is empty or None asks for nothing.

    ``reason`` is a part of it, without regard to case. ``customer_id`` is the record's key: of letters of
    earlier stages, the contact's or the company's id. ``event_name`` is an event's name in MoEngage; of
    earlier stages, Intercom's topic. ``configuration`` is a name in any letters;
    ``default_configuration`` is that of records which name none.
    """

    stages: frozenset[str] = frozenset()
    reason: str = ""
    statuses: frozenset[int] = frozenset()
    customer_id: str | None = None
    event_id: str | None = None
    event_name: str | None = None
    kinds: frozenset[str] = frozenset()
    configuration: str | None = None
    window: TimeWindow = ALWAYS
    partitions: frozenset[int] = frozenset()
    from_offset: int | None = None
    to_offset: int | None = None
    ids: frozenset[tuple[int, int]] = frozenset()
    default_configuration: str = "default"

    @property
    def everything(self) -> bool:
        """Whether it asks for nothing."""
        return self == Selection(default_configuration=self.default_configuration)

    def takes(self, letter: Letter) -> bool:
        """Whether the letter is meant."""
        return all(holds(self, letter) for holds in _ASKED)

    def within(self, partition: int, span: Span) -> Span:
        """The part of a partition's span where letters can be that are meant."""
        if self.partitions and partition not in self.partitions:
            return Span(span.first, span.first)
        first, end = span
        if self.from_offset is not None:
            first = max(first, self.from_offset)
        if self.to_offset is not None:
            end = min(end, self.to_offset)
        if self.ids:
            offsets = [offset for place, offset in self.ids if place == partition]
            first = max(first, min(offsets, default=end))
            end = min(end, max(offsets, default=-1) + 1)
        return Span(first, max(first, end))


def _of_configuration(selection: Selection, letter: Letter) -> bool:
    if selection.configuration is None:
        return True
    named = letter.configuration(selection.default_configuration)
    return named.lower() == selection.configuration.lower()


_ASKED: tuple[Callable[[Selection, Letter], bool], ...] = (
    lambda asked, one: not asked.partitions or one.partition in asked.partitions,
    lambda asked, one: asked.from_offset is None or one.offset >= asked.from_offset,
    lambda asked, one: asked.to_offset is None or one.offset < asked.to_offset,
    lambda asked, one: not asked.ids or (one.partition, one.offset) in asked.ids,
    lambda asked, one: not asked.stages or one.stage in asked.stages,
    lambda asked, one: asked.reason.lower() in (one.reason or one.problem).lower(),
    lambda asked, one: not asked.statuses or one.status in asked.statuses,
    lambda asked, one: asked.window == ALWAYS or one.failed_at in asked.window,
    lambda asked, one: asked.customer_id is None or one.whose == asked.customer_id,
    lambda asked, one: asked.event_id is None or one.own.get("event_id") == asked.event_id,
    lambda asked, one: asked.event_name is None or one.what == asked.event_name,
    lambda asked, one: not asked.kinds or one.own.get("kind") in asked.kinds,
    _of_configuration,
)
