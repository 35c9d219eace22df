"""Chunks and records that got lost on the way to their stage: found out, and fetched again.

A chunk may get lost between the consumer and its stage, a fetched record between the broker's client and
the ledger. What follows in the partition brings it out; where nothing follows, the partition would stand
still. Here both are seen from the books alone: a chunk that left the consumer and does not arrive, and a
client that has read further than what was handed over.

Pure: no clock, no I/O, no Faust.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.chunks import Place, Standing

#: What is on its way arrives within this time, in seconds, unless it is lost. It takes milliseconds.
PATIENCE_S = 5.0
#: And it must be missing at so many looks, for a loop that was held up has let nothing arrive.
LOOKS = 4


@dataclass(slots=True)
class _Missing:
    offset: int
    since_s: float
    looks: int = 1


@dataclass(slots=True)
class Strays:
    """What is missing, by partition, over several looks."""

    _missing: dict[Place, _Missing] = field(default_factory=dict)

    def look(
        self, now_s: float, standings: Mapping[Place, Standing], positions: Mapping[Place, int | None]
    ) -> dict[Place, int]:
        """The partitions to go back in, and the offset to go back to.

        ``positions``: offset that the broker's client reads next; None: not known. ``now_s`` only grows.
        """
        missing: dict[Place, _Missing] = {}
        lost: dict[Place, int] = {}
        for place, standing in standings.items():
            offset = _missing_from(standing, positions.get(place))
            if offset is None:
                continue
            known = self._missing.get(place)
            if known is None or known.offset != offset:
                missing[place] = _Missing(offset, now_s)
                continue
            known.looks += 1
            if now_s - known.since_s >= PATIENCE_S and known.looks >= LOOKS:
                lost[place] = offset
            else:
                missing[place] = known
        self._missing = missing
        return lost


def _missing_from(standing: Standing, position: int | None) -> int | None:
    if standing.stray is not None:
        return standing.stray
    if standing.out or standing.expected is None or position is None or position <= standing.expected:
        return None
    return standing.expected
