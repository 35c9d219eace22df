"""The processes of the job whole: ingress, sandbox, worker.

Each prints one line when it is ready, answers every line on its standard input with the CPU time that it
has used, and stops when its standard input ends. ``at_s`` is wall time, ``cpu_s`` CPU time of all
threads; ``first_…`` the same when a worker's first stage got its first record.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from bench.plan import FAUST, Run
from streams.stages.route import Route

Ready = Callable[[str], None]


def main(run: Run) -> None:
    """Be what ``run.more["role"]`` says until standard input ends."""
    asyncio.run(_main(run))


async def _main(run: Run) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    threading.Thread(target=_answer, args=(loop, stop), daemon=True).start()
    role = run.more["role"]
    if role in ("ingress", "sandbox"):
        from bench.whole import servers

        await (servers.ingress if role == "ingress" else servers.sandbox)(run, stop, _ready)
        return
    _note_first_record()
    if run.contender == FAUST:
        from bench.whole import plain_faust

        await plain_faust.work(run, stop, _ready)
    else:
        from bench.whole import moebridge

        await moebridge.work(run, stop, _ready)


def _ready(url: str) -> None:
    print(json.dumps({"url": url}), flush=True)


def _answer(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    for _ in sys.stdin:
        at_s, cpu_s = _now()
        first_at_s, first_cpu_s = _first or (at_s, cpu_s)
        used = {"at_s": at_s, "cpu_s": cpu_s, "first_at_s": first_at_s, "first_cpu_s": first_cpu_s}
        print(json.dumps(used), flush=True)
    loop.call_soon_threadsafe(stop.set)


_first: tuple[float, float] | None = None


def _note_first_record() -> None:
    """Both pipelines begin with the same stage; its first call puts it back as it was."""
    step = Route.step

    def noting(stage: Route, *args: Any) -> Any:
        global _first
        _first = _now()
        Route.step = step  # type: ignore[method-assign]
        return step(stage, *args)

    Route.step = noting  # type: ignore[method-assign]


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
