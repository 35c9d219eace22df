"""A Faust app with one stage and one table on the chunk transport, for the tests of that transport."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from events.topics import CONTACTS, topic_name
from moebridge.topic_admin import create_topics
from streams.app import AppConfig, StoreKind, add_agent, make_app
from streams.chunks import Chunk
from streams.publishing import BatchPublisher, Outgoing
from streams.tables import ChunkTable, make_table
from streams.transport import ChunkConsumer

PARTITIONS = 4

Work = Callable[[Chunk], Awaitable[None]]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Topic:
    """The topic that the stage reads, with what was published to it."""

    bootstrap_servers: str
    prefix: str
    producer: AIOKafkaProducer
    published: int = 0

    @property
    def name(self) -> str:
        return topic_name(CONTACTS, self.prefix)

    @property
    def group(self) -> str:
        return f"{self.prefix}moebridge"

    async def publish(self, count: int) -> None:
        """Publish records with keys and values that number them."""
        numbers = range(self.published, self.published + count)
        records = [Outgoing(self.name, b"key-%d" % n, b"value-%d" % n) for n in numbers]
        await BatchPublisher(self.producer).publish(records, now_ms())
        self.published += count

    async def committed(self) -> dict[int, int | None]:
        """The group's committed offset of every partition."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers, group_id=self.group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            return {
                partition: await consumer.committed(TopicPartition(self.name, partition))
                for partition in range(PARTITIONS)
            }
        finally:
            await consumer.stop()


@asynccontextmanager
async def topic(bootstrap_servers: str, prefix: str) -> AsyncIterator[Topic]:
    """The topic and its table's changelog, and a producer for it."""
    await create_topics(
        {"bootstrap_servers": bootstrap_servers},
        prefix=prefix, partitions=PARTITIONS, replication=1, app_id=f"{prefix}moebridge",
    )  # fmt: skip
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, max_batch_size=500_000
    )
    await producer.start()
    try:
        yield Topic(bootstrap_servers, prefix, producer)
    finally:
        await producer.stop()


@dataclass
class SmallApp:
    """The app while it runs. ``seen`` counts how often each record's value was worked on."""

    app: faust.App
    table: ChunkTable
    publisher: BatchPublisher
    seen: dict[bytes, int] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def consumer(self) -> ChunkConsumer:
        consumer = self.app.consumer
        assert isinstance(consumer, ChunkConsumer)
        return consumer

    async def finish(self, chunk: Chunk) -> None:
        """What a stage does: write rows by way of the changelog, and mark the chunk done."""
        self.note(chunk)
        changes = {record.key: record.value for record in chunk.records}
        partition = chunk.place.partition
        ends = await self.table.publish_changes({partition: changes}, self.publisher, now_ms())
        self.table.write(partition, changes, ends[partition])
        self.consumer.advance(chunk, chunk.end)

    def note(self, chunk: Chunk) -> None:
        """Remember what was seen."""
        self.chunks.append(chunk)
        for record in chunk.records:
            self.seen[record.value] = self.seen.get(record.value, 0) + 1
        self.moved.set()

    async def until(self, holds: Callable[[], bool], timeout: float = 30) -> None:
        """Wait until something holds of what was seen."""
        async with asyncio.timeout(timeout):
            while not holds():
                self.moved.clear()
                await self.moved.wait()

    def rejoin(self) -> None:
        """Make the group rebalance, with this worker alone in it."""
        thread = self.consumer._thread
        coordinator = thread._ensure_consumer()._coordinator
        thread.thread_loop.call_soon_threadsafe(coordinator.request_rejoin)


@asynccontextmanager
async def small_app(
    topic: Topic, folder: Path, work: Callable[[SmallApp], Work] | None = None,
    *, store: StoreKind = "rocksdb", grace_s: float = 5.0,
) -> AsyncIterator[SmallApp]:  # fmt: skip
    """Start the app; it is stopped at the end. ``work`` makes what is done with a chunk."""
    config = AppConfig(
        topic.group, topic.bootstrap_servers, folder, prefix=topic.prefix, store=store,
        chunk_records=200, session_timeout_s=6.0,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    app = make_app(config)
    one = SmallApp(app, make_table(app, "contacts"), BatchPublisher(topic.producer))
    one.consumer.grace_s = grace_s
    doing = work(one) if work else one.finish

    async def handle(chunk: Chunk) -> None:
        if one.consumer.begin(chunk):
            await doing(chunk)

    async def fail(error: BaseException) -> None:
        one.errors.append(error)
        one.moved.set()
        await asyncio.Event().wait()

    add_agent(app, "contacts", CONTACTS, topic.prefix, handle, fail)
    app.finalize()
    await app.start()
    try:
        yield one
    finally:
        async with asyncio.timeout(30):
            await app.stop()
