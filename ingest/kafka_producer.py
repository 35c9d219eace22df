"""The life of one AIOKafkaProducer: opened, looked at, closed, each within a bounded time.

Four things of aiokafka 0.14 are worked around here and nowhere else: ``stop()`` waits for a broker
without end; ``start()``, cancelled while it asks its first broker, leaves that connection open; a request
for a topic's metadata may create the topic; and every attempt at an absent broker is logged as an error,
some twenty lines a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aiokafka import AIOKafkaProducer

from ingest.errors import BrokerUnavailable

#: To connect, all brokers of the bootstrap list included, and to answer one look, in seconds.
OPEN_S = 10.0
LOOK_S = 2.0
#: For each step of closing a producer whose broker does not answer.
END_S = 1.0

_CLIENT_LOGGERS = (
    "aiokafka",
    "aiokafka.client",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.producer.producer",
    "aiokafka.producer.sender",
)
_reported_elsewhere: ContextVar[bool] = ContextVar("reported_elsewhere", default=False)


async def open_producer(topic: str, options: Mapping[str, Any]) -> tuple[AIOKafkaProducer, int]:
    """A started producer, and the number of the topic's partitions.

    Raises BrokerUnavailable where nothing answers within OPEN_S or the topic does not exist, KafkaError
    or OSError where it cannot connect, ValueError for options that aiokafka does not know.
    """
    producer = AIOKafkaProducer(**options)
    opening = asyncio.create_task(_open(producer, topic))
    try:
        if not (await asyncio.wait({opening}, timeout=OPEN_S))[0]:
            raise BrokerUnavailable(f"no broker let us in within {OPEN_S:g} s")
        return producer, await opening
    except BaseException:
        await _to_its_end(_abandon(opening, producer))
        raise


async def _open(producer: AIOKafkaProducer, topic: str) -> int:
    await producer.start()
    # Of all topics: asking for this one would create it on a broker that does that.
    every = await producer.client.fetch_all_metadata()
    if every.partitions_for_topic(topic) is None:
        raise BrokerUnavailable(f"topic {topic} does not exist; create the topics first")
    return len(await producer.partitions_for(topic))


async def _abandon(opening: asyncio.Task[int], producer: AIOKafkaProducer) -> None:
    """Disconnect, but not while a broker is asked first: aiokafka would leave that connection open."""
    await _within(END_S, opening)
    await close_producer(producer, (), flush_s=0)


async def check_producer(producer: AIOKafkaProducer, topic: str) -> int:
    """Ask a broker that the producer knows; the number of the topic's partitions.

    Raises BrokerUnavailable where none answers within LOOK_S, or no partition has a leader.
    """
    client = producer.client
    try:
        async with asyncio.timeout(LOOK_S):
            if not await client.force_metadata_update():
                raise BrokerUnavailable("no known broker can be reached")
    except TimeoutError:
        raise BrokerUnavailable(f"no broker answered within {LOOK_S:g} s") from None
    if not client.cluster.available_partitions_for_topic(topic):
        raise BrokerUnavailable(f"no partition of {topic} has a leader")
    return len(client.cluster.partitions_for_topic(topic))


async def close_producer(
    producer: AIOKafkaProducer, records: Collection[asyncio.Task[None]], *, flush_s: float
) -> None:
    """Give the producer's records ``flush_s`` seconds to be confirmed, cancel the rest, disconnect."""
    if records:
        await asyncio.wait(records, timeout=flush_s)
    left = [record for record in records if not record.done()]
    if not left:
        await _within(END_S, producer.stop())
    else:
        for record in left:
            record.cancel()
        # stop() would wait for what is left, for as long as the broker is away.
        producer._closed = True
        await _within(END_S, producer._sender.close())
    await _within(END_S, producer.client.close())  # also where stop() was cut short


@contextmanager
def client_noise_dropped() -> Iterator[None]:
    """Drop aiokafka's log lines from tasks begun inside, and from theirs: we report changes ourselves.

    Lines with a traceback are kept, and so are those of every other user of aiokafka in the process.
    """
    for name in _CLIENT_LOGGERS:
        logging.getLogger(name).addFilter(_not_reported_elsewhere)
    token = _reported_elsewhere.set(True)
    try:
        yield
    finally:
        _reported_elsewhere.reset(token)


def _not_reported_elsewhere(line: logging.LogRecord) -> bool:
    return line.exc_info is not None or not _reported_elsewhere.get()


async def _to_its_end(step: Coroutine[Any, Any, None]) -> None:
    """Run a step that is bounded in time to its end, also where we are cancelled meanwhile."""
    task = asyncio.create_task(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def _within(seconds: float, step: Awaitable[object]) -> None:
    """Run a step to its end, or cancel it after some seconds; its errors no longer matter to anyone."""
    task = asyncio.ensure_future(step)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=seconds)
    if task.done() and not task.cancelled():
        task.exception()
