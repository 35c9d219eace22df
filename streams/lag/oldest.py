"""When the oldest record that waits was published: its timestamp, read from the record itself.

What was read is kept, for a record's timestamp never changes: a partition that stands still costs one
fetch in all. A broker returns whole batches, so the bytes are bounded: rounds of one request to each
broker; what is not read after the last round is not known, and read at the next look.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import NoError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from streams.chunks import Place

#: Bytes asked for a partition, round by round. A broker skips a partition whose batch is larger, but for
#: the first of a request.
ROUNDS = (65_536, 1_048_576, 2_097_152, 2_097_152)
_REQUEST_BYTES = 32_000_000

#: Partitions whose batches are read before others of the loop have a turn.
_AT_ONCE = 20


class OldestRecords:
    """Timestamps of the records at these offsets, in ms since the epoch."""

    def __init__(self) -> None:
        self._known: dict[Place, tuple[int, int]] = {}

    async def read(
        self, client: AIOKafkaClient, leaders: Mapping[Place, int], wanted: Mapping[Place, int]
    ) -> dict[Place, int]:
        """The timestamp of the first record at or behind each offset, where it could be read."""
        self._known = {p: known for p, known in self._known.items() if wanted.get(p) == known[0]}
        for size in ROUNDS:
            missing = {place: at for place, at in wanted.items() if place not in self._known}
            if not missing:
                break
            await self._round(client, leaders, missing, size)
        return {place: timestamp for place, (_, timestamp) in self._known.items()}

    async def _round(
        self,
        client: AIOKafkaClient,
        leaders: Mapping[Place, int],
        missing: Mapping[Place, int],
        size: int,
    ) -> None:
        led: defaultdict[int, list[Place]] = defaultdict(list)
        for place in missing:
            if leaders.get(place, -1) >= 0:
                led[leaders[place]].append(place)
        answers = await asyncio.gather(
            *(client.send(leader, _request(places, missing, size)) for leader, places in led.items())
        )
        parts = [(topic, part) for answer in answers for topic, told in answer.topics for part in told]
        for number, (topic, part) in enumerate(parts):
            place = Place(topic, part[0])
            if part[1] == NoError.errno and part[-1]:
                timestamp = first_timestamp(bytes(part[-1]), missing[place])
                if timestamp is not None:
                    self._known[place] = (missing[place], timestamp)
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)


def first_timestamp(batches: bytes, offset: int) -> int | None:
    """The timestamp of the first record at or behind ``offset``; None where none is whole."""
    records = MemoryRecords(batches)
    while records.has_next():
        batch = records.next_batch()
        if batch.next_offset <= offset or getattr(batch, "is_control_batch", False):
            continue
        for record in batch:
            if record.offset >= offset:
                return int(record.timestamp)
    return None


def by_topic(pairs: Iterable[tuple[Place, Any]]) -> list[tuple[str, list[Any]]]:
    """What requests want for each partition, by topic."""
    topics: defaultdict[str, list[Any]] = defaultdict(list)
    for place, what in pairs:
        topics[place.topic].append(what)
    return list(topics.items())


def _request(places: Iterable[Place], offsets: Mapping[Place, int], size: int) -> FetchRequest:
    wants = by_topic((place, (place.partition, offsets[place], size)) for place in places)
    # Nothing to wait for: these records exist.
    return FetchRequest(0, 0, _REQUEST_BYTES, 0, wants)
