"""Records of a replay that are published together, and how far they bring it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.publishing import Outgoing
from streams.replay.chosen import Chosen
from streams.replay.control import Counts, Positions, Reached

MAX_BATCH = 100
MAX_BATCH_BYTES = 500_000


@dataclass(slots=True)
class Batch:
    """``start`` is where the replay is before it, ``positions`` where the partitions are that it moves.

    ``chosen`` are all records, ``records`` counts those that something is published for.
    """

    start: Positions
    chosen: list[Chosen] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    size: int = 0
    records: int = 0
    users: int = 0
    events: int = 0
    positions: dict[int, Reached] = field(default_factory=dict)
    published: bool = False

    def add(self, chosen: Chosen) -> None:
        """One more record, the next of its partition."""
        partition = chosen.place.partition
        before = self.positions.get(partition) or self.start.get(partition) or Reached(0)
        counts = Counts(1 if chosen.outgoing else 0, chosen.users, chosen.events)
        self.positions[partition] = Reached(chosen.offset + 1, before.counts + counts)
        self.chosen.append(chosen)
        self.outgoing += chosen.outgoing
        self.size += _size(chosen)
        self.records += counts.records
        self.users += chosen.users
        self.events += chosen.events

    def has_room_for(self, chosen: Chosen) -> bool:
        """Whether the record still fits; one alone always does."""
        if not self.outgoing or not chosen.outgoing:
            return True
        return (
            len(self.outgoing) + len(chosen.outgoing) <= MAX_BATCH
            and self.size + _size(chosen) <= MAX_BATCH_BYTES
        )


def _size(chosen: Chosen) -> int:
    return sum(len(one.value or b"") for one in chosen.outgoing)
