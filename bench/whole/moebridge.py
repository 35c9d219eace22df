"""moebridge's worker, as ``moebridge worker`` runs it."""

from __future__ import annotations

import asyncio

from bench.plan import Run
from bench.whole.process import Ready
from bench.whole.servers import app_id, moengage_config
from events.configurations import DEFAULT_NAME
from mappings.rules import load
from moengage.budgets import Rates
from streams.app import AppConfig
from streams.delivery.config import DeliverConfig
from streams.worker import Worker, WorkerConfig


async def work(run: Run, stop: asyncio.Event, ready: Ready) -> None:
    """All stages, until told to stop."""
    rules = load()
    app = AppConfig(app_id(run), run.bootstrap, run.data_dir, prefix=run.name)
    deliver = DeliverConfig(rates={DEFAULT_NAME: Rates(0, 0, 0)})  # what it can do, not what it may
    config = WorkerConfig(app, {DEFAULT_NAME: moengage_config(run)}, lambda _: rules, deliver=deliver)
    worker = Worker(config)
    await worker.run(stop, lambda: ready(""))
