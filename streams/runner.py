"""Around a pure stage: take chunks, publish, write down, and only then mark them done.

The order is what keeps the promise, whatever step a crash falls into (docs/failure-modes.md):
outputs are confirmed before the changelog knows of the change, the changelog before the local store,
and the store is written before the chunk counts as done and its end may be committed. A crash in
between repeats the chunk; its outputs then come twice, with the same ids, and never not at all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from events.topics import TopicName
from streams.chunks import Chunk
from streams.failpoints import Failpoints
from streams.metrics import Metrics
from streams.publishing import Outgoing, Publisher
from streams.stages.stage import Stage, Step
from streams.state import DictRows, Rows, State
from streams.tables import ChunkTable
from streams.waiting import INTERCOM, Wait

log = logging.getLogger(__name__)


class ChunkSource(Protocol):
    """What a runner needs of the consumer: permission to work, and a way to say what is done."""

    def begin(self, chunk: Chunk) -> bool:
        """False: the chunk is void, drop it."""
        ...

    def holds(self, chunk: Chunk) -> bool:
        """False: the partition was given back meanwhile; leave its state alone."""
        ...

    async def in_group(self) -> None:
        """Wait until partitions that ``holds`` says are held are ours for certain."""
        ...

    def advance(self, chunk: Chunk, offset: int) -> None:
        """Everything below ``offset`` is done and confirmed."""
        ...


StepFunction = Callable[[Sequence[Any], State, int], Step]

#: What is asked before a step: the records, the state; gives the step to take instead of the plain one.
#: What it takes counts as waiting for Intercom for at most this many seconds.
PREPARE_S = 30.0

Prepare = Callable[[Sequence[Any], State], Awaitable[StepFunction]]


class StageRunner:
    """Runs one stage over chunks, small ones of several partitions together.

    What a group of chunks puts out goes to the broker at once, and so do its changes: two round trips a
    group. ``group_records`` bounds a group, for the loop stands still while a stage computes; one chunk
    alone may be larger. ``prepare`` may do I/O for a chunk; what it takes, the group waits.
    """

    def __init__(
        self,
        stage: Stage,
        table: ChunkTable | None,
        publisher: Publisher,
        *,
        now_ms: Callable[[], int],
        metrics: Metrics,
        failpoints: Failpoints,
        group_records: int = 500,
        prepare: Prepare | None = None,
    ) -> None:
        self._stage = stage
        self._table = table
        self._publisher = publisher
        self._now_ms = now_ms
        self._metrics = metrics
        self._failpoints = failpoints
        self._group_records = group_records
        self._prepare = prepare
        self._shouted = False
        #: Groups of chunks that were worked through.
        self.finished = 0
        self._wait = Wait(time.monotonic)
        self._waiting: deque[Chunk] = deque()
        self._arrived = asyncio.Event()

    def take(self, chunk: Chunk) -> None:
        """Put a chunk in line; the ledger bounds how much waits there."""
        self._waiting.append(chunk)
        self._arrived.set()

    @property
    def source(self) -> TopicName:
        """The topic that its stage reads."""
        return self._stage.source

    def waiting(self) -> str | None:
        """The known reason for which it waits now; None where it should be moving."""
        return self._wait.waiting()

    async def run(self, source: ChunkSource) -> None:
        """Work through what is taken, for ever. Raises whatever went wrong."""
        while True:
            await self._arrived.wait()
            group = [self._waiting.popleft()]
            records = len(group[0].records)
            while self._waiting and records + len(self._waiting[0].records) <= self._group_records:
                group.append(self._waiting.popleft())
                records += len(group[-1].records)
            if not self._waiting:
                self._arrived.clear()
            await self.process(group, source)
            self.finished += 1

    async def process(self, chunks: Sequence[Chunk], source: ChunkSource) -> None:
        """Work through chunks. Raises whatever went wrong; then nothing of them is acknowledged."""
        chunks = [chunk for chunk in chunks if source.begin(chunk)]
        if not chunks:
            return
        began = time.perf_counter()
        name, now_ms = self._stage.name, self._now_ms()
        passing = self._failpoints.passing
        await passing(name, "before_step")
        states: dict[int, State] = {}
        out: list[Outgoing] = []
        counts: Counter[str] = Counter()
        for partition in {chunk.place.partition for chunk in chunks}:
            states[partition] = State(self._rows(partition))
        steps = await self._steps(chunks, states)
        await source.in_group()
        chunks = [chunk for chunk in chunks if source.holds(chunk)]  # asking may have taken long
        for chunk in chunks:
            result = steps[chunk](chunk.records, states[chunk.place.partition], now_ms)
            out += result.out
            counts += result.counts
            for change, times in result.changes.items():
                self._metrics.count("moebridge_mapping_changes_total", times, change=change)
        if out:
            await self._publisher.publish(out, now_ms)
        await passing(name, "after_outputs")
        written = await self._write(chunks, states, source, now_ms)
        await passing(name, "after_store")
        for chunk in chunks:
            if source.holds(chunk):
                source.advance(chunk, chunk.end)
        self._count(chunks, counts, len(out) + written, began)
        if counts["unknown_config"] and not self._shouted:
            self._shouted = True
            log.error(
                "stage %s: records of a configuration that is not in the settings go to the dead letters",
                name,
            )

    async def _write(
        self, chunks: Sequence[Chunk], states: Mapping[int, State], source: ChunkSource, now_ms: int
    ) -> int:
        """Changes to the changelog and, once confirmed, to the store; how many there were.

        A partition that was given back meanwhile is left alone: another worker may have written to its
        changelog by now, and a store that skips those records but notes our later offset would never
        get them.
        """
        if self._table is None:
            return 0
        await source.in_group()
        held = _held(chunks, source)
        changes = {p: state.changes for p, state in states.items() if state.changes and p in held}
        if changes:
            ends = await self._table.publish_changes(changes, self._publisher, now_ms)
            await self._failpoints.passing(self._stage.name, "after_changelog")
            held = _held(chunks, source)
            for partition in changes.keys() & held:
                self._table.write(partition, changes[partition], ends[partition])
        return sum(map(len, changes.values()))

    async def _steps(
        self, chunks: Sequence[Chunk], states: Mapping[int, State]
    ) -> dict[Chunk, StepFunction]:
        if self._prepare is None:
            return dict.fromkeys(chunks, self._stage.step)
        self._wait.begin(INTERCOM, PREPARE_S)
        steps = await asyncio.gather(
            *(self._prepare(chunk.records, states[chunk.place.partition]) for chunk in chunks)
        )
        self._wait.end()
        return dict(zip(chunks, steps, strict=True))

    def _rows(self, partition: int) -> Rows:
        # A Faust table is a mapping: its truth is its length, which counts every row.
        return _NO_ROWS if self._table is None else self._table.rows(partition)

    def _count(self, chunks: Sequence[Chunk], counts: Counter[str], published: int, began: float) -> None:
        count, name = self._metrics.count, self._stage.name
        count("moebridge_stage_records_total", sum(len(chunk.records) for chunk in chunks), stage=name)
        count("moebridge_stage_chunks_total", len(chunks), stage=name)
        count("moebridge_stage_published_total", published, stage=name)
        for outcome, times in counts.items():
            count("moebridge_stage_outcomes_total", times, stage=name, outcome=outcome)
        self._metrics.observe("moebridge_stage_group_seconds", time.perf_counter() - began, stage=name)


def _held(chunks: Sequence[Chunk], source: ChunkSource) -> set[int]:
    """The partitions of which every chunk still counts."""
    lost = {chunk.place.partition for chunk in chunks if not source.holds(chunk)}
    return {chunk.place.partition for chunk in chunks} - lost


_NO_ROWS = DictRows()
