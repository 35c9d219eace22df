"""``moebridge run``: everything on this machine."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from ingest.app import PARTNER, WEBHOOKS
from moebridge import logs
from moebridge.brokers.embedded import EmbeddedBroker
from moebridge.brokers.ports import free_ports
from moebridge.child import OnLine
from moebridge.commands.options import config_option
from moebridge.installation import Installation, Place, child_environment
from moebridge.setting_catalogue import secrets_of
from moebridge.settings import Settings
from moebridge.settings_source import CONFIG_VARIABLE, Loaded, load
from moebridge.stopping import stop_on_signals
from moebridge.together import until
from moebridge.wiring import moengage_config, rule_sets

log = logging.getLogger(__name__)

#: Where the embedded broker and its worker keep their data; a worker's tables fit one broker only.
EMBEDDED_DATA = Path(".moebridge/embedded")

_NAME_WIDTH = 6


@click.command()
@config_option
def run(config_file: Path | None) -> None:
    """Run everything on this machine.

    Front door and worker, each a process that is started again when it ends, and an embedded broker
    where kafka.bootstrap_servers is empty (data in .moebridge/embedded; never for production).
    """
    loaded = load(config_file, purpose="run")
    log_settings = loaded.settings.log
    logs.set_up(
        log_settings.level,
        log_settings.format,
        "run",
        prefix=_prefix("run"),
        secrets=secrets_of(loaded.settings),
    )
    rule_sets(loaded.settings)  # wrong rules are told before anything is started
    asyncio.run(_run(loaded))


async def _run(loaded: Loaded) -> None:
    async with _broker(loaded.settings) as broker:
        place = _place(loaded, broker)
        installation = Installation(place, broker, _forward(loaded.settings))
        with stop_on_signals(at_once=installation.kill) as stop:
            try:
                if await until(stop, installation.start()):
                    click.echo(_greeting(place, broker))
                    await until(stop, installation.keep_running())
            finally:
                await installation.stop()
    log.info("stopped")


@asynccontextmanager
async def _broker(settings: Settings) -> AsyncIterator[EmbeddedBroker | None]:
    if settings.kafka.bootstrap_servers:
        yield None
        return
    async with EmbeddedBroker(EMBEDDED_DATA / "broker") as broker:
        yield broker


def _place(loaded: Loaded, broker: EmbeddedBroker | None) -> Place:
    """Settings and environment of the children: as ours, with the broker and ports settled."""
    settled: dict[str, str] = {}
    if broker is not None:
        settled["kafka.bootstrap_servers"] = broker.bootstrap_servers
        if "worker.data_dir" not in loaded.origins:
            settled["worker.data_dir"] = str(EMBEDDED_DATA / "worker")
    unset = [name for name in ("ingest.port", "worker.http_port") if _port(loaded.settings, name) == 0]
    settled |= {name: str(port) for name, port in zip(unset, free_ports(len(unset)), strict=True)}
    base = dict(os.environ)
    if loaded.file is not None:
        base[CONFIG_VARIABLE] = str(loaded.file)
    return Place(loaded.settings.changed(settled), child_environment(base, settled))


def _port(settings: Settings, name: str) -> int:
    return settings.ingest.port if name == "ingest.port" else settings.worker.http_port


def _forward(settings: Settings) -> OnLine:
    """The children's lines on our standard error; JSON lines name their process themselves."""

    def write(name: str, line: str) -> None:
        json_line = settings.log.format == "json" and line.startswith("{")
        print(line if json_line else _prefix(name) + line, file=sys.stderr, flush=True)

    return write


def _prefix(name: str) -> str:
    return f"{name:<{_NAME_WIDTH}} | "


def _greeting(place: Place, broker: EmbeddedBroker | None) -> str:
    settings = place.settings
    servers = settings.kafka.bootstrap_servers
    kind = f"embedded, data in {EMBEDDED_DATA}/broker" if broker else "yours"
    lines = [
        "moebridge runs. Ctrl-C stops it.",
        f"  webhooks    {place.ingest_url}{WEBHOOKS}",
        f"  readiness   {place.ingest_url}/readyz, {place.worker_url}/readyz",
        f"  metrics     {place.ingest_url}/metrics, {place.worker_url}/metrics",
        f"  lag         {place.worker_url}/lag",
        f"  broker      {servers} ({kind})",
    ]
    for name, one in settings.by_name().items():
        moengage = moengage_config(one.moengage)
        lines += [
            f"  connectors  {place.ingest_url}{PARTNER}/user?configName={name} (and /event)",
            f"  delivers to {moengage.url('')} for workspace {moengage.workspace_id}",
        ]
    return "\n".join(lines)
