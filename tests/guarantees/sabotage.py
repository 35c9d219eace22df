"""A worker in which one thing is broken, as it may break in Faust, in the broker's client or in a loop.

``python sabotage.py WHAT worker``: as ``python -m moebridge worker``, but for WHAT. Most break when
records of contacts come for the second time, so that the worker was well before.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import streams.app
from streams.consumer_thread import ChunkConsumerThread
from streams.transport import ChunkConsumer

CONTACTS = "intercom.contacts"


class Count:
    """Whether it is the n-th time."""

    def __init__(self, turn: int) -> None:
        self._left = turn

    def now(self) -> bool:
        self._left -= 1
        return self._left == 0


def when_contacts_come(turn: int, then: Callable[[ChunkConsumer], None]) -> None:
    """Do something when records of contacts were fetched for the n-th time."""
    enter, count = ChunkConsumer._enter, Count(turn)

    async def entering(self: ChunkConsumer, tp: Any, records: Any) -> Any:
        if tp.topic.endswith(CONTACTS) and count.now():
            then(self)
        return await enter(self, tp, records)

    ChunkConsumer._enter = entering  # type: ignore[method-assign]


def lost_chunk() -> None:
    """Chunks get lost between the consumer and Faust's stream, once a partition."""
    getmany, gone = ChunkConsumer.getmany, set()

    async def losing(self: ChunkConsumer, timeout: float) -> Any:
        async for tp, message in getmany(self, timeout):
            if tp.topic.endswith(CONTACTS) and tp not in gone:
                gone.add(tp)
            else:
                yield tp, message

    ChunkConsumer.getmany = losing  # type: ignore[method-assign,assignment]


def lost_records() -> None:
    """Records get lost between the broker's client and the consumer, once a partition."""
    fetch, gone = ChunkConsumerThread._fetch_records, set()

    async def losing(self: ChunkConsumerThread, *args: Any, **kwargs: Any) -> Any:
        fetched = dict(await fetch(self, *args, **kwargs))
        for tp in list(fetched):
            if tp.topic.endswith(CONTACTS) and tp not in gone:
                gone.add(tp)
                del fetched[tp]
        return fetched

    ChunkConsumerThread._fetch_records = losing  # type: ignore[method-assign]


def thread_ends() -> None:
    """The consumer's thread ends."""
    when_contacts_come(2, lambda consumer: consumer._thread._soon(consumer._thread.thread_loop.stop))


def fetch_loop_ends() -> None:
    """Faust's fetch loop ends, and says nothing."""
    over = asyncio.Event()
    when_contacts_come(2, lambda _: over.set())
    drain = ChunkConsumer._drain_messages

    async def draining(self: ChunkConsumer, fetcher: Any) -> None:
        going = asyncio.ensure_future(drain(self, fetcher))
        ending = asyncio.ensure_future(over.wait())
        await asyncio.wait({going, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        going.cancel()
        await asyncio.wait({going})

    ChunkConsumer._drain_messages = draining  # type: ignore[method-assign]


def fetching_ends() -> None:
    """The client's fetch task ends; polls go on and bring nothing."""

    def end(consumer: ChunkConsumer) -> None:
        consumer._thread._soon(lambda: consumer._thread._consumer._fetcher._fetch_task.cancel())

    when_contacts_come(2, end)


def polls_hang() -> None:
    """A poll never comes back."""

    async def hanging(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    def hang(consumer: ChunkConsumer) -> None:
        consumer._thread.getmany = hanging  # type: ignore[method-assign]

    when_contacts_come(2, hang)


def commit_hangs() -> None:
    """A commit is never confirmed."""

    async def hanging(*_: Any) -> bool:
        await asyncio.Event().wait()
        return False

    def hang(consumer: ChunkConsumer) -> None:
        consumer._commit = hanging  # type: ignore[method-assign]

    when_contacts_come(2, hang)


def recovery_hangs() -> None:
    """The recovery of tables never ends."""
    from faust.tables.recovery import Recovery

    async def hanging(*_: Any) -> None:
        await asyncio.Event().wait()

    Recovery.on_recovery_completed = hanging  # type: ignore[method-assign]


def join_hangs() -> None:
    """A rejoin of the group never ends, for the answer is an error every time."""
    from aiokafka.consumer.group_coordinator import GroupCoordinator
    from aiokafka.errors import KafkaError

    async def failing(*_: Any) -> Any:
        raise KafkaError("an error that nobody expects")

    def rejoin(consumer: ChunkConsumer) -> None:
        GroupCoordinator._do_rejoin_group = failing
        coordinator = consumer._thread._consumer._coordinator
        consumer._thread._soon(coordinator.request_rejoin)

    when_contacts_come(2, rejoin)


def join_fails_once() -> None:
    """A rejoin meets an error once; Faust never asks for it, so the coordinator waits."""
    from aiokafka.consumer.group_coordinator import GroupCoordinator
    from aiokafka.errors import KafkaError

    join = GroupCoordinator._do_rejoin_group
    failures = Count(1)

    async def failing(self: Any, *args: Any) -> Any:
        if failures.now():
            raise KafkaError("an error that nobody expects")
        return await join(self, *args)

    def rejoin(consumer: ChunkConsumer) -> None:
        GroupCoordinator._do_rejoin_group = failing
        coordinator = consumer._thread._consumer._coordinator
        consumer._thread._soon(coordinator.request_rejoin)

    when_contacts_come(2, rejoin)


def short_poll_interval() -> None:
    """Nothing is broken: the poll interval is shorter, in the proportion to the outage of a test."""
    streams.app.MAX_POLL_INTERVAL_S = 6.0


def no_lease() -> None:
    """Who was cut off does not ask whether its group still counts it in."""

    async def sure(self: ChunkConsumer) -> None:
        pass

    ChunkConsumer.in_group = sure  # type: ignore[method-assign]


if __name__ == "__main__":
    from moebridge.cli import main

    globals()[sys.argv.pop(1)]()
    main()
