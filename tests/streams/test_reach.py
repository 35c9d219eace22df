"""A look at the broker beside the worker's consumer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from small_app import PARTITIONS, Topic
from small_app import topic as make_topic

from moebridge.brokers.ports import free_ports
from streams.chunks import Place
from streams.progress import Reach
from streams.reach import BrokerLook

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]


@pytest.fixture
async def topic(broker, topic_prefix: str) -> AsyncIterator[Topic]:
    async with make_topic(broker.bootstrap_servers, topic_prefix) as made:
        yield made


async def test_how_far_partitions_reach_as_they_grow(topic: Topic) -> None:
    places = [Place(topic.name, partition) for partition in range(PARTITIONS)]
    connection = {"bootstrap_servers": topic.bootstrap_servers}
    async with BrokerLook(connection, topic.group, topic.name) as broker:
        assert await broker.look([]) == Reach()
        for published in (0, 100, 300):
            await topic.publish(published - topic.published)
            reach = await broker.look(places)
            assert reach.answers
            assert not reach.silent
            assert set(reach.ends) == set(places)
            assert sum(reach.ends.values()) == published


async def test_a_partition_of_which_nobody_tells_is_named(topic: Topic) -> None:
    await topic.publish(50)
    here, nowhere = Place(topic.name, 0), Place(topic.name, 99)
    connection = {"bootstrap_servers": topic.bootstrap_servers}
    async with BrokerLook(connection, topic.group, topic.name) as broker:
        reach = await broker.look([here, nowhere])
    assert reach.answers
    assert reach.silent == {nowhere}
    assert set(reach.ends) == {here}


async def test_a_broker_that_is_not_there() -> None:
    [port] = free_ports(1)
    async with BrokerLook({"bootstrap_servers": f"127.0.0.1:{port}"}, "group", "topic") as broker:
        for _ in range(2):
            assert await broker.look([Place("topic", 0)]) == Reach(answers=False)
