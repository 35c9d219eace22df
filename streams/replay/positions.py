"""How far a replay has come, as the offsets of a consumer group of its own, which nobody ever joins.

Next to each offset stand the counts of what was published up to there, as the commit's metadata.
Requests of our own: aiokafka's admin client takes an answer that is an error for a group without offsets,
and a replay that is resumed would begin anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, NoError, for_code
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest

from events.codec import decode_object, encode
from streams.replay.control import Positions, Reached

_REQUEST_TIMEOUT_MS = 8_000
_NOT_A_MEMBER = -1
_AS_LONG_AS_THE_BROKER_DOES = -1


class GroupPositions:
    """The offsets of one group on one topic. Steps raise KafkaError or OSError; ``close`` and go on."""

    def __init__(self, connection: Mapping[str, Any], topic: str, group: str) -> None:
        self._connection = connection
        self._topic = topic
        self._group = group
        self._client: AIOKafkaClient | None = None
        self._coordinator: Any = None

    async def read(self) -> dict[int, Reached]:
        """By partition; empty where nothing was ever committed."""
        answer = await self._send(OffsetFetchRequest(self._group, None))
        _check(getattr(answer, "error_code", NoError.errno))
        found = {}
        for topic, partitions in answer.topics:
            for partition, offset, metadata, code in partitions:
                _check(code)
                if topic == self._topic and offset >= 0:
                    counts = decode_object(metadata.encode()) if metadata else {}
                    found[partition] = Reached.read({**counts, "next": offset})
        return found

    async def commit(self, positions: Positions) -> None:
        """Commit these; confirmed when this returns."""
        partitions = [
            (partition, one.next, encode(one.counts.document()).decode())
            for partition, one in sorted(positions.items())
        ]
        request = OffsetCommitRequest(
            self._group,
            _NOT_A_MEMBER,
            "",
            _AS_LONG_AS_THE_BROKER_DOES,
            [(self._topic, partitions)],
        )
        answer = await self._send(request)
        for _, told in answer.topics:
            for _, code in told:
                _check(code)

    async def close(self) -> None:
        """Disconnect; the next step connects again."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _send(self, request: Any) -> Any:
        if self._client is None:
            client = AIOKafkaClient(
                **self._connection, client_id="moebridge-replay", request_timeout_ms=_REQUEST_TIMEOUT_MS
            )
            try:
                await client.bootstrap()
                self._coordinator = await client.coordinator_lookup(0, self._group)
            except BaseException:
                await client.close()
                raise
            self._client = client
        return await self._client.send(self._coordinator, request)


def _check(code: int) -> None:
    if code != NoError.errno:
        error = for_code(code)
        raise error() if issubclass(error, KafkaError) else KafkaError(f"error {code}")
