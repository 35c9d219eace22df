"""Plain Faust, as its documentation shows it: ``async for``, ``await topic.send``, ``table[key] =``.

Faust's own settings, but for raw bytes in place of JSON codecs, which is the least work there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import Any

import faust
import orjson

from bench.plan import PARTITIONS, REKEY, TABLE, Run
from bench.stopwatch import Stopwatch


def make_app(run: Run) -> faust.App:
    """An app with Faust's defaults."""
    return faust.App(
        run.name,
        broker=f"kafka://{run.bootstrap}",
        store="rocksdb://",
        datadir=run.folder,
        autodiscover=False,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        topic_partitions=PARTITIONS,
    )


async def work(run: Run, watch: Stopwatch) -> None:
    """Read the whole source; return once everything is published and committed."""
    app = make_app(run)
    source = app.topic(run.source, key_serializer="raw", value_serializer="raw")
    complete = asyncio.Event()

    def read(value: bytes) -> None:
        watch.first()
        watch.seen += 1
        watch.bytes += len(value)

    if run.job == REKEY:
        target = app.topic(run.target, key_serializer="raw", value_serializer="raw")
        confirmed = 0

        def on_confirmed(_: Any) -> None:
            nonlocal confirmed
            confirmed += 1
            if confirmed >= run.messages:
                complete.set()

        @app.agent(source)
        async def rekey(stream: AsyncIterable[bytes]) -> None:
            async for value in stream:
                read(value)
                key = orjson.loads(value)["customer_id"].encode()
                await target.send(key=key, value=value, callback=on_confirmed)

    elif run.job == TABLE:
        table = app.Table("rows", key_type=bytes, value_type=bytes)

        @app.agent(source)
        async def write(stream: Any) -> None:
            async for key, value in stream.items():
                read(value)
                table[key] = value
                if watch.complete:
                    complete.set()

    else:

        @app.agent(source)
        async def consume(stream: AsyncIterable[bytes]) -> None:
            async for value in stream:
                read(value)
                if watch.complete:
                    complete.set()

    app.finalize()
    await app.start()
    await complete.wait()
    if run.job == TABLE:
        await app.producer.flush()
    await _commit_all(app, run)
    watch.stop()
    await app.stop()


async def _commit_all(app: faust.App, run: Run) -> None:
    """Commit at once, not at the next tick of broker_commit_interval."""
    consumer: Any = app.consumer
    while True:
        await app.consumer.commit()
        offsets = [at for tp, at in consumer._committed_offset.items() if tp.topic == run.source and at]
        if sum(offsets) >= run.messages:
            return
        await asyncio.sleep(0.005)
