"""What moebridge needs of any broker; the embedded one and Apache Kafka must both do it."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

pytestmark = pytest.mark.broker


@pytest.fixture
async def topic(broker, topic_prefix):
    admin = AIOKafkaAdminClient(**broker.connection)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(topic_prefix + "records", 2, 1)])
        assert [error for _, error, _ in answer.topic_errors] == [0]
    finally:
        await admin.close()
    return topic_prefix + "records"


async def produce(broker, topic, records):
    async with AIOKafkaProducer(**broker.connection, enable_idempotence=True) as producer:
        sent = [
            await producer.send(topic, value, partition=0, key=b"k", headers=headers, timestamp_ms=moment)
            for value, headers, moment in records
        ]
        return [(await result).offset for result in sent]


async def test_records_keep_order_headers_and_times(broker, topic):
    began = int(time.time() * 1_000) - 10_000  # not long ago, or retention takes them away
    records = [(b"%d" % n, [("event_id", b"e%d" % n), ("empty", b"")], began + n) for n in range(200)]
    offsets = await produce(broker, topic, records)
    assert offsets == list(range(200))
    async with asyncio.timeout(30):
        async with AIOKafkaConsumer(topic, **broker.connection, auto_offset_reset="earliest") as consumer:
            read = [await consumer.getone() for _ in records]
    assert [(r.value, list(r.headers), r.timestamp) for r in read] == records
    assert {r.key for r in read} == {b"k"}


async def test_a_time_leads_to_the_first_offset_from_then_on(broker, topic):
    # Not long ago, or retention takes the records away.
    began = int(time.time() * 1_000) - 10_000
    await produce(broker, topic, [(b"x", [], began + 1_000 * n) for n in range(1, 6)])
    place = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(topic, **broker.connection) as consumer:
        for after, offset in ((0, 0), (2_000, 1), (2_001, 2), (5_000, 4)):
            found = await consumer.offsets_for_times({place: began + after})
            assert found[place].offset == offset
        assert (await consumer.offsets_for_times({place: began + 5_001}))[place] is None
        assert await consumer.end_offsets([place]) == {place: 5}


async def test_commits_records_and_topics_survive_a_clean_restart(broker, topic):
    await produce(broker, topic, [(b"%d" % n, [], None) for n in range(10)])
    group = topic + "-group"
    place = TopicPartition(topic, 0)
    async with asyncio.timeout(60):
        async with AIOKafkaConsumer(
            topic, **broker.connection, group_id=group, enable_auto_commit=False
        ) as consumer:
            await consumer.commit({place: 7})
        await broker.server.stop()
        await broker.server.start()
        async with AIOKafkaConsumer(
            topic, **broker.connection, group_id=group, auto_offset_reset="none", enable_auto_commit=False
        ) as consumer:
            assert await consumer.committed(place) == 7
            consumer.seek(TopicPartition(topic, 1), 0)
            assert [(await consumer.getone()).value for _ in range(3)] == [b"7", b"8", b"9"]


MEMBER = """
import asyncio, sys
from aiokafka import AIOKafkaConsumer
async def main(servers, topic, instance):
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=servers, group_id=topic, group_instance_id=instance,
        session_timeout_ms=300_000, max_poll_interval_ms=300_000, enable_auto_commit=False,
    ):
        print("joined", flush=True)
        await asyncio.Event().wait()
asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_killed_member_with_an_instance_id_is_back_at_once(broker, topic):
    """Long before its session of five minutes is over: what workers rely on after a crash."""
    for _ in range(2):
        member = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", MEMBER, broker.bootstrap_servers, topic, "worker-1"),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(30):
                assert await member.stdout.readline() == b"joined\n"
        finally:
            member.kill()
            await member.wait()
