"""Reads the topics of a tail: every partition, in no group, committing nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from streams.chunks import Place
from streams.consumer_stop import stop_consumer
from streams.tail.ordering import Ordering

_POLL_MS = 100
#: Seconds without a record after which the broker is asked whether it is there, and time for its answer.
_QUIET_S = 2.0
_PATIENCE_S = 5.0


class TailReader:
    """``places`` are the partitions to read; ``rank`` is a topic's place on an event's way.

    ``say`` is called with what a person should know of the reading itself.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        places: Sequence[TopicPartition],
        rank: Mapping[str, int],
        say: Callable[[str], None],
    ) -> None:
        self._consumer = consumer
        self._places = places
        self._rank = rank
        self._say = say
        self._heard_at = time.monotonic()

    async def read(
        self, *, since_ms: int | None, follow: bool, stop: asyncio.Event
    ) -> AsyncGenerator[list[Any], None]:
        """Records in order of time, in lists that may be empty; one at least every _POLL_MS or so.

        From the present end on, or from ``since_ms`` on, until ``stop`` is set; without ``follow`` until
        the end that was the present one at the beginning. Raises KafkaError.
        """
        consumer = self._consumer
        ends: dict[TopicPartition, int] = await consumer.end_offsets(self._places)
        first = ends if since_ms is None else await self._first_since(since_ms, ends)
        ordering = Ordering(_by_place(first), _by_place(ends), self._rank)
        consumer.assign(self._places)
        for place, offset in first.items():
            consumer.seek(place, offset)
        if follow:
            self._say("following; Ctrl-C ends it")
        watching = asyncio.create_task(self._watch())
        try:
            while not stop.is_set():
                if not follow and not ordering.catching_up:
                    yield ordering.rest()
                    return
                await self._poll(ordering)
                yield ordering.due(time.monotonic())
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _first_since(
        self, since_ms: int, ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        found = await self._consumer.offsets_for_times(dict.fromkeys(self._places, since_ms))
        return {
            place: ends[place] if at is None else min(at.offset, ends[place])
            for place, at in found.items()
        }

    async def _poll(self, ordering: Ordering) -> None:
        wanted = [TopicPartition(*place) for place in ordering.wanted]
        try:
            found = await self._consumer.getmany(*wanted, timeout_ms=_POLL_MS)
        except OffsetOutOfRangeError as error:
            await self._back_in_range(error.args[0])
            return
        now_s = time.monotonic()
        if found:
            self._heard_at = now_s
        # An offset may hold no record (retention took it), so the position tells, not the records.
        for place in wanted or found:
            position = await self._consumer.position(place)
            ordering.take(Place(*place), found.get(place, ()), position, now_s)

    async def _back_in_range(self, lost: Mapping[TopicPartition, int]) -> None:
        """Go on with what there is where retention, or a broker that lost its last second, took more."""
        try:
            first = await self._consumer.beginning_offsets(list(lost))
            ends = await self._consumer.end_offsets(list(lost))
        except KafkaError:
            return  # the same is found again at the next fetch
        for place, offset in lost.items():
            there = min(max(offset, first[place]), ends[place])
            self._consumer.seek(place, there)
            self._say(f"{place.topic}[{place.partition}]: offset {offset} is gone; on from {there}")

    async def _watch(self) -> None:
        """Say when the broker goes away and when it is back; the consumer goes on by itself."""
        away = False
        while True:
            await asyncio.sleep(_QUIET_S)
            if not away and time.monotonic() - self._heard_at < _QUIET_S:
                continue
            answers = await self._answers()
            if answers is away:
                away = not answers
                self._say(
                    "the broker does not answer; going on when it is back"
                    if away
                    else "the broker is back"
                )

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._consumer.end_offsets(self._places)
        except (KafkaError, OSError, TimeoutError):
            return False
        return True


@asynccontextmanager
async def tail_consumer(connection: Mapping[str, Any]) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer in no group. Raises KafkaError or OSError where it cannot connect."""
    consumer = AIOKafkaConsumer(
        **connection,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        check_crcs=False,  # a bad one would end the reading; what is wrong with a record shows in it
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await stop_consumer(consumer)


def _by_place(offsets: Mapping[TopicPartition, int]) -> dict[Place, int]:
    return {Place(*place): offset for place, offset in offsets.items()}
