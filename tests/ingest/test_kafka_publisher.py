"""Publishing to a broker that is there, is not, goes away and comes back."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from itertools import groupby

import pytest
from aiokafka import AIOKafkaConsumer
from front_door import until_logged

from events.envelope import Envelope, Source
from events.keys import partition_for
from ingest.errors import BodyTooLarge, BrokerUnavailable
from ingest.publisher import KafkaPublisher
from moebridge.topic_admin import create_topics

PARTITIONS = 4
#: The real time: brokers drop records that are too old, and refuse those from the future.
NOW_MS = int(time.time() * 1000)


def envelope(number: int, payload: bytes = b"{}") -> Envelope:
    return Envelope(
        source=Source.WEBHOOK,
        topic="contact.user.updated",
        event_id=f"event-{number}",
        workspace="ws-7",
        config="default",
        received_at=NOW_MS + number,
        occurred_at=NOW_MS,
        payload=payload,
    )


async def until_ready(publisher) -> None:
    async with asyncio.timeout(60):
        while True:
            if publisher.ready:
                return
            await asyncio.sleep(0.01)


async def until_refused(publisher, why: str) -> None:
    """Publish until it is refused for this reason."""
    async with asyncio.timeout(30):
        while True:
            with pytest.raises(BrokerUnavailable) as caught:
                await publisher.publish(envelope(1), b"k")
            if why in str(caught.value):
                return
            await asyncio.sleep(0.01)


async def publish_at_last(publisher, event: Envelope) -> None:
    """Publish as a webhook is repeated: until it is taken."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await publisher.publish(event, b"k")
            except BrokerUnavailable:
                await asyncio.sleep(0.01)


async def make_topics(connection, prefix, max_message_bytes=2_000_000) -> str:
    await create_topics(
        connection,
        prefix=prefix,
        partitions=PARTITIONS,
        replication=1,
        app_id=prefix + "app",
        max_message_bytes=max_message_bytes,
    )
    return prefix + "intercom.events"


async def stored(connection, topic, different: int):
    """The records of the topic, until so many different ones are read; by partition, in order."""
    records = []
    async with asyncio.timeout(60):
        async with AIOKafkaConsumer(topic, **connection, auto_offset_reset="earliest") as consumer:
            while len({record.timestamp for record in records}) < different:
                records.append(await consumer.getone())
    return records


@pytest.fixture
async def run_publisher():
    """Start publishers; closed at the end."""
    started = []

    async def run(connection, topic, **settings) -> KafkaPublisher:
        publisher = KafkaPublisher(topic=topic, **connection, **{"deadline_s": 20.0, **settings})
        started.append(publisher)
        await publisher.start()
        return publisher

    yield run
    async with asyncio.timeout(30):
        for publisher in started:
            await publisher.close(0.1)


@pytest.mark.broker
async def test_what_was_published_is_on_the_topic_whole_and_where_its_key_belongs(
    broker, topic_prefix, run_publisher
):
    topic = await make_topics(broker.connection, topic_prefix)
    publisher = await run_publisher(broker.connection, topic)
    await until_ready(publisher)
    sent = [envelope(number, b'{"n": %d}' % number) for number in range(200)]
    await asyncio.gather(
        *(publisher.publish(each, b"contact-%d" % (n % 7)) for n, each in enumerate(sent))
    )
    records = await stored(broker.connection, topic, len(sent))
    read = [Envelope.from_record(record.value, record.headers) for record in records]
    assert sorted(read, key=lambda each: each.received_at) == sent
    for record in records:
        number = record.timestamp - NOW_MS
        assert record.key == b"contact-%d" % (number % 7)
        assert record.partition == partition_for(record.key, PARTITIONS)


@pytest.mark.broker
async def test_a_topic_that_is_missing_is_neither_made_nor_in_the_way_once_it_is_there(
    broker, topic_prefix, run_publisher
):
    publisher = await run_publisher(broker.connection, topic_prefix + "intercom.events")
    await until_refused(publisher, "does not exist; create the topics first")
    topic = await make_topics(broker.connection, topic_prefix)
    await until_ready(publisher)
    await publisher.publish(envelope(2), b"k")
    [record] = await stored(broker.connection, topic, 1)
    assert record.timestamp == NOW_MS + 2


@pytest.mark.broker
async def test_a_record_that_is_too_large_harms_no_other(broker, topic_prefix, run_publisher, caplog):
    topic = await make_topics(broker.connection, topic_prefix, max_message_bytes=20_000)
    publisher = await run_publisher(broker.connection, topic, max_record_bytes=100_000)
    await until_ready(publisher)
    with pytest.raises(BodyTooLarge):  # for us
        await publisher.publish(envelope(1, 200_000 * b"x"), b"k")
    assert publisher.ready
    with pytest.raises(BodyTooLarge):  # for the broker, after which the producer is replaced
        await publisher.publish(envelope(2, 50_000 * b"x"), b"k")
    await until_ready(publisher)
    await publisher.publish(envelope(3), b"k")
    await publisher.publish(envelope(4), b"k")

    caplog.clear()
    given_up = asyncio.create_task(publisher.publish(envelope(5, 50_000 * b"x"), b"k"))
    await asyncio.sleep(0)
    given_up.cancel()  # its error comes when nobody waits for it any more
    await until_logged(caplog, "MessageSizeTooLargeError")
    await publish_at_last(publisher, envelope(6))
    del given_up
    gc.collect()
    assert "never retrieved" not in caplog.text
    records = await stored(broker.connection, topic, 3)
    assert [record.timestamp - NOW_MS for record in records] == [3, 4, 6]


@pytest.mark.broker
async def test_an_outage_is_answered_at_once_and_over_when_the_broker_is_back(
    broker, tmp_path, topic_prefix, run_publisher, caplog, monkeypatch
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("ingest.publisher.LOOK_EVERY_S", 3600)  # a publish finds out first
    async with type(broker.server)(tmp_path) as own:
        connection = {"bootstrap_servers": own.bootstrap_servers}
        topic = await make_topics(connection, topic_prefix)
        await own.stop()

        publisher = await run_publisher(connection, topic, deadline_s=0.3, max_in_flight=2)
        await until_refused(publisher, "KafkaConnectionError")
        await own.start()
        await publish_at_last(publisher, envelope(2))
        assert publisher.ready

        await own.stop()
        outcomes = await asyncio.gather(
            *(publisher.publish(envelope(number), b"k") for number in (3, 4, 5)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == 3 * [BrokerUnavailable]
        assert [str(outcome).partition(": ")[2] for outcome in outcomes] == [
            "no confirmation within 0.3 s",
            "no confirmation within 0.3 s",
            "2 records wait for their confirmation",
        ]
        assert not publisher.ready
        publishing = asyncio.create_task(publisher.publish(envelope(6), b"k"))
        await asyncio.sleep(0)
        assert isinstance(publishing.exception(), BrokerUnavailable)  # at once

        await own.start()
        await publish_at_last(publisher, envelope(7))
        records = await stored(connection, topic, 4)
        # 3 and 4 were answered with 429 and stored after all, in order; their repetition is harmless.
        assert list(dict.fromkeys(record.timestamp - NOW_MS for record in records)) == [2, 3, 4, 7]
        await publisher.close(1.0)

    ours = [line for line in caplog.records if line.name == "ingest.publisher"]
    states = [
        [line.getMessage() for line in lines] for _, lines in groupby(ours, key=lambda x: x.levelno)
    ]
    assert len(states) >= 4  # away, back, away, back
    assert "KafkaConnectionError" in states[0][0]
    assert all(len(set(messages)) == len(messages) for messages in states)  # each once
    theirs = [line for line in caplog.records if line.name.startswith("aiokafka") and line.levelno > 20]
    assert theirs == []


@pytest.mark.broker
async def test_after_a_long_outage_a_new_producer_takes_over(
    broker, tmp_path, topic_prefix, run_publisher, caplog, monkeypatch
):
    monkeypatch.setattr("ingest.publisher.FRESH_START_AFTER_S", 0.5)
    async with type(broker.server)(tmp_path) as own:
        connection = {"bootstrap_servers": own.bootstrap_servers}
        topic = await make_topics(connection, topic_prefix)
        publisher = await run_publisher(connection, topic, deadline_s=0.3)
        await publish_at_last(publisher, envelope(1))
        await own.stop()
        with pytest.raises(BrokerUnavailable):
            await publisher.publish(envelope(2), b"k")
        await until_logged(caplog, "connecting anew")
        await until_refused(publisher, "KafkaConnectionError")
        await own.start()
        await publish_at_last(publisher, envelope(3))
        records = await stored(connection, topic, 2)
        assert list(dict.fromkeys(record.timestamp - NOW_MS for record in records)) == [1, 3]
        await publisher.close(1.0)


@pytest.mark.broker
async def test_what_waits_for_a_broker_that_is_away_is_bounded_in_bytes(
    broker, tmp_path, topic_prefix, run_publisher
):
    async with type(broker.server)(tmp_path) as own:
        connection = {"bootstrap_servers": own.bootstrap_servers}
        topic = await make_topics(connection, topic_prefix)
        publisher = await run_publisher(connection, topic, deadline_s=0.3, max_in_flight_bytes=1000)
        await publish_at_last(publisher, envelope(1))
        await own.stop()
        outcomes = await asyncio.gather(
            *(publisher.publish(envelope(number, bytes(600)), b"k") for number in (2, 3)),
            return_exceptions=True,
        )
        assert [str(outcome).partition(": ")[2] for outcome in outcomes] == [
            "no confirmation within 0.3 s",
            "600 bytes wait for their confirmation",
        ]
        await own.start()
        await publish_at_last(publisher, envelope(4, bytes(2000)))  # one alone may be larger
        await publish_at_last(publisher, envelope(5, bytes(600)))
        await publisher.close(1.0)


async def test_without_a_broker_publishing_fails_at_once_and_says_so(free_port, run_publisher, caplog):
    publisher = await run_publisher({"bootstrap_servers": f"127.0.0.1:{free_port}"}, "intercom.events")
    await publisher.start()  # again is no harm
    assert [task.get_name() for task in asyncio.all_tasks()].count("ingest-broker-watch") == 1
    await until_refused(publisher, "KafkaConnectionError")
    assert not publisher.ready
    async with asyncio.timeout(10):
        await publisher.close(5.0)
    await until_refused(publisher, "closed")
    assert [line for line in caplog.records if line.name.startswith("aiokafka")] == []


async def test_a_broker_that_accepts_connections_and_says_nothing_holds_nobody(run_publisher):
    connected = asyncio.Event()
    silence = asyncio.Event()

    async def say_nothing(reader, writer):
        connected.set()
        await silence.wait()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        publisher = await run_publisher({"bootstrap_servers": f"127.0.0.1:{port}"}, "intercom.events")
        async with asyncio.timeout(10):
            await connected.wait()
            await until_refused(publisher, "not connected yet")
            await publisher.close(5.0)
        silence.set()


async def test_settings_that_the_client_does_not_know_are_told(free_port, run_publisher):
    connection = {"bootstrap_servers": f"127.0.0.1:{free_port}", "compression_type": "brotli"}
    publisher = await run_publisher(connection, "intercom.events")
    await until_refused(publisher, "Invalid compression type")
    assert not publisher.ready
