"""Taking a look at a group: a handful of requests, however many partitions there are.

One request each for the group's offsets and its members, two to each broker for the first and last
offsets of all partitions that it leads, and a bounded number of fetches for the timestamps
(streams.lag.oldest). Metadata and retention are asked for now and then. aiokafka's admin client has most
of this, but takes an answer that is an error for one without offsets, and would make a spike of it.

The group's offsets are read before the ends, so that lag is never below 0 and counts at most what came
in between.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, NoError, for_code
from aiokafka.protocol.admin import DescribeConfigsRequest, DescribeGroupsRequest
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.offset import OffsetRequest

from streams.chunks import Place
from streams.errors import LagUnreadable
from streams.lag.look import GroupLook, Owner, PartitionLook, WatchedGroup
from streams.lag.oldest import OldestRecords, by_topic

T = TypeVar("T")

#: Seconds after which topics, leaders and retention are asked for anew; at once after an error.
METADATA_S = 60.0
RETENTION_S = 600.0

#: How long to try again where an answer is an error: a new cluster's first group takes a second or two to
#: get a coordinator.
_PATIENCE_S = 6.0
_PAUSE_S = 0.3
_REQUEST_TIMEOUT_MS = 10_000

_FIRST, _END = -2, -1  # ListOffsets' special timestamps
_TOPIC = 2  # DescribeConfigs' resource type
_NO_SUCH_GROUP = 69
_MOVING = ("PreparingRebalance", "CompletingRebalance")


class LagReader:
    """Looks at one group. Use as an async context manager."""

    def __init__(
        self, connection: Mapping[str, Any], group: WatchedGroup, *, now_ms: Callable[[], int]
    ) -> None:
        self.group = group
        self._connection = connection
        self._now_ms = now_ms
        self._client: AIOKafkaClient | None = None
        self._oldest = OldestRecords()
        self._coordinator: Any = None
        self._leaders: dict[Place, int] = {}
        self._leaders_at = float("-inf")
        self._retention: dict[str, int] = {}
        self._retention_at = float("-inf")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._forget(close=True)

    async def look(self) -> GroupLook:
        """How things are now. Raises LagUnreadable where tries have failed for some seconds."""
        return await self._tried(self._look)

    async def waiting(self) -> int | None:
        """How many records wait, of all partitions; None where not every partition is told of.

        Of a look this is the part that many a second can be had of. Raises LagUnreadable.
        """
        return await self._tried(self._waiting)

    async def _tried(self, step: Callable[[], Awaitable[T]]) -> T:
        give_up_at = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return await step()
            except (KafkaError, OSError, TimeoutError) as error:
                given_up = self._client is None or time.monotonic() > give_up_at
                # Leaders and coordinator may have moved, and in the end all brokers.
                await self._forget(close=given_up)
                if given_up:
                    servers = str(self._connection["bootstrap_servers"])
                    raise LagUnreadable(servers, type(error).__name__) from error
                await asyncio.sleep(_PAUSE_S)

    async def _look(self) -> GroupLook:
        client = await self._connected()
        (exists, moving, owners), committed = await asyncio.gather(self._members(), self._committed())
        looks = await self._partitions(committed, owners)
        at_ms = self._now_ms()
        wanted = {place: look.next for place, look in looks.items() if look.waiting}
        oldest = await self._oldest.read(client, self._leaders, wanted)
        return GroupLook(
            at_ms,
            exists or bool(committed),
            moving,
            {
                place: PartitionLook(
                    look.begin, look.end, look.committed, oldest.get(place), look.owner
                )
                for place, look in looks.items()
            },
            await self._retention_of_topics(),
            tuple(sorted(self._leaders.keys() - looks.keys())),
        )  # fmt: skip

    async def _waiting(self) -> int | None:
        await self._connected()
        looks = await self._partitions(await self._committed(), {})
        return sum(one.waiting for one in looks.values()) if len(looks) == len(self._leaders) else None

    async def _partitions(
        self, committed: Mapping[Place, int], owners: Mapping[Place, Owner]
    ) -> dict[Place, PartitionLook]:
        """Every partition that is told of. Call it after what was committed was read."""
        begins, ends = await asyncio.gather(self._offsets(_FIRST), self._offsets(_END))
        looks = {
            place: PartitionLook(
                begins[place], ends[place], committed.get(place), None, owners.get(place)
            )
            for place in self._leaders
            if place in begins and place in ends
        }
        if len(looks) < len(self._leaders):
            self._leaders_at = float("-inf")
        return looks

    async def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            client = AIOKafkaClient(
                **self._connection, client_id="moebridge-lag", request_timeout_ms=_REQUEST_TIMEOUT_MS
            )
            try:
                await client.bootstrap()
            except BaseException:
                await client.close()
                raise
            self._client = client
        if time.monotonic() - self._leaders_at > METADATA_S:
            if not await self._client.force_metadata_update():
                raise KafkaError("no metadata")
            cluster = self._client.cluster
            self._leaders = {
                Place(topic, partition): leader
                for topic in self.group.stages
                for partition in cluster.partitions_for_topic(topic) or ()
                for leader in [cluster.leader_for_partition(Place(topic, partition))]
            }
            self._leaders_at = time.monotonic()
        if self._coordinator is None:
            self._coordinator = await self._client.coordinator_lookup(0, self.group.group)
        return self._client

    async def _forget(self, *, close: bool) -> None:
        self._coordinator = None
        self._leaders_at = float("-inf")
        if close and self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def _send(self, node: Any, request: Any) -> Any:
        assert self._client is not None
        return await self._client.send(node, request)

    # -- the group ------------------------------------------------------------------------------

    async def _members(self) -> tuple[bool, bool, dict[Place, Owner]]:
        """Whether the group exists, whether its partitions are moving, and whose each is."""
        answer = await self._send(self._coordinator, DescribeGroupsRequest([self.group.group]))
        [(code, _, state, protocol, _, members, *_)] = answer.groups
        if code == _NO_SUCH_GROUP:
            return False, False, {}
        _check(code)
        owners = {}
        for member, client_id, host, _, assignment in members if protocol == "consumer" else ():
            if assignment:
                owner = Owner(member, client_id, host)
                for place in ConsumerProtocolMemberAssignment.decode(assignment).partitions():
                    owners[Place(*place)] = owner
        # Members and not one assignment: they have just come, or this broker does not tell.
        moving = state in _MOVING or bool(members and not owners)
        return state != "Dead", moving, owners

    async def _committed(self) -> dict[Place, int]:
        answer = await self._send(self._coordinator, OffsetFetchRequest(self.group.group, None))
        _check(getattr(answer, "error_code", 0))
        committed = {}
        for topic, partitions in answer.topics:
            for partition, offset, _, code in partitions:
                _check(code)
                if offset >= 0 and topic in self.group.stages:
                    committed[Place(topic, partition)] = offset
        return committed

    # -- the topics -----------------------------------------------------------------------------

    async def _offsets(self, which: int) -> dict[Place, int]:
        """The first offset, or the one behind the last, of every partition that has a leader."""
        led: defaultdict[int, list[Place]] = defaultdict(list)
        for place, leader in self._leaders.items():
            if leader is not None and leader >= 0:
                led[leader].append(place)
        answers = await asyncio.gather(
            *(
                self._send(
                    leader, OffsetRequest(-1, 0, by_topic((p, (p.partition, which)) for p in places))
                )
                for leader, places in led.items()
            )
        )
        return {Place(topic, p): at for answer in answers for topic, p, at in _told(answer.topics)}

    async def _retention_of_topics(self) -> dict[str, int]:
        """By topic, in ms; without those that keep records for ever or of which it is not told."""
        if time.monotonic() - self._retention_at > RETENTION_S:
            names = ["retention.ms", "cleanup.policy"]
            topics = sorted({place.topic for place in self._leaders})
            request = DescribeConfigsRequest([(_TOPIC, topic, names) for topic in topics])
            try:
                answer = await self._send(self._coordinator, request)
            except KafkaError:  # not supported: no data
                self._retention = {}
            else:
                self._retention = dict(_retention(answer.resources))
            self._retention_at = time.monotonic()
        return self._retention


def _told(topics: Iterable[Any]) -> Iterable[tuple[str, int, int]]:
    for topic, partitions in topics:
        for partition, code, _, offset in partitions:
            if code == NoError.errno and offset >= 0:
                yield topic, partition, offset


def _retention(resources: Iterable[Any]) -> Iterable[tuple[str, int]]:
    for code, _, _, topic, entries in resources:
        values = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
        kept = int(values.get("retention.ms", -1))
        if code == NoError.errno and kept >= 0 and "delete" in values.get("cleanup.policy", "delete"):
            yield topic, kept


def _check(code: int) -> None:
    if code != NoError.errno:
        error = for_code(code)
        raise error if issubclass(error, KafkaError) else GroupCoordinatorNotAvailableError
