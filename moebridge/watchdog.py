"""Watches a worker from a thread of its own: serves its site, and ends it when it stands still.

In the worker's own event loop neither could be done when that loop is what stands still. What counts as
standing still is decided in streams.progress.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from moebridge.site import serving
from streams.metrics import Metrics
from streams.progress import Facts, Phase, Progress, Reach, Verdict
from streams.reach import BrokerLook

#: How often the worker is looked at, and the broker asked, in seconds.
LOOK_S = 1.0
ASK_S = 2.0

#: What a stop may take beyond ``shutdown_s``: commits, the producer, threads. Then the process ends.
STOP_S = 12.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """How a worker is watched. Seconds.

    ``grace_s``: from standing still to the end. ``join_s``: how long a rebalance may take.
    ``connection``, ``group``, ``topic``: as streams.reach.BrokerLook has them.
    """

    stall_s: float
    grace_s: float
    join_s: float
    shutdown_s: float
    connection: Mapping[str, Any] = field(repr=False)
    group: str
    topic: str


class Watched(Protocol):
    """What is watched (streams.worker.Worker)."""

    metrics: Metrics
    facts: Facts

    def stalled(self, reasons: Sequence[str]) -> None:
        """In its event loop: end, for these reasons."""
        ...


class Watchdog:
    """One worker's watch. ``end`` ends the process there and then, with an exit code."""

    def __init__(
        self,
        worker: Watched,
        config: WatchConfig,
        loop: asyncio.AbstractEventLoop,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self.verdict = Verdict(Phase.STARTING)
        self._worker = worker
        self._config = config
        self._loop = loop
        self._end = end
        self._progress = Progress(config.stall_s, config.join_s)
        self._reach = Reach()
        self._since_s: float | None = None
        self._ending: threading.Timer | None = None
        self._told = False

    @property
    def alive(self) -> bool:
        """Whether nothing stands still that should move."""
        return not self.verdict.stalled

    def stop_in_time(self) -> None:
        """The worker stops: the process ends there and then, with code 1, where that takes too long."""
        if self._ending is None:
            timer = threading.Timer(self._config.shutdown_s + STOP_S, self._too_long)
            timer.daemon = True
            self._ending = timer
            timer.start()

    async def watch(self) -> None:
        """Look again and again, in any event loop but the worker's; until cancelled."""
        async with BrokerLook(self._config.connection, self._config.group, self._config.topic) as broker:
            asking = asyncio.create_task(self._ask(broker))
            try:
                while True:
                    self.look(time.monotonic())
                    if asking.done():
                        asking.result()
                    await asyncio.sleep(LOOK_S)
            finally:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)

    def look(self, now_s: float) -> None:
        """One look, and what follows from it."""
        verdict = self.verdict = self._progress.look(now_s, self._worker.facts, self._reach)
        metrics = self._worker.metrics
        metrics.set("moebridge_worker_stalled", bool(verdict.stalled))
        waiting = Counter(verdict.waits.values())
        metrics.set_by("moebridge_worker_waiting_partitions", "reason", waiting)
        if not verdict.stalled:
            if self._since_s is not None:
                log.warning("moving again")
            self._since_s = None
            return
        if self._since_s is None:
            self._since_s = now_s
            log.error(
                "standing still: %s; ending in %.0f s", "; ".join(verdict.stalled), self._config.grace_s
            )
        elif now_s - self._since_s >= self._config.grace_s and not self._told:
            self._told = True
            if verdict.blocked:
                log.critical("standing still: %s; ending at once", "; ".join(verdict.stalled))
                self._end(1)
            self.stop_in_time()
            self._loop.call_soon_threadsafe(self._worker.stalled, verdict.stalled)

    def _too_long(self) -> None:
        log.critical("the stop took longer than %.0f s; ending at once", self._config.shutdown_s + STOP_S)
        self._end(1)

    def failed(self, error: Exception) -> None:
        """Nobody watches any more: a worker that is not watched may stand still for ever."""
        log.critical("the watch ended: %r; ending at once", error)
        self._end(1)

    async def _ask(self, broker: BrokerLook) -> None:
        while True:
            self._reach = await broker.look(self._worker.facts.standings)
            await asyncio.sleep(ASK_S)


@asynccontextmanager
async def watching(
    watchdog: Watchdog, site: web.Application, host: str, port: int, setting: str
) -> AsyncIterator[str]:
    """Watch, and serve ``site``, in a thread of its own while inside; gives the site's URL.

    Raises CannotListen naming ``setting``, as moebridge.site.serving does.
    """
    started: Future[str] = Future()
    over: Future[asyncio.Event] = Future()

    async def run() -> None:
        end = asyncio.Event()
        over.set_result(end)
        try:
            async with serving(site, host, port, setting) as url:
                started.set_result(url)
                watch = asyncio.create_task(watchdog.watch())
                ending = asyncio.create_task(end.wait())
                await asyncio.wait({watch, ending}, return_when=asyncio.FIRST_COMPLETED)
                ending.cancel()
                watch.cancel()
                await asyncio.wait({watch})
                if not watch.cancelled():
                    watch.result()
        except Exception as error:  # noqa: BLE001  # nobody else would hear of it
            if started.done():
                watchdog.failed(error)
            else:
                started.set_exception(error)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), name="watch", daemon=True)
    thread.start()
    try:
        yield await asyncio.wrap_future(started)
    finally:
        loop.call_soon_threadsafe((await asyncio.wrap_future(over)).set)
        await asyncio.to_thread(thread.join, STOP_S)
        if not thread.is_alive():
            loop.close()
