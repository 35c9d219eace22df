"""A look at the broker beside the worker's consumer: how far do the partitions reach, does it answer?

What the consumer knows of this it has from its own fetches, so one that has stopped fetching believes
that there is nothing to do. And only somebody else can tell a broker that is away from a consumer that
hangs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.chunks import Place
from streams.progress import Reach

#: How long the broker may take for an answer, in seconds.
ANSWER_S = 5.0


class BrokerLook:
    """Asks the broker with a client of its own; in any event loop.

    ``connection``: keyword arguments of aiokafka's clients. ``group``: whose coordinator is asked,
    without joining it; ``topic``: any topic that the group reads.
    """

    def __init__(self, connection: Mapping[str, Any], group: str, topic: str) -> None:
        self._connection = connection
        self._group = group
        self._topic = topic
        self._client: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> BrokerLook:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._drop()

    async def look(self, places: Collection[Place]) -> Reach:
        """What it says of these partitions, in three times ANSWER_S at most. Raises no KafkaError."""
        try:
            async with asyncio.timeout(ANSWER_S):
                client = await self._connected()
                await client.committed(TopicPartition(self._topic, 0))
        except (KafkaError, OSError, TimeoutError):
            await self._drop()
            return Reach(answers=False)
        if not places:
            return Reach()
        ends = await self._ends(client, [TopicPartition(*place) for place in places])
        if ends is None:  # ask one by one, for those whose broker is there
            each = await asyncio.gather(
                *(self._ends(client, [TopicPartition(*place)]) for place in places)
            )
            ends = {}
            for one in each:
                ends.update(one or {})
        return Reach(ends, frozenset(place for place in places if place not in ends))

    async def _ends(
        self, client: AIOKafkaConsumer, partitions: list[TopicPartition]
    ) -> dict[Place, int] | None:
        try:
            async with asyncio.timeout(ANSWER_S):
                ends = await client.end_offsets(partitions)
        except (KafkaError, OSError, TimeoutError):
            return None
        return {Place(partition.topic, partition.partition): end for partition, end in ends.items()}

    async def _connected(self) -> AIOKafkaConsumer:
        if self._client is None:
            client = AIOKafkaConsumer(
                **self._connection,
                group_id=self._group,
                enable_auto_commit=False,
                client_id="moebridge-watch",
            )
            self._client = client
            await client.start()
        return self._client

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        try:
            async with asyncio.timeout(ANSWER_S):
                await client.stop()
        except (KafkaError, OSError, TimeoutError):
            pass
