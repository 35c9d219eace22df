"""Who wrote a changelog record, and whose records no longer count.

A worker that was cut off from its group may write to a changelog after its successor has. By offset its
row, the older one, would win at the next recovery. So every changelog record says who owned the
partition when it was written; an owner is younger whose ownership began further on in the log. Reading in
the order of the log, a record of an owner older than one already seen came late, and does not count.

What came late is still the last record of its key, and compaction may leave nothing but it. So the row as
it should be is written once more behind it, with the next changes of its partition.

Pure: no clock, no I/O, no Faust.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

#: The header of changelog records that holds the owner. A record without one, from before, always counts.
HEADER = "owner"


class Owner(NamedTuple):
    """One worker's ownership of one partition of a table; the younger is the greater.

    ``since``: the changelog's end when it took over, or more. ``generation``: of the group, which parts
    two that took over at the same end because neither wrote.
    """

    since: int
    generation: int

    def encoded(self) -> bytes:
        """As in the header, and as kept beside the rows."""
        return b"%d.%d" % self


def decoded(text: bytes) -> Owner | None:
    """The owner; None where there is none to read."""
    since, _, generation = text.partition(b".")
    try:
        return Owner(int(since), int(generation))
    except ValueError:
        return None


def owner_of(headers: Iterable[tuple[str, bytes]] | None) -> Owner | None:
    """Who wrote the record; None where it does not say."""
    for name, value in headers or ():
        if name == HEADER:
            return decoded(value)
    return None


@dataclass(slots=True)
class Succession:
    """One partition's changelog, read in order. ``youngest``: the youngest owner seen so far."""

    youngest: Owner | None = None
    #: Keys whose last record came late, with its offset.
    late: dict[bytes, int] = field(default_factory=dict)

    def counts(self, key: bytes, offset: int, owner: Owner | None) -> bool:
        """Whether the record counts. Every record of the partition, in order."""
        if owner is not None:
            if self.youngest is not None and owner < self.youngest:
                self.late[key] = offset
                return False
            self.youngest = owner
        self.late.pop(key, None)
        return True

    def take_over(self, end: int, generation: int) -> Owner:
        """The next owner, who has read up to ``end``: younger than all that were seen."""
        since = end if self.youngest is None else max(end, self.youngest.since + 1)
        self.youngest = Owner(since, generation)
        return self.youngest
