"""The desk of a replay: its configuration's notes, a way to publish, and an eye on live traffic."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from events.keys import partition_for
from events.topics import REPLAYS, topic_name
from moebridge.dead_letters.desk import publishing
from moebridge.dead_letters.reading import TopicReader
from moebridge.dead_letters.selection import Span
from moebridge.errors import BrokerUnreachable, TopicsUnfit
from moebridge.topic_admin import admin_client, partition_counts
from streams.consumer_stop import stop_consumer
from streams.errors import LagUnreadable
from streams.lag.broker import LagReader
from streams.publishing import Outgoing, Publisher
from streams.replay.control import Book, Note, Positions, read_note
from streams.replay.positions import GroupPositions

log = logging.getLogger(__name__)

#: Seconds between two looks at live traffic.
LAG_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Ground:
    """Where replays of one configuration happen. ``connection`` is for aiokafka's clients."""

    connection: Mapping[str, Any]
    prefix: str
    app_id: str
    config: str
    max_record_bytes: int

    @property
    def topic(self) -> str:
        """The notes' topic on the broker."""
        return topic_name(REPLAYS, self.prefix)

    def group(self, replay: str) -> str:
        """The consumer group whose offsets say how far a replay has come."""
        return f"{self.app_id}-replay-{replay}"


@contextmanager
def answering(ground: Ground) -> Iterator[None]:
    """What a broker that does not answer raises inside is BrokerUnreachable."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        servers = ground.connection["bootstrap_servers"]
        raise BrokerUnreachable(servers, type(error).__name__) from error


class NoteReader:
    """Reads the notes of one configuration. Use as an async context manager.

    Entering raises BrokerUnreachable, TopicsUnfit; ``take`` KafkaError, OSError, TimeoutError.
    """

    def __init__(self, ground: Ground) -> None:
        self.book = Book()
        self.partition = 0
        self._ground = ground
        self._read = 0
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        ground = self._ground
        async with admin_client(ground.connection) as admin:
            counts = await partition_counts(admin)
        if ground.topic not in counts:
            raise TopicsUnfit([f"{ground.topic}: missing: moebridge topics create"])
        self.partition = partition_for(ground.config.encode(), counts[ground.topic])
        consumer = AIOKafkaConsumer(
            **ground.connection, group_id=None, auto_offset_reset="earliest", fetch_max_wait_ms=100
        )
        try:
            with answering(ground):
                await consumer.start()
        except BaseException:
            await stop_consumer(consumer)
            raise
        self._consumer = consumer
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def take(self, end: int | None = None) -> None:
        """Take every note up to ``end``, or up to now, into the book."""
        assert self._consumer is not None
        reader = TopicReader(self._consumer, self._ground.topic)
        span = await reader.span(self.partition)
        span = Span(max(self._read, span.first), span.end if end is None else max(end, self._read))
        key = self._ground.config.encode()
        async for record in reader.read(self.partition, span):
            note = read_note(record.value)
            if note is not None and record.key == key:
                self.book.take(note, record.timestamp)
            self._read = record.offset + 1
        self._read = max(self._read, span.end)


class BrokerDesk:
    """A Desk (streams.replay.desk) on a broker. Use as an async context manager.

    ``source`` is the topic that is replayed, by its name on the broker. Without ``lag`` nothing is known
    of live traffic. Raises BrokerUnreachable,
    TopicsUnfit.
    """

    def __init__(self, ground: Ground, source: str, lag: LagReader | None, stop: asyncio.Event) -> None:
        self._ground = ground
        self._source = source
        self._reader = lag
        self._stop = stop
        self._notes = NoteReader(ground)
        self._publisher: Publisher | None = None
        self._positions: dict[str, GroupPositions] = {}
        self._open = AsyncExitStack()
        self._looking: asyncio.Task[None] | None = None
        self._lag: tuple[int | None, float] = (None, 0.0)

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
        except BaseException:
            await self._open.aclose()
            raise
        if self._reader is not None:
            self._looking = asyncio.create_task(self._look_at_lag(self._reader))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        await self._disconnect()

    @property
    def book(self) -> Book:
        """See Desk."""
        return self._notes.book

    async def write(self, note: Note) -> None:
        """See Desk."""
        key, partition = self._ground.config.encode(), self._notes.partition
        ends = await self._publish([Outgoing(self._ground.topic, key, note.value(), (), partition)])
        await self._notes.take(max(ends.values()) + 1)

    async def look(self) -> None:
        """See Desk."""
        self._connected()
        await self._notes.take()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See Desk."""
        await self._publish(records)

    async def positions(self, replay: str) -> Positions:
        """See Desk."""
        return await self._of(replay).read()

    async def commit(self, replay: str, positions: Positions) -> None:
        """See Desk."""
        await self._of(replay).commit(positions)

    async def renew(self) -> None:
        """See Desk."""
        await self._disconnect()
        try:
            await self._connect()
        except BrokerUnreachable as error:
            raise KafkaError(str(error)) from error

    def lag(self) -> tuple[int | None, float]:
        """See Desk."""
        return self._lag

    def in_time(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """See Desk."""
        return asyncio.timeout(seconds)

    async def pause(self, seconds: float) -> None:
        """See Desk."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    def now(self) -> float:
        """See Desk."""
        return time.monotonic()

    async def _publish(self, records: Sequence[Outgoing]) -> Mapping[Any, int]:
        publisher = self._connected()
        return await publisher.publish(records, time.time_ns() // 1_000_000)

    def _connected(self) -> Publisher:
        if self._publisher is None:
            raise KafkaError("not connected")
        return self._publisher

    def _of(self, replay: str) -> GroupPositions:
        if replay not in self._positions:
            ground = self._ground
            self._positions[replay] = GroupPositions(
                ground.connection, self._source, ground.group(replay)
            )
        return self._positions[replay]

    async def _connect(self) -> None:
        await self._open.enter_async_context(self._notes)
        self._publisher = await self._open.enter_async_context(
            publishing(self._ground.connection, self._ground.max_record_bytes)
        )

    async def _disconnect(self) -> None:
        self._publisher = None
        stack, self._open = self._open, AsyncExitStack()
        await stack.aclose()
        for positions in self._positions.values():
            await positions.close()

    async def _look_at_lag(self, watcher: LagReader) -> None:
        """Look again and again; what a look does not tell is None."""
        async with watcher as reader:
            while True:
                began = time.monotonic()
                try:
                    self._lag = (await reader.waiting(), began)
                except LagUnreadable:
                    self._lag = (None, began)
                except Exception:
                    # The replay stands still then, and says so; it needs no further word to be safe.
                    log.exception("looking at live traffic failed")
                    self._lag = (None, began)
                await asyncio.sleep(LAG_LOOK_S)
