"""Quix Streams, as its documentation shows it: a StreamingDataFrame, with Quix's own settings.

Raw bytes in place of JSON codecs, which is the least work there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from quixstreams import Application, State
from quixstreams.checkpointing import Checkpoint

from bench.plan import REKEY, TABLE, Run
from bench.stopwatch import Stopwatch


def work(run: Run, watch: Stopwatch) -> None:
    """Read the whole source; the clock ends with the last checkpoint (changelog, flush, commit)."""
    app = Application(
        broker_address=run.bootstrap,
        consumer_group=run.name,
        auto_offset_reset="earliest",
        state_dir=run.folder,
        loglevel="WARNING",
    )
    source = app.topic(run.source, key_deserializer="bytes", value_deserializer="bytes")
    frame = app.dataframe(source)

    def read(value: bytes) -> None:
        watch.first()
        watch.seen += 1
        watch.bytes += len(value)
        if watch.complete:
            app.stop()

    if run.job == REKEY:
        target = app.topic(run.target, key_serializer="bytes", value_serializer="bytes")
        frame = frame.update(read)
        frame = frame.to_topic(target, key=lambda value: orjson.loads(value)["customer_id"].encode())
    elif run.job == TABLE:

        def write(value: bytes, state: State) -> None:
            read(value)
            state.set_bytes("row", value)

        frame = frame.update(write, stateful=True)
    else:
        frame = frame.update(read)

    _stop_at_last_commit(watch)
    app.run()


def _stop_at_last_commit(watch: Stopwatch) -> None:
    commit: Callable[..., Any] = Checkpoint.commit

    def timed(checkpoint: Checkpoint, *args: Any, **options: Any) -> None:
        commit(checkpoint, *args, **options)
        watch.stop()

    Checkpoint.commit = timed
