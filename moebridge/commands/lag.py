"""``moebridge lag``: how far the workers are behind, from the broker alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import click
from prometheus_client import CollectorRegistry
from rich.live import Live

from moebridge import logs
from moebridge.commands.options import config_option
from moebridge.lag_site import create_app
from moebridge.lag_table import lag_tables
from moebridge.screen import console
from moebridge.setting_catalogue import secrets_of
from moebridge.settings import Settings
from moebridge.settings_source import load
from moebridge.site import serving
from moebridge.stopping import stop_on_signals
from moebridge.wiring import lag_config, lag_reader, now_ms
from streams.lag.report import GroupLag, document
from streams.lag.series import LagSeries
from streams.lag.verdict import Verdict
from streams.lag.watch import LagConfig, LagWatch

#: Exit code by the verdict on the group; 1 and 2 are those of every command.
EXIT_CODES = {Verdict.OK: 0, Verdict.WARN: 3, Verdict.ERR: 4, Verdict.NOTFOUND: 5}


@dataclass(frozen=True, slots=True)
class _Asked:
    window_s: float
    interval_s: float
    watch: bool
    as_json: bool
    partitions: bool


@click.command()
@click.option(
    "--window",
    "window_s",
    type=click.FloatRange(0, 3600),
    default=10.0,
    show_default=True,
    help="Seconds over which rates and verdict are made. 0: one look, which tells no rates.",
)
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(0.1, 600),
    default=1.0,
    show_default=True,
    help="Seconds between two looks at the broker.",
)
@click.option("--watch", is_flag=True, help="Go on until stopped, over the last such window.")
@click.option("--partitions", is_flag=True, help="A row for each partition.")
@click.option("--json", "as_json", is_flag=True, help="For machines; with --watch a line a look.")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    callback=lambda _ctx, _param, value: _address(value),
    help="Instead of printing, serve /lag and /metrics there, with the window of the settings.",
)
@config_option
def lag(
    config_file: Path | None,
    window_s: float,
    interval_s: float,
    watch: bool,
    partitions: bool,
    as_json: bool,
    listen: tuple[str, int] | None,
) -> None:
    """Show how far the workers are behind.

    Asks the broker alone, so it also tells when no worker lives. Exit code by the verdict on the group:
    0 OK, 3 WARN, 4 ERR (a partition is stopped, stalled or rewound), 5 NOTFOUND.
    """
    settings = load(config_file, purpose="topics").settings
    if listen is not None:
        logs.set_up(settings.log.level, settings.log.format, "lag", secrets=secrets_of(settings))
        asyncio.run(_serve(settings, listen))
        return
    # What the client's own lines tell, the error tells too.
    logs.set_up("critical", "text", "lag")
    asked = _Asked(window_s, interval_s, watch, as_json, partitions)
    verdict = asyncio.run(_show(settings, asked))
    raise click.exceptions.Exit(EXIT_CODES[verdict])


async def _show(settings: Settings, asked: _Asked) -> Verdict:
    config = LagConfig(
        interval_s=asked.interval_s,
        window=1 + round(asked.window_s / asked.interval_s),
        allowed_lag=settings.lag.allowed_lag,
        cluster_name=settings.lag.cluster_name,
    )
    screen = console()
    on_screen = asked.watch and not asked.as_json and screen.is_terminal
    report: GroupLag | None = None
    with (
        stop_on_signals() as stop,
        Live(console=screen, auto_refresh=False) if on_screen else nullcontext() as live,
    ):

        def show(report: GroupLag) -> None:
            if asked.as_json:
                click.echo(json.dumps(document(report), allow_nan=False))
            elif live is not None:
                live.update(lag_tables(report, partitions=asked.partitions), refresh=True)
            else:
                screen.print(lag_tables(report, partitions=asked.partitions))

        async with lag_reader(settings) as reader:
            watch = LagWatch(reader, config, now_ms=now_ms)
            report = await _look(watch, stop, show if asked.watch else None)
    if not asked.watch:
        show(report)
    return report.verdict


async def _look(
    watch: LagWatch, stop: asyncio.Event, each: Callable[[GroupLag], None] | None
) -> GroupLag:
    """Look until the window is whole or, where ``each`` report is wanted, until stopped."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        report = await watch.look()
        if each is not None:
            each(report)
        elif report.complete >= 1:
            return report
        due = max(due + watch.config.interval_s, loop.time())
        try:
            async with asyncio.timeout_at(due):
                await stop.wait()
            return report
        except TimeoutError:
            pass


async def _serve(settings: Settings, address: tuple[str, int]) -> None:
    config = lag_config(settings)
    if not config.interval_s:  # so for workers; this process is for nothing else
        config = replace(config, interval_s=LagConfig().interval_s)
    registry = CollectorRegistry()
    reader = lag_reader(settings)
    watch = LagWatch(reader, config, now_ms=now_ms)
    LagSeries(watch, settings.app_id).register(registry)
    with stop_on_signals() as stop:
        async with serving(create_app(registry, watch, reader), *address, "--listen") as url:
            click.echo(f"lag at {url}/lag, metrics at {url}/metrics", err=True)
            await stop.wait()


def _address(value: str | None) -> tuple[str, int] | None:
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise click.BadParameter(f"expected HOST:PORT, such as 127.0.0.1:9308, got {value!r}")
    return host.strip("[]"), int(port)
