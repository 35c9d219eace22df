"""What live traffic has still to work on: it has no receipt yet, and is not missing for that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from events.configurations import Configurations
from events.errors import UnknownConfiguration
from events.replays import ID_HEADER
from events.topics import COMPANIES, CONTACTS, DELIVERIES, EVENTS, TopicName, topic_name
from streams.errors import RecordsUnreadable
from streams.replay.reading import Reader

#: In the order of the data, so that what moves on while they are read is met again further on.
_WAYS: tuple[TopicName, ...] = (EVENTS, CONTACTS, COMPANIES, DELIVERIES)


async def pending_events(
    reader: Reader,
    connection: Mapping[str, Any],
    *,
    group: str,
    prefix: str,
    configurations: Configurations,
    config: str,
) -> frozenset[str]:
    """Ids of a configuration's events of which anything is in front of the workers' ``group``.

    Replayed records do not count: a replay that goes on knows by its positions what it has published.
    Read receipts after this, so that what is delivered meanwhile is in one of the two. Raises
    RecordsUnreadable.
    """
    found: set[str] = set()
    scope = configurations.scope(config)
    for topic in (topic_name(one, prefix) for one in _WAYS):
        committed = await _committed(connection, group, topic)
        held = await reader.held(topic)
        waiting = {
            partition: (max(first, committed.get(partition, first)), end)
            for partition, (first, end) in held.items()
        }
        async for record in reader.read(topic, waiting):
            event_id = _event_of(record.headers or (), configurations, scope)
            if event_id:
                found.add(event_id)
    return frozenset(found)


async def _committed(connection: Mapping[str, Any], group: str, topic: str) -> dict[int, int]:
    """Asked of the coordinator, without being in the group."""
    admin = AIOKafkaAdminClient(**connection, client_id="moebridge-replay")
    try:
        await admin.start()
        offsets = await admin.list_consumer_group_offsets(group)
    except (KafkaError, OSError, TimeoutError) as error:
        raise RecordsUnreadable(topic, f"offsets of {group}: {type(error).__name__}") from error
    finally:
        await admin.close()
    return {
        place.partition: committed.offset
        for place, committed in offsets.items()
        if place.topic == topic and committed.offset >= 0
    }


def _event_of(headers: Iterable[tuple[str, bytes]], configurations: Configurations, scope: str) -> str:
    """The event's id; "" for a record that is not live, not readable, or another configuration's."""
    fields = dict(headers)
    if ID_HEADER in fields:
        return ""
    try:
        if configurations.scope((fields.get("config") or b"").decode()) != scope:
            return ""
        return (fields.get("event_id") or b"").decode()
    except (UnicodeDecodeError, UnknownConfiguration):
        return ""
