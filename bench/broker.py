"""What the bench itself asks of the broker: topics, filling them, and what came to stand in them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.plan import PARTITIONS
from streams.publishing import BatchPublisher, Outgoing


@asynccontextmanager
async def producing(bootstrap: str) -> AsyncIterator[BatchPublisher]:
    """A publisher set as the worker sets its own (streams.worker)."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        max_batch_size=900_000,
        max_request_size=1_800_000,
    )
    await producer.start()
    try:
        yield BatchPublisher(producer)
    finally:
        await producer.stop()


class Broker:
    """The broker at ``bootstrap``, seen from outside the contenders."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    async def create(self, *topics: str, compacted: Iterable[str] = ()) -> None:
        """Create topics, PARTITIONS each; return once every partition has its leader."""
        compacted = list(compacted)
        async with self._admin() as admin:
            await admin.create_topics(
                [
                    *(NewTopic(name, PARTITIONS, 1) for name in topics),
                    *(
                        NewTopic(name, PARTITIONS, 1, topic_configs={"cleanup.policy": "compact"})
                        for name in compacted
                    ),
                ]
            )
        for name in (*topics, *compacted):
            await self._wait_until_led(name)

    async def delete_holding(self, part: str) -> None:
        """Delete every topic whose name holds ``part``, which must be as good as unique."""
        async with self._admin() as admin:
            names = [topic["topic"] for topic in await admin.describe_topics()]
            if doomed := [name for name in names if part in name]:
                await admin.delete_topics(doomed)

    async def fill(self, topic: str, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Publish records of (key, value), in order."""
        async with producing(self.bootstrap) as publisher:
            await publisher.publish(
                (Outgoing(topic, key, value) for key, value in records), int(time.time() * 1000)
            )

    async def _wait_until_led(self, topic: str) -> None:
        async with self._consumer() as consumer, asyncio.timeout(30):
            while True:
                places = await _places(consumer, topic)
                if len(places) == PARTITIONS:
                    break
                await asyncio.sleep(0.05)
            await consumer.end_offsets(places)

    async def count(self, topic: str) -> int:
        """How many records were ever published to a topic."""
        async with self._consumer() as consumer:
            places = await _places(consumer, topic)
            return sum((await consumer.end_offsets(places)).values())

    async def committed(self, group: str, topic: str) -> int:
        """How many records of a topic a group has behind it."""
        async with self._consumer(group_id=group, enable_auto_commit=False) as consumer:
            places = await _places(consumer, topic)
            return sum([await consumer.committed(place) or 0 for place in places])

    async def keys(self, topic: str) -> Counter[bytes]:
        """How often each key stands in a topic."""
        return Counter([record.key async for record in self._records(topic)])

    async def rows(self, changelog: str) -> Mapping[bytes, bytes]:
        """The last value of each key of a changelog; tombstones take theirs away."""
        rows: dict[bytes, bytes] = {}
        async for record in self._records(changelog):
            if record.value is None:
                rows.pop(record.key, None)
            else:
                rows[record.key] = record.value
        return rows

    async def _records(self, topic: str) -> AsyncIterator[Any]:
        async with self._consumer(auto_offset_reset="earliest") as consumer:
            places = await _places(consumer, topic)
            ends = await consumer.end_offsets(places)
            consumer.assign(places)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    for record in batch:
                        yield record

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()

    @asynccontextmanager
    async def _consumer(self, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, **options)
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()


async def _places(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    cluster = await consumer._client.fetch_all_metadata()
    return [TopicPartition(topic, number) for number in sorted(cluster.partitions_for_topic(topic) or ())]
