"""What is replayed, record by record; and what chooses it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from streams.chunks import Place
from streams.publishing import Outgoing
from streams.replay.plan import Totals


class Chosen(NamedTuple):
    """One record of the source topic: what to publish for it, and what comes of that.

    A record that only moves the position has nothing ``outgoing``. ``users`` and ``events`` are elements.
    """

    place: Place
    offset: int
    outgoing: tuple[Outgoing, ...] = ()
    users: int = 0
    events: int = 0


class Choosing(Protocol):
    """The records of one replay."""

    @property
    def totals(self) -> Totals:
        """What the whole replay comes to, also what of it is done already."""
        ...

    def chosen(self, after: Mapping[int, int]) -> AsyncIterator[Chosen]:
        """The records in the order of replay, from the next offset of each partition in ``after`` on.

        Raises RecordsUnreadable where the broker is away; it can be called again.
        """
        ...

    async def fresh(self, chosen: Sequence[Chosen]) -> list[Chosen]:
        """The same records as they are to be published now: some may have been overtaken since.

        Raises RecordsUnreadable.
        """
        ...
