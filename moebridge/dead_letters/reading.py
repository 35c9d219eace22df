"""Reading the dead letters and the notes on them: a partition at a time, to an end noted before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from events.topics import DEAD_LETTERS, SETTLEMENTS, topic_name
from moebridge.dead_letters.letter import Letter, read_letter
from moebridge.dead_letters.selection import Selection, Span
from moebridge.dead_letters.settlements import Book, read_note
from moebridge.errors import BrokerUnreachable, TopicsUnfit
from moebridge.topic_admin import admin_client, partition_counts
from streams.consumer_stop import stop_consumer

#: Seconds without one record where there must be some, after which the broker counts as gone.
PATIENCE_S = 30.0
_POLL_MS = 1000


class TopicReader:
    """Reads any partition of one topic. It is in no consumer group and commits nothing."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic

    async def span(self, partition: int) -> Span:
        """The offsets that the partition holds now."""
        place = TopicPartition(self._topic, partition)
        first = (await self._consumer.beginning_offsets([place]))[place]
        end = (await self._consumer.end_offsets([place]))[place]
        return Span(first, end)

    async def since(self, partition: int, moment_ms: int, span: Span) -> Span:
        """The part of the span from the first record on that was written at this time or later."""
        place = TopicPartition(self._topic, partition)
        found = (await self._consumer.offsets_for_times({place: moment_ms}))[place]
        return Span(span.end if found is None else max(span.first, found.offset), span.end)

    async def read(self, partition: int, span: Span) -> AsyncIterator[Any]:
        """The records of the span, in order. Raises TimeoutError where the broker sends no more."""
        if span.empty:
            return
        place = TopicPartition(self._topic, partition)
        self._consumer.assign([place])
        self._consumer.seek(place, span.first)
        # An offset may hold no record (retention took it), so the position tells, not the records.
        while await self._consumer.position(place) < span.end:
            async with asyncio.timeout(PATIENCE_S):
                records: list[Any] = []
                while not records and await self._consumer.position(place) < span.end:
                    records = (await self._consumer.getmany(place, timeout_ms=_POLL_MS)).get(place, [])
            for record in records:
                if record.offset >= span.end:
                    return
                yield record


class DeadLetterLog:
    """The dead letters of an installation, and what became of them, as of when each is asked for."""

    def __init__(self, letters: TopicReader, notes: TopicReader, partitions: int) -> None:
        self._letters = letters
        self._notes = notes
        self.partitions = partitions

    async def span(self, partition: int) -> Span:
        """The offsets of the letters that a partition holds now."""
        return await self._letters.span(partition)

    async def selected(self, partition: int, selection: Selection) -> Span:
        """The offsets, as of now, between which all letters are that the selection can mean."""
        span = selection.within(partition, await self.span(partition))
        if selection.window.first is None or span.empty:
            return span
        # A letter is written at the time that it says, or later.
        return await self._letters.since(partition, selection.window.first, span)

    async def letters(self, partition: int, span: Span) -> AsyncIterator[Letter]:
        """The letters of a span."""
        async for record in self._letters.read(partition, span):
            yield read_letter(record)

    async def book(self, partition: int) -> Book:
        """What has become of a partition's letters until now."""
        book = Book()
        await self.take_notes(book, partition, 0)
        return book

    async def take_notes(self, book: Book, partition: int, first: int, end: int | None = None) -> int:
        """Take the notes from ``first`` on, up to ``end`` or up to now, into the book; where they end."""
        span = await self._notes.span(partition)
        span = Span(max(first, span.first), span.end if end is None else end)
        async for record in self._notes.read(partition, span):
            note = read_note(record)
            if note is not None:
                book.take(note, record.timestamp)
        return max(first, span.end)


@asynccontextmanager
async def dead_letter_log(connection: Mapping[str, Any], prefix: str) -> AsyncIterator[DeadLetterLog]:
    """Connect. Raises BrokerUnreachable, and TopicsUnfit where topics are missing."""
    letters, notes = topic_name(DEAD_LETTERS, prefix), topic_name(SETTLEMENTS, prefix)
    async with admin_client(connection) as admin:
        counts = await partition_counts(admin)
    partitions = fitting_partitions(counts, letters, notes)
    consumers = [
        AIOKafkaConsumer(**connection, group_id=None, auto_offset_reset="earliest") for _ in range(2)
    ]
    servers = connection["bootstrap_servers"]
    try:
        try:
            for consumer in consumers:
                await consumer.start()
        except (KafkaError, OSError) as error:
            raise BrokerUnreachable(servers, type(error).__name__) from error
        of_letters, of_notes = consumers
        try:
            yield DeadLetterLog(
                TopicReader(of_letters, letters), TopicReader(of_notes, notes), partitions
            )
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnreachable(servers, type(error).__name__) from error
    finally:
        for consumer in consumers:
            await stop_consumer(consumer)


def fitting_partitions(counts: Mapping[str, int], letters: str, notes: str) -> int:
    """How many partitions both topics have. Raises TopicsUnfit where one is missing, or they differ."""
    missing = [
        f"{name}: missing: moebridge topics create" for name in (letters, notes) if name not in counts
    ]
    if missing:
        raise TopicsUnfit(missing)
    if counts[letters] != counts[notes]:
        raise TopicsUnfit(
            [
                f"{notes}: has {counts[notes]} partitions and {letters} has {counts[letters]}: delete "
                f"{notes} and run moebridge topics create with {counts[letters]} partitions (what was "
                "settled counts as open again then)"
            ]
        )
    return counts[letters]
