"""What live traffic has still to work on: it has no receipt yet, and is not missing for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from events.configurations import Configurations
from events.errors import UnknownConfiguration
from events.replays import ID_HEADER
from events.topics import topic_name
from streams.errors import RecordsUnreadable
from streams.lag.broker import LagReader
from streams.lag.look import STAGES, watched
from streams.replay.reading import Reader


async def pending_events(
    reader: Reader,
    connection: Mapping[str, Any],
    *,
    group: str,
    prefix: str,
    configurations: Configurations,
    config: str,
    now_ms: Callable[[], int],
) -> frozenset[str]:
    """Ids of a configuration's events of which anything is in front of the workers' ``group``.

    Replayed records do not count: a replay that goes on knows by its positions what it has published.
    Read receipts after this, so that what is delivered meanwhile is in one of the two. Raises
    LagUnreadable, RecordsUnreadable.
    """
    found: set[str] = set()
    scope = configurations.scope(config)
    async with LagReader(connection, watched(group, prefix), now_ms=now_ms) as lag:
        look = await lag.look()
    if look.unread:
        raise RecordsUnreadable(look.unread[0].topic, "a partition without a leader")
    # In the order of the data, so that what moves on while they are read is met again further on.
    for topic in (topic_name(one, prefix) for one in STAGES.values()):
        waiting = {
            place.partition: (told.begin if told.committed is None else told.committed, told.end)
            for place, told in look.partitions.items()
            if place.topic == topic
        }
        async for record in reader.read(topic, waiting):
            event_id = _event_of(record.headers or (), configurations, scope)
            if event_id:
                found.add(event_id)
    return frozenset(found)


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
