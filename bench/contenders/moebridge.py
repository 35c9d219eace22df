"""moebridge: a stage of its own for each job, run by the same runner as the stages of the bridge."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from bench.broker import producing
from bench.plan import OURS_MEMORY, REKEY, TABLE, Run
from bench.stopwatch import Stopwatch
from events.codec import decode_object
from streams.app import AppConfig, add_agent, make_app
from streams.chunks import Chunk
from streams.failpoints import Failpoints
from streams.metrics import Metrics
from streams.publishing import Outgoing
from streams.runner import StageRunner
from streams.stages.stage import Step, each_record
from streams.state import State
from streams.tables import make_table
from streams.transport import ChunkConsumer


class JobStage:
    """Does a job's work over a chunk."""

    def __init__(self, run: Run, watch: Stopwatch) -> None:
        self.name = run.job
        self.source: Any = run.source
        self.table = "rows" if run.job == TABLE else None
        self._target = run.target
        self._watch = watch

    def step(self, records: Sequence[Any], state: State, now_ms: int) -> Step:
        """See streams.stages.stage.Stage."""
        result, watch, target = Step(), self._watch, self._target

        def read(record: Any) -> None:
            watch.seen += 1
            watch.bytes += len(record.value)

        def rekey(record: Any) -> None:
            read(record)
            key = decode_object(record.value)["customer_id"].encode()
            result.out.append(Outgoing(target, key, record.value, record.headers))

        def table(record: Any) -> None:
            read(record)
            state.put(record.key, record.value)

        handle = {REKEY: rekey, TABLE: table}.get(self.name, read)
        return each_record(self.name, "", records, result, now_ms, handle)


class Source:
    """The consumer as the runner knows it, and a look at what is done."""

    def __init__(self, consumer: ChunkConsumer, messages: int) -> None:
        self._consumer = consumer
        self._left = messages
        self.complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begin = consumer.begin
        self.holds = consumer.holds

    def advance(self, chunk: Chunk, offset: int) -> None:
        """See streams.runner.ChunkSource."""
        self._consumer.advance(chunk, offset)
        self._left -= len(chunk.records)
        if self._left <= 0 and not self.complete.done():
            self.complete.set_result(None)

    async def commit(self) -> None:
        """Return once all that is done is committed."""
        while self._consumer.ledger.committable():
            await self._consumer.commit()


async def work(run: Run, watch: Stopwatch) -> None:
    """Read the whole source; return once everything is published, written down and committed."""
    store = "memory" if run.contender == OURS_MEMORY else "rocksdb"
    config = AppConfig(run.name, run.bootstrap, run.data_dir, store=store)
    app = make_app(config)
    stage = JobStage(run, watch)
    table = make_table(app, stage.table) if stage.table else None
    consumer = app.consumer
    assert isinstance(consumer, ChunkConsumer)
    consumer.linger_s = config.poll_linger_s
    source = Source(consumer, run.messages)
    async with producing(run.bootstrap) as publisher:
        runner = StageRunner(
            stage,
            table,
            publisher,
            now_ms=lambda: time.time_ns() // 1_000_000,
            metrics=Metrics(CollectorRegistry()),
            failpoints=Failpoints.parse(()),
            group_records=config.chunk_records,
        )

        async def handle(chunk: Chunk) -> None:
            watch.first()
            runner.take(chunk)

        async def fail(error: BaseException) -> None:
            source.complete.set_exception(error)
            await asyncio.Event().wait()

        add_agent(app, stage.name, stage.source, "", handle, fail)
        app.finalize()
        await app.start()
        running = asyncio.create_task(runner.run(source))
        await asyncio.wait({running, source.complete}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        await source.complete
        await source.commit()
        watch.stop()
        running.cancel()
        await app.stop()
