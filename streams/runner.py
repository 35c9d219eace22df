"""Around a pure stage: read a chunk, publish, write down, and only then mark it done.

The order is what keeps the promise, whatever step a crash falls into (docs/failure-modes.md):
outputs are confirmed before the changelog knows of the change, the changelog before the local store,
and the store is written before the chunk counts as done and its end may be committed. A crash in
between repeats the chunk; its outputs then come twice, with the same ids, and never not at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from streams.chunks import Chunk
from streams.failpoints import Failpoints
from streams.metrics import Metrics
from streams.publishing import Publisher
from streams.stages.stage import Stage
from streams.state import DictRows, State
from streams.tables import ChunkTable


class ChunkSource(Protocol):
    """What a runner needs of the consumer: permission to work, and a way to say what is done."""

    def begin(self, chunk: Chunk) -> bool:
        """False: the chunk is void, drop it."""
        ...

    def holds(self, chunk: Chunk) -> bool:
        """False: the partition was given back meanwhile; leave its state alone."""
        ...

    def advance(self, chunk: Chunk, offset: int) -> None:
        """Everything below ``offset`` is done and confirmed."""
        ...


class StageRunner:
    """Runs one stage over chunks."""

    def __init__(
        self,
        stage: Stage,
        table: ChunkTable | None,
        publisher: Publisher,
        *,
        now_ms: Callable[[], int],
        metrics: Metrics,
        failpoints: Failpoints,
    ) -> None:
        self._stage = stage
        self._table = table
        self._publisher = publisher
        self._now_ms = now_ms
        self._metrics = metrics
        self._failpoints = failpoints

    async def process(self, chunk: Chunk, source: ChunkSource) -> None:
        """Work through a chunk. Raises whatever went wrong; then nothing of it is acknowledged."""
        if not source.begin(chunk):
            return
        began = time.perf_counter()
        name, now_ms = self._stage.name, self._now_ms()
        fail = self._failpoints.passing
        fail(name, "before_step")
        # A Faust table is a mapping: its truth is its length, which counts every row.
        rows: Any = _NO_ROWS if self._table is None else self._table.rows(chunk.place.partition)
        state = State(rows)
        result = self._stage.step(chunk.records, state, now_ms)
        if result.out:
            await self._publisher.publish(result.out, now_ms)
        fail(name, "after_outputs")
        if self._table is not None and state.changes:
            if not source.holds(chunk):
                return
            end = await self._table.publish_changes(
                chunk.place.partition, state.changes, self._publisher, now_ms
            )
            fail(name, "after_changelog")
            # Another worker may have written to the changelog by now; a store that skips its records
            # but notes our later offset would never get them.
            if not source.holds(chunk):
                return
            self._table.write(chunk.place.partition, state.changes, end)
        fail(name, "after_store")
        source.advance(chunk, chunk.end)
        self._count(chunk, result.counts, len(result.out) + len(state.changes), began)

    def _count(self, chunk: Chunk, counts: Any, published: int, began: float) -> None:
        count, name = self._metrics.count, self._stage.name
        count("moebridge_stage_records_total", len(chunk.records), stage=name)
        count("moebridge_stage_chunks_total", stage=name)
        count("moebridge_stage_published_total", published, stage=name)
        for outcome, times in counts.items():
            count("moebridge_stage_outcomes_total", times, stage=name, outcome=outcome)
        self._metrics.observe("moebridge_stage_chunk_seconds", time.perf_counter() - began, stage=name)


_NO_ROWS = DictRows()
