"""A replay that is told to stop while it still rehearses what was replayed before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from moebridge.replay_run import Stoppable
from streams.chunks import Place
from streams.replay.chosen import Chosen
from streams.replay.plan import Totals

RECORDS = [Chosen(Place("intercom.events", 0), offset) for offset in range(3)]


class Rehearsing:
    """Yields once it is let go on."""

    def __init__(self) -> None:
        self.totals = Totals()
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.closed = False

    async def chosen(self, after: Mapping[int, int]) -> AsyncIterator[Chosen]:
        try:
            self.asked.set()
            await self.go_on.wait()
            for one in RECORDS:
                yield one
        finally:
            self.closed = True

    async def fresh(self, chosen: Sequence[Chosen]) -> list[Chosen]:
        return list(chosen)


async def test_told_to_stop_it_does_not_wait_for_the_first_record() -> None:
    rehearsing, stop = Rehearsing(), asyncio.Event()
    records = Stoppable(rehearsing, stop).chosen({})
    first = asyncio.ensure_future(anext(records))
    await rehearsing.asked.wait()
    stop.set()
    with pytest.raises(TimeoutError):
        await first
    assert rehearsing.closed


async def test_otherwise_all_of_them_come() -> None:
    rehearsing = Rehearsing()
    rehearsing.go_on.set()
    assert [one async for one in Stoppable(rehearsing, asyncio.Event()).chosen({})] == RECORDS
    assert rehearsing.closed
