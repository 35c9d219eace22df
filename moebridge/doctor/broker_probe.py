"""Asking the broker: is it there, who works on its topics, did a record come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from moebridge.doctor.broker_verdict import Group
from moebridge.doctor.door_verdict import Stored
from moebridge.errors import BrokerUnreachable, TopicsUnfit
from moebridge.topic_admin import admin_client, partition_counts

_POLL_MS = 200
#: The embedded broker answers a fetch that brings nothing at once.
_PAUSE_S = 0.02


async def count_brokers(connection: Mapping[str, Any]) -> int:
    """How many brokers there are. Raises BrokerUnreachable."""
    async with admin_client(connection) as admin:
        return len((await admin.describe_cluster())["brokers"])


async def look_at_group(connection: Mapping[str, Any], name: str, topics: Sequence[str]) -> Group:
    """The consumer group, and what waits for it on the topics. Raises BrokerUnreachable."""
    async with admin_client(connection) as admin:
        [answer] = await admin.describe_consumer_groups([name])
        [(_, _, state, _, _, members, *_)] = answer.groups
        committed = await admin.list_consumer_group_offsets(name)
        places = await _places(admin, topics)
    if not places:
        return Group(name, state, len(members), 0)
    async with _reader(connection, places) as reader:
        begins, ends = await reader.beginning_offsets(places), await reader.end_offsets(places)
    unread = 0
    for place in places:
        at = committed.get(place)
        unread += max(0, ends[place] - (begins[place] if at is None else at.offset))
    return Group(name, state, len(members), unread)


class Watch:
    """What comes to a topic from now on."""

    def __init__(self, reader: AIOKafkaConsumer) -> None:
        self._reader = reader

    async def find(self, event_id: str) -> Stored:
        """Where the record of this event is, once it has come; the caller bounds the time."""
        wanted = event_id.encode()
        while True:
            for records in (await self._reader.getmany(timeout_ms=_POLL_MS)).values():
                for record in records:
                    headers = dict(record.headers)
                    if headers.get("event_id") == wanted:
                        name = (headers.get("config") or b"").decode()
                        return Stored(record.partition, record.offset, name)
            await asyncio.sleep(_PAUSE_S)


@asynccontextmanager
async def watching(connection: Mapping[str, Any], topic: str) -> AsyncIterator[Watch]:
    """Watch a topic from its present end on. Raises BrokerUnreachable, TopicsUnfit."""
    async with admin_client(connection) as admin:
        places = await _places(admin, [topic])
    if not places:
        raise TopicsUnfit([f"{topic}: missing; moebridge topics create"])
    async with _reader(connection, places) as reader:
        for place, end in (await reader.end_offsets(places)).items():
            reader.seek(place, end)
        yield Watch(reader)


async def _places(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> list[TopicPartition]:
    counts = await partition_counts(admin)
    return [
        TopicPartition(topic, partition) for topic in topics for partition in range(counts.get(topic, 0))
    ]


@asynccontextmanager
async def _reader(
    connection: Mapping[str, Any], places: Sequence[TopicPartition]
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer in no group, that commits nothing."""
    reader = AIOKafkaConsumer(**connection, enable_auto_commit=False)
    try:
        await reader.start()
        reader.assign(places)
        yield reader
    except (KafkaError, OSError) as error:
        servers = str(connection["bootstrap_servers"])
        raise BrokerUnreachable(servers, type(error).__name__) from error
    finally:
        await reader.stop()
