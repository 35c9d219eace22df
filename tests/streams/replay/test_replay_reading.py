"""Reading topics for a replay, on a real broker."""

from __future__ import annotations

import time
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.errors import RecordsUnreadable, WrongReplay
from streams.ownership import HEADER, Owner
from streams.publishing import BatchPublisher, Outgoing
from streams.replay.reading import changelog_rows, reading, spans_of

pytestmark = pytest.mark.broker

PARTITIONS = 3


async def make(broker: Any, topic: str) -> None:
    admin = AIOKafkaAdminClient(**broker.connection)
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    await admin.close()


async def write(broker: Any, records: list[tuple[Outgoing, int]]) -> None:
    async with AIOKafkaProducer(**broker.connection) as producer:
        publisher = BatchPublisher(producer)
        for record, at in records:
            await publisher.publish([record], at)


async def test_partitions_are_read_as_one_sequence(broker: Any, topic_prefix: str) -> None:
    topic, began = f"{topic_prefix}some", time.time_ns() // 1_000_000 - 60_000
    await make(broker, topic)
    # Times go back within partition 0: its own order counts.
    times = {0: [5, 1, 30], 1: [2, 7, 8, 9], 2: []}
    await write(
        broker,
        [
            (Outgoing(topic, b"k", b"%d" % at, partition=partition), began + at)
            for partition, all_of_it in times.items()
            for at in all_of_it
        ],
    )
    async with reading(broker.connection) as reader:
        spans = await spans_of(reader, topic, from_offset=0)
        assert spans == {0: (0, 3), 1: (0, 4)}
        came = [(r.partition, int(r.value)) async for r in reader.read(topic, spans)]
        assert came == [(1, 2), (0, 5), (0, 1), (1, 7), (1, 8), (1, 9), (0, 30)]
        later = await spans_of(reader, topic, first_ms=began + 7, end_ms=began + 9)
        assert later == {1: (1, 3)}
        assert [int(r.value) async for r in reader.read(topic, later)] == [7, 8]
        assert await spans_of(reader, topic, from_offset=2, partitions=[1]) == {1: (2, 4)}
        with pytest.raises(WrongReplay, match="has no 3, only 0 to 2"):
            await spans_of(reader, topic, partitions=[3])
        with pytest.raises(RecordsUnreadable, match="there is no such topic"):
            await reader.held(f"{topic}-missing")


async def test_more_than_is_held_at_once(broker: Any, topic_prefix: str) -> None:
    topic, began = f"{topic_prefix}many", time.time_ns() // 1_000_000 - 60_000
    await make(broker, topic)
    async with AIOKafkaProducer(**broker.connection) as producer:
        publisher = BatchPublisher(producer)
        for chunk in range(10):
            out = [Outgoing(topic, b"k", b"x" * 100, partition=0) for _ in range(500)]
            await publisher.publish(out, began + chunk)
        await publisher.publish([Outgoing(topic, b"k", b"last", partition=1)], began + 100)
    async with reading(broker.connection) as reader:
        came = [r.partition async for r in reader.read(topic, await reader.held(topic))]
    assert came == [0] * 5_000 + [1]


async def test_rows_are_those_of_a_recovery(broker: Any, topic_prefix: str) -> None:
    topic, now = f"{topic_prefix}changelog", time.time_ns() // 1_000_000
    await make(broker, topic)
    older, younger = ((HEADER, Owner(since, 1).encoded()) for since in (0, 5))
    rows = [
        (b"a", b"a1", [older]),
        (b"b", b"b1", [older]),
        (b"c", b"c1", []),
        (b"a", b"a2", [younger]),
        (b"a", b"late", [older]),
        (b"b", None, [younger]),
        (b"d", b"d1", [younger]),
    ]
    await write(broker, [(Outgoing(topic, key, row, by, partition=1), now) for key, row, by in rows])
    async with reading(broker.connection) as reader:
        everything = await changelog_rows(reader, topic, lambda _: True)
        assert everything == {b"a": b"a2", b"c": b"c1", b"d": b"d1"}
        # Whoever is not wanted still tells who owned the partition when.
        assert await changelog_rows(reader, topic, lambda key: key in b"ab") == {b"a": b"a2"}
