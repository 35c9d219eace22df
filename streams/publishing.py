"""What a stage puts out goes to the broker in batches, and is confirmed before the stage is done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from events.keys import partition_for
from streams.chunks import Place
from streams.errors import PublishFailed, RecordTooLarge

Headers = Sequence[tuple[str, bytes]]


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

    def __init__(self, producer: AIOKafkaProducer, max_record_bytes: int = 1_000_000) -> None:
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
            future = await self._producer.send_batch(builder, place.topic, partition=place.partition)
            sent.append((place, builder.record_count(), future))

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

    async def _count(self, topic: str) -> int:
        count = len(await self._producer.partitions_for(topic))
        self._partitions[topic] = count
        return count


def _size_of(headers: Sequence[tuple[str, bytes]]) -> int:
    return sum(len(name) + len(value or b"") for name, value in headers)
