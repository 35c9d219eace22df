"""The desk of a redrive or a discard: one partition's book, kept up to date, and a way to publish."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from events.topics import SETTLEMENTS, topic_name
from ingest.kafka_producer import close_producer
from moebridge.dead_letters.reading import DeadLetterLog
from moebridge.dead_letters.settlements import Book, Note
from moebridge.errors import BrokerUnreachable
from streams.publishing import BatchPublisher, Outgoing, Publisher


class BrokerDesk:
    """A Desk (moebridge.dead_letters.settling) on a broker."""

    def __init__(
        self,
        log: DeadLetterLog,
        publisher: Publisher,
        partition: int,
        *,
        prefix: str,
        stop: asyncio.Event,
    ) -> None:
        self.book = Book()
        self._log = log
        self._publisher = publisher
        self._partition = partition
        self._topic = topic_name(SETTLEMENTS, prefix)
        self._stop = stop
        self._read = 0

    async def write(self, note: Note) -> None:
        """See Desk."""
        record = Outgoing(self._topic, note.run.encode(), note.value(), (), self._partition)
        ends = await self._publisher.publish([record], self.now_ms())
        await self._take(max(ends.values()) + 1)

    async def look(self) -> None:
        """See Desk."""
        await self._take(None)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See Desk."""
        await self._publisher.publish(records, self.now_ms())

    def in_time(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """See Desk."""
        return asyncio.timeout(seconds)

    async def pause(self, seconds: float) -> None:
        """See Desk."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    def now_ms(self) -> int:
        """See Desk."""
        return time.time_ns() // 1_000_000

    async def _take(self, end: int | None) -> None:
        self._read = await self._log.take_notes(self.book, self._partition, self._read, end)


@asynccontextmanager
async def publishing(
    connection: Mapping[str, Any], max_record_bytes: int
) -> AsyncIterator[BatchPublisher]:
    """A publisher. Raises BrokerUnreachable."""
    producer = AIOKafkaProducer(
        **connection,
        acks="all",
        enable_idempotence=True,
        max_batch_size=max_record_bytes,
        max_request_size=2 * max_record_bytes,
    )
    try:
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            raise BrokerUnreachable(connection["bootstrap_servers"], type(error).__name__) from error
        yield BatchPublisher(producer, max_record_bytes)
    finally:
        # Whoever is told of a batch in doubt may run again at once: nothing of it may still come.
        await close_producer(producer, (), flush_s=0)
