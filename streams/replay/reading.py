"""Reading topics for a replay: spans of several partitions as one sequence, and rows from changelogs.

In no consumer group: nothing is committed, and nobody's partitions move.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.consumer_stop import stop_consumer
from streams.errors import RecordsUnreadable, WrongReplay
from streams.ownership import Succession, owner_of
from streams.replay.merging import Merge

#: Partition to [first offset, offset behind the last).
Spans = Mapping[int, tuple[int, int]]

#: Seconds without one record where there must be some, after which the broker counts as gone.
PATIENCE_S = 30.0
_POLL_MS = 1000
#: Records of a partition that may wait for others' before no more of it are fetched.
_WAITING = 2_000
#: Bytes of a partition that are fetched at once; more where a batch of records is larger.
_FETCHED = 262_144
#: How long the broker may keep a fetch open, in ms. What other partitions wait for goes out after it.
_FETCH_MS = 50


class Reader:
    """Reads one topic at a time."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def held(self, topic: str) -> dict[int, tuple[int, int]]:
        """The offsets that the topic's partitions hold now. Raises RecordsUnreadable."""
        async with _readable(topic):
            # Asking for the topic by name would create it on some brokers.
            cluster = await self._consumer._client.fetch_all_metadata()
            partitions = cluster.partitions_for_topic(topic)
            if not partitions:
                raise RecordsUnreadable(topic, "there is no such topic")
            places = [TopicPartition(topic, partition) for partition in sorted(partitions)]
            first = await self._consumer.beginning_offsets(places)
            end = await self._consumer.end_offsets(places)
        return {place.partition: (first[place], end[place]) for place in places}

    async def at(self, topic: str, moment_ms: int, spans: Spans) -> dict[int, int]:
        """By partition, the first offset of a record written then or later; without one, the end."""
        places = {TopicPartition(topic, partition): moment_ms for partition in spans}
        async with _readable(topic):
            found = await self._consumer.offsets_for_times(places)
        return {
            place.partition: spans[place.partition][1] if told is None else told.offset
            for place, told in found.items()
        }

    async def read(self, topic: str, spans: Spans) -> AsyncGenerator[Any]:
        """The records of the spans, by their timestamps; those of a partition in their order.

        Some 2,000 records of a partition are held at once, and what was fetched with them. Raises
        RecordsUnreadable.
        """
        spans = {partition: span for partition, span in spans.items() if span[0] < span[1]}
        if not spans:
            return
        merge = Merge(spans)
        async with _readable(topic):
            self._assign(topic, spans)
        fetching = set(spans)
        while True:
            for record in merge.ready():
                yield record
            if not merge.hungry:
                return
            async with _readable(topic):
                self._hold_back(topic, fetching, merge)
                fetched = await self._fetch(topic, fetching)
                for partition, records in fetched.items():
                    end = spans[partition][1]
                    merge.arrived(partition, [one for one in records if one.offset < end])
                for partition in sorted(fetching):
                    # An offset may hold no record (retention took it), so the position tells.
                    place = TopicPartition(topic, partition)
                    if await self._consumer.position(place) >= spans[partition][1]:
                        merge.ended(partition)
                        fetching.discard(partition)
                        self._consumer.pause(place)

    def _assign(self, topic: str, spans: Spans) -> None:
        self._consumer.assign([TopicPartition(topic, partition) for partition in spans])
        for partition, (first, _) in spans.items():
            self._consumer.seek(TopicPartition(topic, partition), first)

    def _hold_back(self, topic: str, fetching: Collection[int], merge: Merge) -> None:
        for partition in fetching:
            place = TopicPartition(topic, partition)
            if merge.waiting(partition) >= _WAITING:
                self._consumer.pause(place)
            else:
                self._consumer.resume(place)

    async def _fetch(self, topic: str, fetching: Collection[int]) -> dict[int, list[Any]]:
        """What came of the partitions; at once where one of them is at its end by now."""
        paused = self._consumer.paused()
        wanted = [TopicPartition(topic, one) for one in fetching]
        wanted = [place for place in wanted if place not in paused]
        async with asyncio.timeout(PATIENCE_S):
            before = [await self._consumer.position(place) for place in wanted]
            while True:
                fetched = await self._consumer.getmany(*wanted, timeout_ms=_POLL_MS)
                if fetched or before != [await self._consumer.position(place) for place in wanted]:
                    return {place.partition: records for place, records in fetched.items()}


@asynccontextmanager
async def reading(connection: Mapping[str, Any]) -> AsyncIterator[Reader]:
    """Connect. ``connection``: keyword arguments of aiokafka's clients. Raises RecordsUnreadable."""
    consumer = AIOKafkaConsumer(
        **connection,
        group_id=None,
        auto_offset_reset="earliest",
        client_id="moebridge-replay",
        max_partition_fetch_bytes=_FETCHED,
        fetch_max_wait_ms=_FETCH_MS,
    )
    try:
        async with _readable(connection["bootstrap_servers"]):
            await consumer.start()
        yield Reader(consumer)
    finally:
        await stop_consumer(consumer)


async def changelog_rows(
    reader: Reader, topic: str, wanted: Callable[[bytes], bool]
) -> dict[bytes, bytes]:
    """The rows of a table as a recovery would find them now, of the keys that are wanted."""
    rows: dict[bytes, bytes] = {}
    successions: dict[int, Succession] = {}
    async for record in reader.read(topic, await reader.held(topic)):
        succession = successions.setdefault(record.partition, Succession())
        # Every record is told to it, also of other keys: it learns from them who owns the partition.
        counts = succession.counts(record.key, record.offset, owner_of(record.headers))
        if not counts or not wanted(record.key):
            continue
        if record.value is None:
            rows.pop(record.key, None)
        else:
            rows[record.key] = record.value
    return rows


async def spans_of(
    reader: Reader,
    topic: str,
    *,
    first_ms: int | None = None,
    end_ms: int | None = None,
    from_offset: int | None = None,
    partitions: Collection[int] = (),
) -> dict[int, tuple[int, int]]:
    """The part of a topic that is meant, by partition, as of now; without what is empty.

    Raises WrongReplay for a partition that there is not.
    """
    held = await reader.held(topic)
    for partition in partitions:
        if partition not in held:
            raise WrongReplay(f"--partition: {topic} has no {partition}, only 0 to {len(held) - 1}")
    spans = {one: span for one, span in held.items() if not partitions or one in partitions}
    firsts = {} if first_ms is None else await reader.at(topic, first_ms, spans)
    ends = {} if end_ms is None else await reader.at(topic, end_ms, spans)
    meant = {
        partition: (
            max(first, firsts.get(partition, first), from_offset or 0),
            min(end, ends.get(partition, end)),
        )
        for partition, (first, end) in spans.items()
    }
    return {partition: (first, end) for partition, (first, end) in meant.items() if first < end}


@asynccontextmanager
async def _readable(topic: str) -> AsyncIterator[None]:
    try:
        yield
    except (KafkaError, TimeoutError, OSError) as error:
        raise RecordsUnreadable(topic, type(error).__name__) from error
