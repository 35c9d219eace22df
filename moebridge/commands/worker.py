"""``moebridge worker``: stages, tables and delivery."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import click
from prometheus_client import CollectorRegistry, ProcessCollector

from moebridge import logs
from moebridge.brokers.idle_fetch import paused_idle_fetches
from moebridge.commands.options import config_option, parent_option
from moebridge.lag_site import show_lag
from moebridge.mapping_reload import MappingReload, Mappings
from moebridge.setting_catalogue import secrets_of
from moebridge.settings import Settings
from moebridge.settings_source import load
from moebridge.stopping import has_terminal, stop_on_signals, stop_with_parent
from moebridge.watchdog import Watchdog, watching
from moebridge.wiring import lag_config, lag_reader, mappings, now_ms, watch_config, worker_config
from moebridge.worker_site import create_app
from streams.lag.series import LagSeries
from streams.lag.watch import LagWatch
from streams.worker import Worker

log = logging.getLogger(__name__)


@click.command()
@config_option
@click.option(
    "--embedded-broker",
    is_flag=True,
    help="The broker is the embedded one: wait a little after fetches that brought nothing.",
)
@parent_option
def worker(config_file: Path | None, embedded_broker: bool, stop_with_parent: bool) -> None:
    """Run a worker: map events, deliver them to MoEngage.

    As many as there are partitions may share the work. Topics must exist (`moebridge topics create`).
    Answers /healthz, /readyz, /mapping, /lag and /metrics on worker.http_port. SIGHUP has it look for a
    changed mapping at once; on a terminal it stops.
    """
    settings = load(config_file, purpose="worker").settings
    logs.set_up(settings.log.level, settings.log.format, "worker", secrets=secrets_of(settings))
    with paused_idle_fetches() if embedded_broker else nullcontext():
        asyncio.run(_run(settings, mappings(settings), stop_with_parent))


async def _run(settings: Settings, in_force: Mappings, parent: bool) -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    running = Worker(worker_config(settings, in_force), registry)
    reload = MappingReload(in_force, running.metrics, now_ms=now_ms)
    watchdog = Watchdog(running, watch_config(settings), asyncio.get_running_loop())
    site = create_app(
        registry,
        lambda: running.ready,
        lambda: watchdog.verdict,
        in_force.document,
        lambda: running.troubles,
    )
    if settings.lag.interval_s:
        reader = lag_reader(settings)
        lag = LagWatch(reader, lag_config(settings), now_ms=now_ms)
        LagSeries(lag, settings.app_id, lambda: running.assigned).register(registry)
        show_lag(site, lag, reader)
    address = settings.worker.http_host, settings.worker.http_port
    with (
        stop_on_signals(on_hangup=None if has_terminal() else reload.ask) as stop,
        stop_with_parent(stop, parent),
    ):
        async with (
            watching(watchdog, site, *address, "worker.http_port") as url,
            stopping_in_time(watchdog, stop),
            _meanwhile(reload.run(), stop),
        ):
            log.info("metrics and readiness at %s", url)
            await running.run(stop)
    log.info("stopped")


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> AsyncIterator[None]:
    """Do endless ``work`` until the block ends. Where it fails, ``stop`` is set, and it raises."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        await task


@asynccontextmanager
async def stopping_in_time(watchdog: Watchdog, stop: asyncio.Event) -> AsyncIterator[None]:
    """Bound what comes once ``stop`` is set, or the inside has ended."""

    async def told() -> None:
        await stop.wait()
        watchdog.stop_in_time()

    waiting = asyncio.create_task(told())
    try:
        yield
    finally:
        waiting.cancel()
        watchdog.stop_in_time()
