"""deliver: micro-batches to MoEngage, in order per customer.

Reads moengage.deliveries. Every partition has a lane of its own: lanes go on side by side, so one slow
answer holds up one partition; within a lane one batch is out at a time, so a customer's elements, which
share a partition, arrive in order. A merge or a delete is a call of its own, behind the batch before it.
A merge first has its turn among the elements of the user that goes, then among those of the one that is
kept. A batch that MoEngage took counts as done at once. It goes to one configuration's workspace: where
the next delivery is of another one, what waits goes out first.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from events.configurations import ONE_CONFIGURATION, Configurations
from events.elements import Delivery
from events.errors import InvalidRecord
from events.topics import DELIVERIES, topic_name
from moengage.answers import Answer, Verdict
from moengage.batching import Batch, Batcher, BatchLimits
from moengage.bodies import FRAME_BYTES, SEPARATOR_BYTES
from moengage.delivery import (
    DEFAULT_POLICY,
    Alone,
    BulkCalls,
    Calls,
    Outcome,
    Refused,
    RetryPolicy,
    deliver_batch,
)
from streams.chunks import Chunk, Place
from streams.failpoints import Failpoints
from streams.metrics import Metrics
from streams.publishing import Outgoing, Publisher
from streams.runner import ChunkSource
from streams.stages.stage import dead_letter
from streams.waiting import IN_PARTS, MOENGAGE, Wait

NAME = "deliver"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliverConfig:
    """A batch goes out at ``max_elements``, at ``max_bytes``, or ``linger_s`` after its first."""

    max_elements: int = 100
    max_bytes: int = 100_000
    linger_s: float = 0.05
    retry: RetryPolicy = DEFAULT_POLICY

    def limits(self) -> BatchLimits:
        """As the batcher wants them."""
        return BatchLimits(self.max_elements, self.max_bytes, self.linger_s, FRAME_BYTES, SEPARATOR_BYTES)


@dataclass(frozen=True, slots=True)
class _Item:
    chunk: Chunk
    record: Any
    delivery: Delivery
    config: str  # as the settings have it


class _GivenBack(Exception):  # no error
    """The partition was given back while its batch waited."""


class Deliver:
    """All lanes of this worker."""

    def __init__(
        self,
        clients: Mapping[str, Calls],
        publisher: Publisher,
        source: ChunkSource,
        config: DeliverConfig,
        *,
        configurations: Configurations = ONE_CONFIGURATION,
        prefix: str,
        now_ms: Callable[[], int],
        metrics: Metrics,
        failpoints: Failpoints,
        fail: Callable[[BaseException], None],
    ) -> None:
        self.clients = clients
        self.configurations = configurations
        self.publisher = publisher
        self.source = source
        self.config = config
        self.prefix = prefix
        self.now_ms = now_ms
        self.metrics = metrics
        self.failpoints = failpoints
        self._fail = fail
        self._lanes: dict[Place, _Lane] = {}
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._shouted = False

    def take(self, chunk: Chunk) -> None:
        """Put a chunk on its partition's lane; the ledger bounds how much waits there."""
        if not self.source.begin(chunk):
            return
        lane = self._lanes.get(chunk.place)
        if lane is None:
            lane = self._lanes[chunk.place] = _Lane(self)
            task = self._tasks[chunk.place] = asyncio.create_task(lane.run())
            task.add_done_callback(self._ended)
        lane.put(chunk)

    def drain(self) -> None:
        """Partitions are about to go: send what waits without lingering."""
        for lane in self._lanes.values():
            lane.hurry()

    def waiting(self) -> dict[Place, str]:
        """The lanes that wait for a known reason (streams.waiting.Lanes)."""
        return {place: why for place, lane in self._lanes.items() if (why := lane.waiting()) is not None}

    async def drop(self) -> None:
        """Partitions are gone: end every lane, whatever it is at."""
        tasks = list(self._tasks.values())
        self._lanes.clear()
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def observe(self, answer: Answer, elements: int) -> None:
        """Count an answer; say loudly, once, when everything waits for a person."""
        self.metrics.count(
            "moebridge_delivery_answers_total", verdict=answer.verdict.value, status=str(answer.status)
        )
        if answer.ambiguous:
            self.metrics.count("moebridge_delivery_ambiguous_total")
        paused = answer.verdict is Verdict.PAUSE
        self.metrics.set("moebridge_delivery_paused", int(paused))
        if paused and not self._shouted:
            log.error(
                "MoEngage answers %d: %s. Nothing is dropped; delivery waits until workspace, key and "
                "data centre fit together.",
                answer.status, answer.message,
            )  # fmt: skip
        elif self._shouted and not paused:
            log.warning("MoEngage takes deliveries again")
        self._shouted = paused

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)


class _Lane:
    """One partition's deliveries, batch after batch."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._batcher: Batcher[_Item] = Batcher(deliver.config.limits())
        self._queue: asyncio.Queue[Chunk | None] = asyncio.Queue()
        self._config = ""  # of what the batcher holds
        self._hurrying = False
        self._wait = Wait(time.monotonic)
        self._verdict = Verdict.ACCEPTED
        self._out: Sequence[_Item] = ()

    def waiting(self) -> str | None:
        """See streams.waiting.Waiting."""
        return self._wait.waiting()

    def put(self, chunk: Chunk) -> None:
        self._queue.put_nowait(chunk)

    def hurry(self) -> None:
        self._hurrying = True
        self._queue.put_nowait(None)  # wakes a lane that lingers

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout_at(self._deadline()):
                    chunk = await self._queue.get()
            except TimeoutError:
                await self._flush()
                continue
            if chunk is not None:
                await self._work(chunk)
            if self._hurrying:
                await self._flush()

    def _deadline(self) -> float | None:
        return self._batcher.deadline  # in the loop's time, as what is added

    async def _work(self, chunk: Chunk) -> None:
        deliver = self._deliver
        await deliver.failpoints.passing(NAME, "before_step")
        now = asyncio.get_running_loop().time()
        for record in chunk.records:
            try:
                delivery = Delivery.from_record(record.key, record.value, record.headers)
                config = deliver.configurations.named(delivery.config)
            except InvalidRecord as error:
                await self._flush()
                if not await self._ours([chunk]):
                    return
                letter = dead_letter(NAME, deliver.prefix, record, str(error), deliver.now_ms())
                await deliver.publisher.publish([letter], deliver.now_ms())
                deliver.source.advance(chunk, record.offset + 1)
                continue
            if config != self._config:
                await self._flush()
                self._config = config
                now = asyncio.get_running_loop().time()
            item = _Item(chunk, record, delivery, config)
            if delivery.kind in ("merge", "delete"):
                await self._flush()
                await self._alone(item)
                now = asyncio.get_running_loop().time()
                continue
            for batch in self._batcher.add(item, len(delivery.body), now):
                await self._send(batch)
                now = asyncio.get_running_loop().time()

    async def _flush(self) -> None:
        batch = self._batcher.flush()
        if batch is not None:
            await self._send(batch)

    async def _alone(self, item: _Item) -> None:
        deliver, delivery = self._deliver, item.delivery
        if not delivery.then:
            client = deliver.clients[item.config]
            call = client.merge if delivery.kind == "merge" else client.delete
            await self._deliver_all([item], Alone(call))
            return
        if await self._ours([item.chunk]):
            onward = delivery.onward()
            topic = topic_name(DELIVERIES, deliver.prefix)
            record = Outgoing(topic, onward.customer_id.encode(), onward.body, onward.headers())
            await deliver.publisher.publish([record], deliver.now_ms())
            deliver.metrics.count(
                "moebridge_delivery_elements_total", kind=delivery.kind, outcome="passed_on"
            )
            deliver.metrics.count("moebridge_stage_records_total", stage=NAME)
            deliver.source.advance(item.chunk, item.record.offset + 1)

    async def _send(self, batch: Batch[_Item]) -> None:
        await self._deliver_all(batch.items, self._deliver.clients[batch.items[0].config])

    async def _deliver_all(self, items: Sequence[_Item], calls: BulkCalls) -> None:
        deliver = self._deliver
        if not await self._ours(item.chunk for item in items):
            return  # given back: the partition's next owner sends it
        self._out = items
        try:
            outcomes = await deliver_batch(
                calls,
                [item.delivery.body for item in items],
                sleep=self._rest,
                random=random.random,
                observe=self._observe,
                policy=deliver.config.retry,
            )
        except _GivenBack:
            return
        finally:
            self._wait.end()
        await deliver.failpoints.passing(NAME, "after_outputs")
        now_ms = deliver.now_ms()
        letters = self._letters(items, outcomes, now_ms)
        if letters:
            if not await self._ours(item.chunk for item in items):
                return
            await deliver.publisher.publish(letters, now_ms)
        self._count(items, outcomes, now_ms)
        # In order of offsets, so only the last record of each chunk in the batch needs saying.
        lasts = {id(item.chunk): item for item in items}
        for item in lasts.values():
            deliver.source.advance(item.chunk, item.record.offset + 1)

    def _observe(self, answer: Answer, elements: int) -> None:
        self._verdict = answer.verdict
        self._wait.begin(IN_PARTS, 0.0)  # the next request is another try; a batch's last one ends this
        self._deliver.observe(answer, elements)

    async def _rest(self, seconds: float) -> None:
        """Wait before the next try. Raises _GivenBack where that is the partition's next owner's."""
        self._wait.begin(MOENGAGE[self._verdict], seconds)
        await asyncio.sleep(seconds)
        if not await self._ours(item.chunk for item in self._out):
            raise _GivenBack

    async def _ours(self, chunks: Iterable[Chunk]) -> bool:
        """Whether these are ours for certain, so that something may go out for them."""
        await self._deliver.source.in_group()
        return all(self._deliver.source.holds(chunk) for chunk in chunks)

    def _letters(
        self, items: Sequence[_Item], outcomes: Sequence[Outcome], now_ms: int
    ) -> list[Outgoing]:
        return [
            dead_letter(
                NAME, self._deliver.prefix, item.record, outcome.message, now_ms,
                answer_status=outcome.status, request_id=outcome.request_id,
            )
            for item, outcome in zip(items, outcomes, strict=True)
            if isinstance(outcome, Refused)
        ]  # fmt: skip

    def _count(self, items: Sequence[_Item], outcomes: Sequence[Outcome], now_ms: int) -> None:
        metrics = self._deliver.metrics
        for item, outcome in zip(items, outcomes, strict=True):
            refused = isinstance(outcome, Refused)
            metrics.count(
                "moebridge_delivery_elements_total",
                kind=item.delivery.kind,
                outcome="refused" if refused else "delivered",
            )
            if not refused:
                delivery = item.delivery
                waited, took = now_ms - delivery.received_at, now_ms - delivery.occurred_at
                metrics.observe("moebridge_end_to_end_seconds", max(0, waited) / 1000)
                metrics.observe("moebridge_event_to_accepted_seconds", max(0, took) / 1000)
        metrics.count("moebridge_stage_records_total", len(items), stage=NAME)
