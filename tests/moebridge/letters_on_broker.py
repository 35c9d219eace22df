"""Dead letters on a broker, the command on them, and what it sends again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from click.testing import CliRunner, Result
from some_letters import BEGAN_MS

from events.topics import DEAD_LETTERS, TopicName, topic_name
from moebridge.cli import main
from moebridge.topic_admin import create_topics
from streams.publishing import BatchPublisher, Outgoing

PARTITIONS = 4


@dataclass(frozen=True)
class Installation:
    """Topics of its own on a broker."""

    bootstrap_servers: str
    prefix: str

    @property
    def settings(self) -> dict[str, str]:
        return {
            "kafka.bootstrap_servers": self.bootstrap_servers,
            "kafka.topic_prefix": self.prefix,
            "kafka.partitions": str(PARTITIONS),
        }

    def topic(self, name: TopicName) -> str:
        return topic_name(name, self.prefix)

    async def make(self, *letters: Outgoing) -> None:
        """Create the topics, with these dead letters."""
        await create_topics(
            {"bootstrap_servers": self.bootstrap_servers},
            prefix=self.prefix, partitions=PARTITIONS, replication=1, app_id=f"{self.prefix}moebridge",
        )  # fmt: skip
        await self.write(letters)

    async def write(self, letters: Iterable[Outgoing]) -> None:
        """Write dead letters, each at the time that it says."""
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap_servers) as producer:
            publisher = BatchPublisher(producer)
            for at, some in groupby(letters, _failed_at):
                out = [one._replace(topic=self.topic(DEAD_LETTERS)) for one in some]
                await publisher.publish(out, at)

    def command(self, *arguments: str) -> Result:
        """``moebridge dead-letters …``."""
        env = {f"MOEBRIDGE_{k.replace('.', '__').upper()}": v for k, v in self.settings.items()}
        return CliRunner().invoke(main, ["dead-letters", *arguments], env=env)

    def records(self, name: TopicName) -> list[Any]:
        """All records of a topic; those of one partition in order."""
        return run(self.read(name))

    async def count(self, name: TopicName) -> int:
        """How many records a topic has."""
        places = [TopicPartition(self.topic(name), partition) for partition in range(PARTITIONS)]
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap_servers) as consumer:
            return sum((await consumer.end_offsets(places)).values())

    async def reaches(self, name: TopicName, count: int) -> None:
        """Wait until a topic has so many records."""
        places = [TopicPartition(self.topic(name), partition) for partition in range(PARTITIONS)]
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap_servers) as consumer:
            while sum((await consumer.end_offsets(places)).values()) < count:  # noqa: ASYNC110  # Kafka tells nobody
                await asyncio.sleep(0.005)

    async def read(self, name: TopicName) -> list[Any]:
        """See records."""
        topic = self.topic(name)
        found: list[Any] = []
        async with AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers, auto_offset_reset="earliest"
        ) as consumer:
            for partition in range(PARTITIONS):
                place = TopicPartition(topic, partition)
                end = (await consumer.end_offsets([place]))[place]
                if not end:
                    continue  # a consumer that stops right after it was assigned something may hang
                consumer.assign([place])
                consumer.seek(place, 0)
                while await consumer.position(place) < end:
                    found += (await consumer.getmany(place, timeout_ms=1000)).get(place, [])
        return found


def _failed_at(letter: Outgoing) -> int:
    return int(dict(letter.headers).get("dead_letter.failed_at", b"%d" % BEGAN_MS))


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Outside of a loop."""
    return asyncio.run(work)
