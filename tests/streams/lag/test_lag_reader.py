"""Looks at a real broker: what is read, of which partitions, and with how many requests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import TopicPartition
from lagging import commit, make_topics, member, now_ms, produce, reader

from moebridge.brokers.embedded import EmbeddedBroker
from streams.chunks import Place
from streams.errors import LagUnreadable
from streams.lag.commits import Sample
from streams.lag.figures import age_s
from streams.lag.look import GroupLook, PartitionLook
from streams.lag.report import report_of
from streams.lag.verdict import Verdict

pytestmark = pytest.mark.broker


def of(look: GroupLook, topic: str, partition: int = 0) -> PartitionLook:
    return look.partitions[Place(topic, partition)]


async def test_what_a_look_shows(broker: Any, topic_prefix: str) -> None:
    """A partition each: behind, idle, without a commit, empty; and the records' own timestamps."""
    topic, group = f"{topic_prefix}a", f"{topic_prefix}g"
    await make_topics(broker.connection, 4, topic)
    old = now_ms() - 70_000
    await produce(broker.connection, topic, 0, 5, at_ms=old - 5000)
    await produce(broker.connection, topic, 0, 5, at_ms=old)
    await produce(broker.connection, topic, 1, 3)
    await produce(broker.connection, topic, 2, 2, at_ms=old)
    async with (
        member(broker.connection, group, topic) as consumer,
        reader(broker.connection, group, topic) as lag,
    ):
        await commit(consumer, topic, p0=7, p1=3)
        look = await lag.look()
        assert (look.exists, look.moving, look.unread) == (True, False, ())
        behind, idle, untold, empty = (of(look, topic, n) for n in range(4))
        assert (behind.end, behind.committed, behind.lag, behind.oldest_ms) == (10, 7, 3, old)
        assert (idle.committed, idle.lag, idle.oldest_ms) == (3, 0, None)
        assert (untold.committed, untold.lag, untold.oldest_ms) == (None, 2, old)
        assert empty.untouched
        assert all(one.owner is not None for one in (behind, idle, untold, empty))
        assert age_s(Sample(look.at_ms, behind)) == (look.at_ms - old) / 1000
        # The member lives and does nothing: what never had a commit stands still like the other.
        looks = [look, await lag.look(), await lag.look()]
        report = report_of(lag.group, looks, window=3)
        verdicts = [one.verdict for one in report.partitions]
        assert verdicts == [Verdict.STALL, Verdict.OK, Verdict.STALL, Verdict.OK]
        seconds = (looks[-1].at_ms - old) / 1000
        assert [one.figures.seconds for one in report.partitions] == [seconds, 0, seconds, None]
        await commit(consumer, topic, p0=2)
        assert of(await lag.look(), topic).oldest_ms == old - 5000
        assert look.retention_ms == {topic: 3_600_000}
        assert await lag.waiting() == 8 + 0 + 2 + 0


async def test_a_group_that_left_owns_nothing_and_is_still_known(broker: Any, topic_prefix: str) -> None:
    topic, group = f"{topic_prefix}a", f"{topic_prefix}g"
    await make_topics(broker.connection, 1, topic)
    await produce(broker.connection, topic, 0, 4)
    async with member(broker.connection, group, topic) as consumer:
        await commit(consumer, topic, p0=1)
    async with reader(broker.connection, group, topic) as lag:
        look = await lag.look()
    assert look.exists
    assert of(look, topic).owner is None
    report = report_of(lag.group, [look], window=5)
    assert (report.verdict, report.partitions[0].verdict) == (Verdict.ERR, Verdict.STOP)


async def test_an_unknown_group_is_not_found(broker: Any, topic_prefix: str) -> None:
    topic = f"{topic_prefix}a"
    await make_topics(broker.connection, 1, topic)
    await produce(broker.connection, topic, 0, 4)
    async with reader(broker.connection, f"{topic_prefix}nobody", topic) as lag:
        look = await lag.look()
    assert not look.exists
    assert report_of(lag.group, [look], window=5).verdict is Verdict.NOTFOUND


async def test_topics_that_are_missing_are_not_made(broker: Any, topic_prefix: str) -> None:
    async with reader(broker.connection, f"{topic_prefix}g", f"{topic_prefix}missing") as lag:
        for _ in range(2):
            assert (await lag.look()).partitions == {}


async def test_records_that_expired_before_they_were_delivered(broker: Any, topic_prefix: str) -> None:
    if broker.kind != "kafka":
        pytest.skip("the embedded broker deletes no records on demand")
    topic, group = f"{topic_prefix}a", f"{topic_prefix}g"
    await make_topics(broker.connection, 2, topic)
    old = now_ms() - 50_000
    for partition in (0, 1):
        await produce(broker.connection, topic, partition, 10, at_ms=old - 9000)
    await produce(broker.connection, topic, 0, 5, at_ms=old)
    async with member(broker.connection, group, topic) as consumer:
        await commit(consumer, topic, p0=4, p1=4)
    admin = AIOKafkaAdminClient(**broker.connection)
    await admin.start()
    try:
        await admin.delete_records(
            {TopicPartition(topic, n): RecordsToDelete(before_offset=10) for n in (0, 1)}
        )
    finally:
        await admin.close()
    async with reader(broker.connection, group, topic) as lag:
        look = await lag.look()
    some, every = of(look, topic, 0), of(look, topic, 1)
    assert (some.lag, some.expired, some.waiting, some.oldest_ms) == (11, 6, 5, old)
    assert (every.lag, every.expired, every.waiting) == (6, 6, 0)
    report = report_of(lag.group, [look], window=5)
    assert [one.verdict for one in report.partitions] == [Verdict.STOP, Verdict.STOP]
    assert [one.figures.seconds for one in report.partitions] == [(look.at_ms - old) / 1000, None]
    assert report.partitions[0].figures.loss_s == pytest.approx(3600 - (look.at_ms - old) / 1000)


async def test_timestamps_of_large_batches_are_read_too(broker: Any, topic_prefix: str) -> None:
    """A broker skips a batch that is larger than what was asked for, but for a request's first."""
    topic = f"{topic_prefix}a"
    await make_topics(broker.connection, 6, topic)
    old = now_ms() - 30_000
    async with AIOKafkaProducer(**broker.connection) as producer:
        for partition in range(6):
            for more in (0, 1000):
                await producer.send_and_wait(
                    topic, b"x" * 300_000, partition=partition, timestamp_ms=old + partition + more
                )
    async with reader(broker.connection, f"{topic_prefix}g", topic) as lag:
        look = await lag.look()
    assert [of(look, topic, n).oldest_ms for n in range(6)] == [old + n for n in range(6)]


async def test_no_broker_is_said_in_one_line(free_port: int) -> None:
    async with reader({"bootstrap_servers": f"127.0.0.1:{free_port}"}, "g", "t") as lag:
        with pytest.raises(LagUnreadable, match=f"127.0.0.1:{free_port} did not tell the lag"):
            await lag.look()


async def test_a_broker_that_was_away_is_asked_again(tmp_path: Path, topic_prefix: str) -> None:
    async with EmbeddedBroker(tmp_path) as server:
        connection = {"bootstrap_servers": server.bootstrap_servers}
        topic = f"{topic_prefix}a"
        await make_topics(connection, 1, topic)
        await produce(connection, topic, 0, 3)
        async with reader(connection, f"{topic_prefix}g", topic) as lag:
            assert of(await lag.look(), topic).lag == 3
            await server.stop()
            with pytest.raises(LagUnreadable):
                await lag.look()
            await server.start()
            assert of(await lag.look(), topic).lag == 3


async def test_a_thousand_partitions_take_a_handful_of_requests(
    broker: Any, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = [f"{topic_prefix}{name}" for name in "abcd"]
    await make_topics(broker.connection, 250, *topics)
    old = now_ms() - 30_000
    async with AIOKafkaProducer(**broker.connection) as producer:
        sent = [
            await producer.send(topic, b"{}", partition=partition, timestamp_ms=old)
            for topic in topics
            for partition in range(250)
        ]
        for one in sent:
            await one

    requests: Counter[str] = Counter()
    send = AIOKafkaClient.send

    async def counted(client: AIOKafkaClient, node: Any, request: Any, **more: Any) -> Any:
        requests[type(request).__name__] += 1
        return await send(client, node, request, **more)

    async with reader(broker.connection, f"{topic_prefix}g", *topics) as lag:
        monkeypatch.setattr(AIOKafkaClient, "send", counted)
        first = await lag.look()
        asked = requests.total()
        requests.clear()
        second = await lag.look()
        again = requests.total()
        monkeypatch.undo()
    print(f"\nrequests for 1,000 partitions: {asked} at first, {again} at the next look")
    assert len(first.partitions) == 1000
    assert {one.oldest_ms for one in first.partitions.values()} == {old}
    assert {one.lag for one in second.partitions.values()} == {1}
    assert asked <= 10
    assert again <= 4, requests  # timestamps are known, and so are leaders and retention
