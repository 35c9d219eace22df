"""deliver: elements to MoEngage, in order per customer, several requests at once.

Reads moengage.deliveries. What goes out when is the scheduler's to say, one scheduler for each workspace;
here is the I/O around it: chunks come in, requests go out, answers come back, receipts and dead letters
are published, and what is done may be committed.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from math import inf
from typing import Any, Protocol

from events.configurations import ONE_CONFIGURATION, Configurations
from events.elements import Delivery
from events.errors import InvalidRecord
from events.topics import DELIVERIES, topic_name
from moengage.answers import Answer
from moengage.client import Calls
from streams.chunks import Chunk, Place
from streams.delivery.config import DeliverConfig
from streams.delivery.element import Element
from streams.delivery.parking import PARKED, Change
from streams.delivery.progress import Progress
from streams.delivery.receipts import Receipts
from streams.delivery.requests import Request
from streams.delivery.target import Target
from streams.failpoints import Failpoints
from streams.metrics import Metrics
from streams.publishing import Outgoing, Publisher
from streams.runner import ChunkSource
from streams.stages.stage import dead_letter
from streams.state import Rows

NAME = "deliver"


class DeliverySource(ChunkSource, Protocol):
    """What delivery needs of the consumer."""

    def left_off(self, place: Place) -> str:
        """What the partition's last commit said of elements done ahead of it (progress.write_ahead)."""
        ...

    def note(self, place: Place) -> None:
        """Something is done ahead of what can be committed: the next commit should say so."""
        ...

    def give_back(self, chunks: Iterable[Chunk]) -> None:
        """These will not be worked on any further."""
        ...


class ParkedTable(Protocol):
    """What delivery needs of the table ``parked`` (streams.tables.ChunkTable)."""

    def rows(self, partition: int) -> Rows:
        """The rows of one partition."""
        ...

    async def publish_changes(
        self, changes: Mapping[int, Mapping[bytes, bytes | None]], publisher: Publisher, now_ms: int
    ) -> Mapping[int, int]:
        """Send changes to the changelog; once confirmed, each partition's last offset."""
        ...

    def write(self, partition: int, changes: Mapping[bytes, bytes | None], changelog_end: int) -> None:
        """Write confirmed changes down."""
        ...


class Deliver:
    """All that this worker delivers. ``clients`` are by configuration; equal ones are one workspace."""

    def __init__(
        self,
        clients: Mapping[str, Calls],
        publisher: Publisher,
        source: DeliverySource,
        config: DeliverConfig,
        *,
        configurations: Configurations = ONE_CONFIGURATION,
        parked: ParkedTable | None = None,
        max_record_bytes: int = 900_000,
        prefix: str,
        now_ms: Callable[[], int],
        metrics: Metrics,
        failpoints: Failpoints,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._publisher = publisher
        self._source = source
        self._configurations = configurations
        self._parked = parked if config.after_refusal == "park" else None
        self._prefix = prefix
        self._receipts = Receipts(configurations, prefix, max_record_bytes)
        self._now_ms = now_ms
        self._metrics = metrics
        self._failpoints = failpoints
        self._fail = fail
        self._targets: list[Target] = []
        self._by_config: dict[str, Target] = {}
        for client in {id(client): client for client in clients.values()}.values():
            names = [name for name, other in clients.items() if other is client]
            target = Target(names, configurations.scope(names[0]), client, config, metrics)
            self._targets.append(target)
            self._by_config.update(dict.fromkeys(names, target))
        self._progress = Progress()
        self._arrived: deque[Chunk] = deque()
        self._loaded: set[Place] = set()  # partitions whose parked customers are known
        self._tasks: set[asyncio.Task[None]] = set()
        self._driver: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._writing = asyncio.Lock()
        self._draining = False

    @property
    def troubles(self) -> dict[str, str]:
        """By configuration, why nothing of it is delivered until a person looks."""
        return {
            name: target.trouble for target in self._targets if target.trouble for name in target.names
        }

    def set_share(self, share: float) -> None:
        """The part of all partitions that is here, so the part of the budgets; above 0."""
        for target in self._targets:
            target.set_share(share)

    def take(self, chunk: Chunk) -> None:
        """Take a chunk in; the ledger bounds how much is in hand."""
        if not self._source.begin(chunk):
            return
        self._arrived.append(chunk)
        self._moved.set()
        if self._driver is None:
            self._driver = self._start(self._drive())

    def waiting(self) -> dict[Place, str]:
        """The partitions that wait for a known reason (streams.waiting.Lanes)."""
        waits: dict[Place, str] = {}
        if self._driver is not None:
            now = asyncio.get_running_loop().time()
            for target in self._targets:
                waits.update(target.scheduler.waiting(now))
        return waits

    def ahead(self, place: Place) -> str:
        """What is done of a partition ahead of what can be committed, for the commit to say."""
        return self._progress.ahead(place)

    def drain(self) -> None:
        """Partitions are about to go: end what is out, send nothing more, give back the rest."""
        self._draining = True
        for target in self._targets:
            target.scheduler.draining = True
        self._moved.set()

    async def drop(self) -> None:
        """Partitions are gone: end everything, whatever it is at."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._driver = None
        self._arrived.clear()
        self._progress.clear()
        self._loaded.clear()
        for target in self._targets:
            target.scheduler.clear()
            target.parking.clear()
        self._draining = False

    # -- the loop -------------------------------------------------------------------------------

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._moved.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def _drive(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            self._moved.clear()
            while self._arrived and not self._draining:
                await self._begin(self._arrived.popleft(), clock())
            wakes_at = inf
            for target in self._targets:
                while (request := target.scheduler.next(clock())) is not None:
                    self._start(self._perform(target, request))
                wakes_at = min(wakes_at, target.scheduler.wakes_at)
            if self._draining and len(self._tasks) == 1:  # this one
                self._source.give_back([*self._progress.chunks, *self._arrived])
            try:
                async with asyncio.timeout_at(None if wakes_at == inf else wakes_at):
                    await self._moved.wait()
            except TimeoutError:
                pass

    async def _begin(self, chunk: Chunk, now: float) -> None:
        await self._failpoints.passing(NAME, "before_step")
        self._load_parked(chunk.place)
        before = set(self._progress.begin(chunk, self._source.left_off))
        bad: list[tuple[int, str]] = []
        for index, record in enumerate(chunk.records):
            if index in before:
                continue
            try:
                delivery = Delivery.from_record(record.key, record.value, record.headers)
                target = self._by_config[self._configurations.named(delivery.config)]
            except InvalidRecord as error:
                bad.append((index, str(error)))
                continue
            target.scheduler.add(Element(chunk, index, record, delivery, now))
        if before:
            self._advance([chunk.place])
        if bad:
            self._start(self._put_away_bad(chunk, bad))

    def _load_parked(self, place: Place) -> None:
        if self._parked is None or place in self._loaded:
            return
        self._loaded.add(place)
        rows = list(self._parked.rows(place.partition).scan(b""))
        for target in self._targets:
            target.parking.load(rows)

    # -- requests -------------------------------------------------------------------------------

    async def _perform(self, target: Target, request: Request) -> None:
        await self._source.in_group()
        void = {chunk for chunk in {e.chunk for e in request.elements} if not self._source.holds(chunk)}
        if void and not target.scheduler.leave_out(request, void):
            return  # the partition begins anew, or is somebody else's
        match request.call:
            case "pass_on":
                await self._pass_on(request.elements[0])
                await self._came_back(target, request.elements)
                target.scheduler.published(request)
                self._count_settled(request.elements, "passed_on")
                self._finish(request.elements)
            case "park":
                await self._park(target, request.elements)
                target.scheduler.published(request)
                self._finish(request.elements)
            case _:
                answer = await target.ask(request)
                await self._answered(target, request, answer)

    async def _answered(self, target: Target, request: Request, answer: Answer) -> None:
        metrics = self._metrics
        metrics.count(
            "moebridge_delivery_answers_total", verdict=answer.verdict.value, status=str(answer.status)
        )
        if answer.ambiguous:
            metrics.count("moebridge_delivery_ambiguous_total")
        now, at = asyncio.get_running_loop().time(), self._now_ms()
        settled = target.scheduler.answered(request, answer, now, random.random())  # noqa: S311
        target.tell()
        self._moved.set()
        if settled.taken:
            await self._failpoints.passing(NAME, "after_outputs")
            await self._came_back(target, settled.taken)
            # Whoever has the partitions by now: it is true that MoEngage took it.
            receipts = self._receipts.of(settled.taken, "taken", answer, at)
            await self._publisher.publish(receipts, self._now_ms())
            await self._failpoints.passing(NAME, "after_store")
            self._count_taken(settled.taken, at)
            self._finish(settled.taken)
        if settled.refused is not None:
            await self._failpoints.passing(NAME, "after_outputs")
            await self._refused(target, settled.refused, answer, at)

    async def _refused(self, target: Target, element: Element, answer: Answer, at: int) -> None:
        if not await self._ours(element.chunk):
            target.scheduler.put_away(element)  # whoever has the partition now asks MoEngage himself
            return
        first = element.first or answer
        letter = dead_letter(
            NAME, self._prefix, element.record, answer.message, self._now_ms(),
            answer_status=answer.status, request_id=answer.request_id, attempts=element.attempts,
            first_status=first.status, first_message=first.message,
        )  # fmt: skip
        receipts = self._receipts.of([element], "refused", answer, at)
        await self._publisher.publish([letter, *receipts], self._now_ms())
        await self._write(target, [(element, target.parking.put_away(element, refused=True))])
        target.scheduler.put_away(element)
        self._count_settled([element], "refused")
        self._finish([element])

    async def _came_back(self, target: Target, elements: Iterable[Element]) -> None:
        if target.parking:
            await self._write(target, [(e, target.parking.taken(e)) for e in elements if e.run])

    async def _park(self, target: Target, elements: list[Element]) -> None:
        now_ms = self._now_ms()
        letters = [dead_letter(NAME, self._prefix, e.record, PARKED, now_ms) for e in elements]
        receipts = self._receipts.of(elements, "parked", None, now_ms)
        await self._publisher.publish([*letters, *receipts], now_ms)
        await self._write(target, [(e, target.parking.put_away(e, refused=False)) for e in elements])
        self._count_settled(elements, "parked")

    async def _pass_on(self, element: Element) -> None:
        record = element.record
        delivery = Delivery.from_record(record.key, record.value, record.headers).onward()
        key = delivery.customer_id.encode()
        onward = Outgoing(topic_name(DELIVERIES, self._prefix), key, delivery.body, delivery.headers())
        await self._publisher.publish([onward], self._now_ms())

    async def _put_away_bad(self, chunk: Chunk, bad: list[tuple[int, str]]) -> None:
        if not await self._ours(chunk):
            return
        now_ms = self._now_ms()
        letters = [
            dead_letter(NAME, self._prefix, chunk.records[index], reason, now_ms) for index, reason in bad
        ]
        await self._publisher.publish(letters, now_ms)
        self._metrics.count(
            "moebridge_stage_outcomes_total", len(bad), stage=NAME, outcome="dead_lettered"
        )
        self._metrics.count("moebridge_stage_records_total", len(bad), stage=NAME)
        self._advance(self._progress.mark((chunk, index) for index, _ in bad))

    async def _ours(self, chunk: Chunk) -> bool:
        """Whether the chunk is ours for certain, so that something may go out for it."""
        await self._source.in_group()
        return self._source.holds(chunk)

    async def _write(self, target: Target, changes: Iterable[tuple[Element, Change | None]]) -> None:
        """Rows of parked customers: to the changelog, then to the store."""
        if self._parked is None:
            return
        by_partition: dict[int, dict[bytes, bytes | None]] = {}
        chunks: dict[int, Chunk] = {}
        for element, change in changes:
            if change is None:
                continue
            key, row = change
            partition = element.chunk.place.partition
            if await self._ours(element.chunk):
                by_partition.setdefault(partition, {})[key] = row
                chunks[partition] = element.chunk
            else:  # it comes again, here or elsewhere, and finds what is written
                target.parking.reset(key, self._parked.rows(partition).get(key))
        if not by_partition:
            return
        async with self._writing:
            ends = await self._parked.publish_changes(by_partition, self._publisher, self._now_ms())
            for partition, end in ends.items():
                if self._source.holds(chunks[partition]):
                    self._parked.write(partition, by_partition[partition], end)

    # -- what is done ---------------------------------------------------------------------------

    def _finish(self, elements: Iterable[Element]) -> None:
        self._advance(self._progress.finish(elements))

    def _advance(self, places: Iterable[Place]) -> None:
        for place in places:
            for chunk, offset in self._progress.advance(place):
                self._source.advance(chunk, offset)
            self._source.note(place)

    def _count_taken(self, elements: Iterable[Element], at: int) -> None:
        for element in elements:
            if element.replayed:
                continue  # it waited for a person to ask for it
            waited, took = at - element.received_at, at - element.occurred_at
            self._metrics.observe("moebridge_end_to_end_seconds", max(0, waited) / 1000)
            self._metrics.observe("moebridge_event_to_accepted_seconds", max(0, took) / 1000)
        self._count_settled(elements, "delivered")

    def _count_settled(self, elements: Iterable[Element], outcome: str) -> None:
        kinds = Counter(element.kind for element in elements)
        for kind, count in kinds.items():
            self._metrics.count("moebridge_delivery_elements_total", count, kind=kind, outcome=outcome)
        for kind, count in Counter(element.kind for element in elements if element.replayed).items():
            self._metrics.count("moebridge_replay_elements_total", count, kind=kind, outcome=outcome)
        self._metrics.count("moebridge_stage_records_total", kinds.total(), stage=NAME)
