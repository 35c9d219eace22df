"""Topics of a test, records on them, and consumers that commit what a test wants."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.lag.broker import LagReader
from streams.lag.look import WatchedGroup


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def make_topics(connection: dict[str, Any], partitions: int, *names: str) -> None:
    """Topics with a retention of one hour."""
    admin = AIOKafkaAdminClient(**connection)
    await admin.start()
    try:
        config = {"retention.ms": "3600000"}
        await admin.create_topics([NewTopic(n, partitions, 1, topic_configs=config) for n in names])
    finally:
        await admin.close()


async def produce(
    connection: dict[str, Any], topic: str, partition: int, count: int, *, at_ms: int | None = None
) -> None:
    """Records with consecutive timestamps, or all of ``at_ms``."""
    producer = AIOKafkaProducer(**connection)
    await producer.start()
    try:
        sent = [
            await producer.send(topic, b"{}", partition=partition, timestamp_ms=at_ms or now_ms())
            for _ in range(count)
        ]
        for one in sent:
            await one
    finally:
        await producer.stop()


@asynccontextmanager
async def member(connection: dict[str, Any], group: str, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A member of the group, that commits only what it is told to."""
    consumer = AIOKafkaConsumer(
        *topics,
        **connection,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        heartbeat_interval_ms=1000,
    )
    await consumer.start()
    try:
        while not consumer.assignment():
            await consumer.getmany(timeout_ms=50)
        yield consumer
    finally:
        await consumer.stop()


async def commit(consumer: AIOKafkaConsumer, topic: str, **offsets: int) -> None:
    """Offsets as ``p0=7``."""
    await consumer.commit({TopicPartition(topic, int(name[1:])): at for name, at in offsets.items()})


def reader(connection: dict[str, Any], group: str, *topics: str) -> LagReader:
    """A reader of this group; each topic is a stage of its own, of the same name."""
    return LagReader(connection, WatchedGroup(group, {t: t for t in topics}), now_ms=now_ms)
