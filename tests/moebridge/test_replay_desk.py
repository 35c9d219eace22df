"""A replay's notes and positions on a broker."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from events.topics import CONTACTS, EVENTS, topic_name
from moebridge.errors import TopicsUnfit
from moebridge.replay_desk import BrokerDesk, Ground, NoteReader
from moebridge.topic_admin import create_topics
from streams.lag.broker import LagReader
from streams.lag.look import watched
from streams.publishing import Outgoing
from streams.replay.control import Counts, Note, Reached

pytestmark = pytest.mark.broker


@pytest.fixture
async def place(broker: Any, topic_prefix: str) -> Ground:
    """An installation of four partitions."""
    app_id = f"{topic_prefix}moebridge"
    await create_topics(
        broker.connection, prefix=topic_prefix, partitions=4, replication=1, app_id=app_id
    )
    return Ground(broker.connection, topic_prefix, app_id, "default", 1_000_000)


def desk_of(place: Ground, lag: LagReader | None = None) -> BrokerDesk:
    return BrokerDesk(place, topic_name(EVENTS, place.prefix), lag, asyncio.Event())


async def test_two_desks_see_the_same_notes_and_those_of_other_configurations_are_not_theirs(
    place: Ground,
) -> None:
    other = Ground(place.connection, place.prefix, place.app_id, "eu", 1_000_000)
    async with desk_of(place) as one, desk_of(place) as two, desk_of(other) as elsewhere:
        await one.write(Note("a", "begun", "r1", {"id": "a"}, {"chosen": 2}))
        await elsewhere.write(Note("b", "begun", "r9"))
        assert one.book.may_work("a", "r1")
        await two.write(Note("a", "resumed", "r2"))
        assert two.book.may_work("a", "r2")
        assert one.book.may_work("a", "r1"), "it has not looked yet"
        await one.look()
        assert not one.book.may_work("a", "r1")
        assert one.book.replays.keys() == {"a"}
        assert elsewhere.book.replays.keys() == {"b"}
        await two.renew()
        await two.write(Note("a", "paused", "r2", positions={3: Reached(7, Counts(1))}))
        await one.look()
        assert one.book.replays == two.book.replays
    async with NoteReader(place) as notes:
        await notes.take()
        assert notes.book.replays["a"].positions == {3: Reached(7, Counts(1))}


async def test_positions_are_kept_by_replay_and_partition(place: Ground) -> None:
    async with desk_of(place) as one:
        assert await one.positions("a") == {}
        await one.commit("a", {0: Reached(5, Counts(3, 2, 1)), 2: Reached(1)})
        await one.commit("a", {0: Reached(9, Counts(4, 2, 2))})
        await one.commit("b", {1: Reached(4)})
        await one.renew()
        assert await one.positions("a") == {0: Reached(9, Counts(4, 2, 2)), 2: Reached(1)}
    async with desk_of(place) as another:
        assert await another.positions("b") == {1: Reached(4)}


async def test_what_was_published_is_lag_until_workers_have_done_it(place: Ground) -> None:
    reader = LagReader(
        place.connection, watched(place.app_id, place.prefix), now_ms=lambda: 1_790_000_000_000
    )
    async with desk_of(place, reader) as one:

        async def told(lag: int) -> None:
            async with asyncio.timeout(20):
                while one.lag()[0] != lag:  # noqa: ASYNC110  # another process's look
                    await asyncio.sleep(0.05)

        await told(0)
        contacts = topic_name(CONTACTS, place.prefix)
        await one.publish([Outgoing(contacts, str(n).encode(), b"{}") for n in range(7)])
        await told(7)


async def test_without_its_topic_it_says_what_to_do(broker: Any, topic_prefix: str) -> None:
    place = Ground(broker.connection, topic_prefix, "x", "default", 1_000_000)
    with pytest.raises(TopicsUnfit, match="moebridge topics create"):
        async with NoteReader(place):
            pass
