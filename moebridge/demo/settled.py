"""Waiting until everything that was sent has been worked through, by counting, not by the clock.

Every stage counts the records that it has done, after what it put out was confirmed. Counts are read
first and the topics' ends after them: where no end is beyond its count, nothing is left anywhere.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from events.topics import COMPANIES, CONTACTS, DEAD_LETTERS, DELIVERIES, EVENTS, TopicName

#: What each stage reads.
SOURCES: dict[str, TopicName] = {
    "route": EVENTS,
    "contacts": CONTACTS,
    "companies": COMPANIES,
    "deliver": DELIVERIES,
}

_PAUSE_S = 0.05


class Watch:
    """Looks at the worker's metrics and at the broker. Its consumer is in no group."""

    def __init__(
        self, session: aiohttp.ClientSession, worker_url: str, consumer: AIOKafkaConsumer
    ) -> None:
        self._session = session
        self._url = f"{worker_url}/metrics"
        self._consumer = consumer

    async def settled(self) -> None:
        """Return once every stage has done all that there is."""
        while True:
            done = await self._done()
            ends = {stage: await self.length(topic) for stage, topic in SOURCES.items()}
            if all(done[stage] >= end for stage, end in ends.items()):
                return
            await asyncio.sleep(_PAUSE_S)

    async def outcomes(self) -> Counter[str]:
        """What records came to, over all stages."""
        counted: Counter[str] = Counter()
        for labels, value in await self._samples("moebridge_stage_outcomes_total"):
            counted[labels["outcome"]] += int(value)
        return counted

    async def dead_letters(self) -> int:
        """How many there are."""
        return await self.length(DEAD_LETTERS)

    async def length(self, topic: TopicName) -> int:
        """How many records a topic has ever had, on a broker that began empty."""
        partitions = self._consumer.partitions_for_topic(topic) or set()
        places = [TopicPartition(topic, partition) for partition in partitions]
        return sum((await self._consumer.end_offsets(places)).values())

    async def _done(self) -> dict[str, int]:
        counts = dict.fromkeys(SOURCES, 0)
        for labels, value in await self._samples("moebridge_stage_records_total"):
            counts[labels["stage"]] = int(value)
        return counts

    async def _samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        async with self._session.get(self._url) as response:
            text = await response.text()
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        ]
