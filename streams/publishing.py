"""What a stage puts out goes to the broker in batches, and is confirmed before the stage is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from events.keys import partition_for
from streams.chunks import Place
from streams.errors import PublishFailed, RecordTooLarge

Headers = Sequence[tuple[str, bytes]]

#: How long a batch may wait for a place in the producer's queue, in seconds; so long may a request take.
QUEUE_S = 40.0


class Outgoing(NamedTuple):
    """One record to publish. ``topic`` is the name on the broker.

    Without a ``partition`` the key decides (events.keys.partition_for).
    """

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None

    def __repr__(self) -> str:
        """Without what it carries, which may be personal."""
        return f"Outgoing({self.topic}, {len(self.value or b'')} bytes)"


class Publisher(Protocol):
    """Publishes records and returns once the broker has all of them."""

    async def publish(self, records: Iterable[Outgoing], now_ms: int) -> Mapping[Place, int]:
        """Publish in order. Returns the last offset per place.

        Raises PublishFailed where any record was not confirmed; some of them may be on the broker.
        """
        ...


class BatchPublisher:
    """Publishes through aiokafka's batches: one per partition, more only where one is full.

    Records are stamped with the time of publishing (``now_ms``), so that retention counts from then
    and a replay of old events is not expired at once; their own times are in the headers.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        max_record_bytes: int = 1_000_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._producer = producer
        self._max_record_bytes = max_record_bytes
        self._partitions: dict[str, int] = {}

    async def publish(self, records: Iterable[Outgoing], now_ms: int) -> Mapping[Place, int]:
        """See Publisher."""
        try:
            return await self._publish(records, now_ms)
        except KafkaError as error:
            raise PublishFailed(f"the broker did not confirm: {error!r}") from error

    async def _publish(self, records: Iterable[Outgoing], now_ms: int) -> Mapping[Place, int]:
        builders: dict[Place, Any] = {}
        sent: list[tuple[Place, int, asyncio.Future[Any]]] = []

        async def send(place: Place, builder: Any) -> None:
            builder.close()
            sent.append((place, builder.record_count(), await self._enqueue(place, builder)))

        for record in records:
            partition = record.partition
            if partition is None:
                count = self._partitions.get(record.topic) or await self._count(record.topic)
                partition = partition_for(record.key, count)
            place = Place(record.topic, partition)
            builder = builders.get(place)
            headers = record.headers if isinstance(record.headers, list) else list(record.headers)
            size = len(record.value or b"") + len(record.key) + _size_of(headers)
            if size > self._max_record_bytes:  # aiokafka takes a batch's first record whatever its size
                raise RecordTooLarge(f"{record.topic}: a record of {size} bytes fits no batch")
            if builder is None or not builder.append(
                timestamp=now_ms, key=record.key, value=record.value, headers=headers
            ):
                if builder is not None:
                    await send(place, builder)
                builder = builders[place] = self._producer.create_batch()
                builder.append(timestamp=now_ms, key=record.key, value=record.value, headers=headers)
        for place, builder in builders.items():
            if not builder.closed():
                await send(place, builder)
        ends: dict[Place, int] = {}
        results = await asyncio.gather(*(future for _, _, future in sent), return_exceptions=True)
        for (place, count, _), result in zip(sent, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            ends[place] = result.offset + count - 1
        return ends

    async def _enqueue(self, place: Place, builder: Any) -> asyncio.Future[Any]:
        """Put a batch in the producer's queue, which has one place for each partition.

        Where several wait for it, aiokafka counts the time that they have waited more than once, and
        gives up after some seconds (``MessageAccumulator.add_batch`` in 0.14); a broker that is killed
        takes longer to replace. Nothing of the batch is queued then, so it can be put there again.
        """
        give_up_at = self._clock() + QUEUE_S
        while True:
            try:
                queued: asyncio.Future[Any] = await self._producer.send_batch(
                    builder, place.topic, partition=place.partition
                )
                return queued
            except KafkaTimeoutError:
                if self._clock() >= give_up_at:
                    raise

    async def _count(self, topic: str) -> int:
        count = len(await self._producer.partitions_for(topic))
        self._partitions[topic] = count
        return count


def _size_of(headers: Sequence[tuple[str, bytes]]) -> int:
    return sum(len(name) + len(value or b"") for name, value in headers)
