"""What both pipelines share: the ingress before them, and the MoEngage sandbox behind them."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from bench.plan import Run
from bench.whole.process import Ready
from bench.whole.webhooks import SECRET, WORKSPACE
from ingest.config import IngestConfig
from ingest.publisher import KafkaPublisher
from ingest.server import serve
from moengage.client import MoEngageConfig
from moengage.sandbox.app import create_app
from moengage.sandbox.config import SandboxConfig

API_KEY = "bench-api-key"


async def ingress(run: Run, stop: asyncio.Event, ready: Ready) -> None:
    """The front door, as ``moebridge ingest`` runs it."""
    config = IngestConfig((SECRET,), (), topic_prefix=run.name)
    publisher = KafkaPublisher(run.bootstrap, config.events_topic)
    await serve(
        config,
        publisher,
        host="127.0.0.1",
        port=0,
        now_ms=lambda: time.time_ns() // 1_000_000,
        stop=stop,
        on_listening=ready,
    )


async def sandbox(run: Run, stop: asyncio.Event, ready: Ready) -> None:
    """MoEngage's Data API, without limits of rate."""
    runner = web.AppRunner(create_app(SandboxConfig(WORKSPACE, API_KEY)), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ready(f"http://127.0.0.1:{runner.addresses[0][1]}")
    await stop.wait()
    await runner.cleanup()


def app_id(run: Run) -> str:
    """Application id and consumer group of a worker."""
    return run.name + "moebridge"


def moengage_config(run: Run) -> MoEngageConfig:
    """How a worker finds the sandbox."""
    return MoEngageConfig(WORKSPACE, API_KEY, base_url=run.more["sandbox"])
