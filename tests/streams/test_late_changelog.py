"""What a former owner of a partition writes late to its changelog: on a broker, by Faust's recovery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from small_app import PARTITIONS, SmallApp, Topic, now_ms, small_app
from small_app import topic as make_topic

from events.keys import partition_for
from streams.errors import ForeignWriter
from streams.ownership import HEADER, Owner, owner_of
from streams.publishing import BatchPublisher, Outgoing

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

KEY = b"key-0"
HERE = partition_for(KEY, PARTITIONS)


@pytest.fixture
async def topic(broker, topic_prefix: str) -> AsyncIterator[Topic]:
    async with make_topic(broker.bootstrap_servers, topic_prefix) as made:
        yield made


def row(one: SmallApp) -> bytes | None:
    return one.table.rows(HERE).get(KEY)


async def soon(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  # tables tell nobody
            await asyncio.sleep(0.02)


async def recovered(one: SmallApp) -> None:
    await soon(lambda: bool(one.app.tables.actives_ready))


async def tell(topic: Topic, one: SmallApp, value: bytes, key: bytes = KEY) -> None:
    """One more record of the key, worked through."""
    await BatchPublisher(topic.producer).publish([Outgoing(topic.name, key, value)], now_ms())
    await soon(lambda: one.table.rows(HERE).get(key) == value or bool(one.errors))


async def changelog(topic: Topic, one: SmallApp) -> list[tuple[bytes, bytes | None, Owner | None]]:
    """Every record of the key's partition."""
    partition = TopicPartition(one.table.changelog_topic_name, HERE)
    consumer = AIOKafkaConsumer(bootstrap_servers=topic.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        records = []
        while await consumer.position(partition) < end:
            for found in (await consumer.getmany(timeout_ms=500)).values():
                records += [(record.key, record.value, owner_of(record.headers)) for record in found]
        return records
    finally:
        await consumer.stop()


async def write_late(topic: Topic, one: SmallApp, owner: Owner, value: bytes) -> None:
    """What a worker writes that was held up between its outputs and its changelog."""
    late = Outgoing(
        one.table.changelog_topic_name, KEY, value, [(HEADER, owner.encoded())], partition=HERE
    )
    await BatchPublisher(topic.producer).publish([late], now_ms())


async def test_a_late_record_does_not_win_at_the_next_recovery_nor_after_compaction(
    topic: Topic, tmp_path: Path
) -> None:
    async with small_app(topic, tmp_path / "first") as first:
        await tell(topic, first, b"1")
        former = first.table._owners[HERE]
    async with small_app(topic, tmp_path / "second") as second:
        await recovered(second)
        assert row(second) == b"1"
        await tell(topic, second, b"2")
        assert second.table._owners[HERE] > former
        await write_late(topic, second, former, b"late")
        assert (await changelog(topic, second))[-1] == (KEY, b"late", former)

    for _ in range(2):  # what was learnt is kept, or learnt again
        async with small_app(topic, tmp_path / "third") as third:
            await recovered(third)
            assert row(third) == b"2"
    async with small_app(topic, tmp_path / "third") as third:
        other = next(
            b"other-%d" % n for n in range(99) if partition_for(b"other-%d" % n, PARTITIONS) == HERE
        )
        await tell(topic, third, b"3", other)
        last = {key: value for key, value, _ in await changelog(topic, third)}
        assert last[KEY] == b"2"  # what compaction leaves
        assert third.errors == []
    async with small_app(topic, tmp_path / "fourth", store="memory") as fourth:
        await recovered(fourth)
        assert row(fourth) == b"2"


async def test_an_owner_that_finds_somebody_else_in_its_changelog_recovers_anew(
    topic: Topic, tmp_path: Path
) -> None:
    async with small_app(topic, tmp_path / "first") as first:
        await tell(topic, first, b"1")
        former = first.table._owners[HERE]
    async with small_app(topic, tmp_path / "second", grace_s=0.1) as second:
        await tell(topic, second, b"2")
        await write_late(topic, second, former, b"late")
        await tell(topic, second, b"3")
        [error] = second.errors
        assert isinstance(error, ForeignWriter)
        assert "offsets 2 to 2 are another worker's" in str(error)
        assert row(second) == b"2"
    async with small_app(topic, tmp_path / "second") as again:
        await soon(lambda: b"3" in again.seen)  # it was not acknowledged
        await soon(lambda: row(again) == b"3")
        assert again.errors == []


async def test_rows_move_from_owner_to_owner(topic: Topic, tmp_path: Path) -> None:
    """Each is younger, one that wrote nothing included, and none finds fault with another."""
    owners = []
    for turn in range(4):
        async with small_app(topic, tmp_path / str(turn % 2)) as one:
            await recovered(one)
            assert row(one) == (b"%d" % (turn - 1) if turn else None)
            await tell(topic, one, b"%d" % turn)
            owners.append(one.table._owners[HERE])
            one.rejoin()  # the same worker, and a generation further
            await soon(lambda one=one: one.table._owners.get(HERE, owners[-1]) > owners[-1])
            owners.append(one.table._owners[HERE])
            assert row(one) == b"%d" % turn
            assert one.errors == []
    assert owners == sorted(owners)
    assert len(set(owners)) == 8
