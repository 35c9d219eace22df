"""``moebridge ingest``: the front door alone."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click
from prometheus_client import CollectorRegistry, ProcessCollector

from ingest.server import serve
from moebridge import logs
from moebridge.commands.options import config_option, parent_option
from moebridge.setting_catalogue import secrets_of
from moebridge.settings import Settings
from moebridge.settings_source import load
from moebridge.stopping import stop_on_signals, stop_with_parent
from moebridge.wiring import ingest_config, now_ms, publisher

log = logging.getLogger(__name__)


@click.command()
@config_option
@parent_option
def ingest(config_file: Path | None, stop_with_parent: bool) -> None:
    """Run the front door: take what Intercom sends, publish it.

    Several may run behind a load balancer. Topics must exist (`moebridge topics create`).
    """
    settings = load(config_file, purpose="ingest").settings
    logs.set_up(settings.log.level, settings.log.format, "ingest", secrets=secrets_of(settings))
    asyncio.run(_run(settings, stop_with_parent))


async def _run(settings: Settings, parent: bool) -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    with stop_on_signals() as stop, stop_with_parent(stop, parent):
        await serve(
            ingest_config(settings),
            publisher(settings, registry),
            host=settings.ingest.host,
            port=settings.ingest.port,
            now_ms=now_ms,
            stop=stop,
            on_listening=lambda url: log.info("listening on %s", url),
            registry=registry,
        )
    log.info("stopped")
