"""Publishing in batches: what goes where, in which order, and what counts as confirmed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, UnknownTopicOrPartitionError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import RecordMetadata
from hypothesis import given, settings
from hypothesis import strategies as st

from events.keys import partition_for
from streams.chunks import Place
from streams.errors import PublishFailed, RecordTooLarge
from streams.publishing import QUEUE_S, BatchPublisher, Outgoing

NOW_MS = 1_780_000_000_123
PARTITIONS = {"contacts": 4, "companies": 3}
SHORT_S = 6.0


class FakeProducer:
    """aiokafka's batch interface with real batch builders, and a log for every partition.

    A batch is confirmed when somebody calls ``confirm``, or at once unless ``holds``.
    """

    def __init__(self, *, batch_size: int = 16_384, holds: bool = False) -> None:
        self.batch_size = batch_size
        self.holds = holds
        self.log: dict[Place, list[Any]] = defaultdict(list)
        self.batches: list[Place] = []
        self.asked: list[str] = []
        self.waiting: list[tuple[asyncio.Future[RecordMetadata], RecordMetadata]] = []
        self.all_sent = asyncio.Event()  # a batch for every partition of contacts
        self.errors: dict[Place, Exception] = {}
        self.refuses: Exception | None = None
        self.no_place = 0  # how often there is none for a batch, for SHORT_S each time
        self.now = 100.0

    async def partitions_for(self, topic: str) -> set[int]:
        self.asked.append(topic)
        if topic not in PARTITIONS:
            raise UnknownTopicOrPartitionError
        return set(range(PARTITIONS[topic]))

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self.batch_size, 0)

    async def send_batch(
        self, batch: BatchBuilder, topic: str, *, partition: int
    ) -> asyncio.Future[RecordMetadata]:
        assert batch.closed()
        if self.refuses is not None:
            raise self.refuses
        if self.no_place:
            self.no_place -= 1
            self.now += SHORT_S
            raise KafkaTimeoutError
        place = Place(topic, partition)
        base = len(self.log[place])
        self.batches.append(place)
        self.log[place] += _records(bytes(batch._build()))
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        answer = RecordMetadata(topic, partition, None, base, NOW_MS, 0, 0)
        if place in self.errors:
            future.set_exception(self.errors[place])
        elif self.holds:
            self.waiting.append((future, answer))
            if len(self.waiting) == PARTITIONS["contacts"]:
                self.all_sent.set()
        else:
            future.set_result(answer)
        return future

    def confirm(self) -> None:
        for future, answer in self.waiting:
            future.set_result(answer)


def _records(raw: bytes) -> Iterator[Any]:
    batches = MemoryRecords(raw)
    while (batch := batches.next_batch()) is not None:
        yield from batch


def publisher(producer: FakeProducer) -> BatchPublisher:
    made = cast(AIOKafkaProducer, producer)
    return BatchPublisher(made, producer.batch_size, clock=lambda: producer.now)


def outgoing(number: int, *, topic: str = "contacts", size: int = 0) -> Outgoing:
    return Outgoing(topic, b"key-%d" % number, b"%d" % number + b"." * size, [("n", b"%d" % number)])


async def test_a_key_decides_the_partition_like_everywhere_else() -> None:
    producer = FakeProducer()
    await publisher(producer).publish([outgoing(n) for n in range(40)], NOW_MS)
    assert len(producer.log) == PARTITIONS["contacts"]
    for place, records in producer.log.items():
        assert {partition_for(record.key, PARTITIONS["contacts"]) for record in records} == {
            place.partition
        }
    assert producer.asked == ["contacts"]


async def test_a_partition_that_is_named_is_taken() -> None:
    producer = FakeProducer()
    ends = await publisher(producer).publish([Outgoing("changelog", b"k", None, partition=7)], NOW_MS)
    assert ends == {Place("changelog", 7): 0}
    assert producer.asked == []
    [record] = producer.log[Place("changelog", 7)]
    assert (record.key, record.value) == (b"k", None)


async def test_a_record_arrives_whole_with_the_time_of_publishing() -> None:
    producer = FakeProducer()
    await publisher(producer).publish(
        [Outgoing("contacts", b"k", b"v", (("a", b"1"), ("a", b"2")))], NOW_MS
    )
    [[record]] = producer.log.values()
    assert (record.key, record.value, record.timestamp) == (b"k", b"v", NOW_MS)
    assert list(record.headers) == [("a", b"1"), ("a", b"2")]


async def test_the_last_offset_of_every_place_comes_back() -> None:
    producer = FakeProducer()
    ours = publisher(producer)
    await ours.publish([Outgoing("contacts", b"", b"x", partition=0) for _ in range(5)], NOW_MS)
    more = [Outgoing("contacts", b"", b"x", partition=p) for p in (0, 1, 0)]
    assert await ours.publish(more, NOW_MS) == {Place("contacts", 0): 6, Place("contacts", 1): 0}


async def test_nothing_published_is_nothing_asked() -> None:
    producer = FakeProducer()
    assert await publisher(producer).publish([], NOW_MS) == {}
    assert (producer.batches, producer.asked) == ([], [])


async def test_one_batch_a_partition_and_more_only_where_one_is_full() -> None:
    producer = FakeProducer(batch_size=2000)
    records = [Outgoing("contacts", b"k", b"%03d" % n + b"x" * 500, partition=n % 2) for n in range(12)]
    ends = await publisher(producer).publish(records, NOW_MS)
    assert producer.batches.count(Place("contacts", 0)) == 2
    assert ends == {Place("contacts", 0): 5, Place("contacts", 1): 5}
    assert [record.value[:3] for record in producer.log[Place("contacts", 1)]] == [
        b"001", b"003", b"005", b"007", b"009", b"011",
    ]  # fmt: skip


async def test_publishing_ends_when_the_broker_has_everything() -> None:
    producer = FakeProducer(holds=True)
    publishing = asyncio.create_task(publisher(producer).publish([outgoing(n) for n in range(9)], NOW_MS))
    async with asyncio.timeout(10):
        await producer.all_sent.wait()
    await asyncio.sleep(0)
    assert not publishing.done()
    producer.confirm()
    assert len(await publishing) == 4


async def test_one_batch_that_is_not_confirmed_fails_all() -> None:
    producer = FakeProducer()
    producer.errors[Place("contacts", 2)] = KafkaTimeoutError()
    with pytest.raises(PublishFailed, match="did not confirm") as failure:
        await publisher(producer).publish([outgoing(n) for n in range(20)], NOW_MS)
    assert isinstance(failure.value.__cause__, KafkaTimeoutError)


async def test_a_batch_that_is_not_even_taken_fails_all() -> None:
    producer = FakeProducer()
    producer.refuses = MessageSizeTooLargeError()
    with pytest.raises(PublishFailed):
        await publisher(producer).publish([outgoing(1)], NOW_MS)


async def test_a_batch_that_finds_no_place_is_put_in_line_again_for_as_long_as_a_request_may_take() -> (
    None
):
    producer = FakeProducer()
    producer.no_place = int(QUEUE_S / SHORT_S)
    records = [outgoing(n) for n in range(20)]
    await publisher(producer).publish(records, NOW_MS)
    logged = [record.value for log in producer.log.values() for record in log]
    assert sorted(logged) == sorted(record.value or b"" for record in records)
    producer.no_place = 100
    with pytest.raises(PublishFailed, match="KafkaTimeoutError"):
        await publisher(producer).publish(records, NOW_MS)
    assert producer.no_place > 100 - QUEUE_S / SHORT_S - 2


async def test_a_topic_that_is_not_there_is_a_failure_to_publish() -> None:
    with pytest.raises(PublishFailed):
        await publisher(FakeProducer()).publish([outgoing(1, topic="elsewhere")], NOW_MS)


@pytest.mark.parametrize("before", [0, 3])
async def test_a_record_too_large_for_any_batch_is_told(before: int) -> None:
    producer = FakeProducer(batch_size=2000)
    records = [Outgoing("contacts", b"k", b"x" * 400, partition=0) for _ in range(before)]
    with pytest.raises(RecordTooLarge, match="contacts: a record of"):
        await publisher(producer).publish(
            [*records, Outgoing("contacts", b"k", b"x" * 5000, partition=0)], NOW_MS
        )


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(PARTITIONS)), st.integers(0, 5), st.integers(0, 700)),
        max_size=40,
    ),
    st.integers(1000, 4000),
)
@settings(deadline=None, max_examples=50)
def test_nothing_is_lost_doubled_or_reordered(records: list[tuple[str, int, int]], size: int) -> None:
    async def run() -> FakeProducer:
        producer = FakeProducer(batch_size=size)
        batch = [
            Outgoing(topic, b"%d" % key, b"%d" % number + b"." * length)
            for number, (topic, key, length) in enumerate(records)
        ]
        ends = await publisher(producer).publish(batch, NOW_MS)
        assert ends == {place: len(log) - 1 for place, log in producer.log.items()}
        return producer

    producer = asyncio.run(run())
    expected: dict[Place, list[int]] = defaultdict(list)
    for number, (topic, key, _) in enumerate(records):
        expected[Place(topic, partition_for(b"%d" % key, PARTITIONS[topic]))].append(number)
    got = {
        place: [int(record.value.rstrip(b".")) for record in log] for place, log in producer.log.items()
    }
    assert got == expected
