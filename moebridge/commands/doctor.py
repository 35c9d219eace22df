"""``moebridge doctor``: checks of the whole chain."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import click

from moebridge import logs
from moebridge.commands.options import config_option, debugging, public_url
from moebridge.doctor.chain import checks_of, without_settings
from moebridge.doctor.findings import Outcome, healthy
from moebridge.doctor.report import report_json, report_table, sum_line
from moebridge.doctor.schedule import run_checks
from moebridge.errors import SettingsInvalid
from moebridge.screen import console
from moebridge.settings_source import Loaded, load


@click.command()
@click.option(
    "--url",
    callback=public_url,
    help="Where the front door is, as from outside; else where the settings have it listen.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    help="What one check may take, in seconds.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@config_option
def doctor(config_file: Path | None, url: str | None, timeout_s: float, as_json: bool) -> None:
    """Check the whole chain, from the settings to MoEngage.

    A line a check: ok, warning, problem or skipped, with the remedy. Exit code 1 where there is a
    problem. Changes nothing in MoEngage: the one event that it sends is stored and maps to nothing.
    """
    # What the clients' own lines tell, the findings tell too.
    logs.set_up("critical", "text", "doctor")
    debug = debugging(click.get_current_context())
    try:
        loaded = load(config_file)
    except SettingsInvalid as error:
        outcomes = without_settings(error)
    else:
        outcomes = asyncio.run(_run(loaded, url, timeout_s, debug))
    if as_json:
        click.echo(report_json(outcomes))
    else:
        screen = console()
        screen.print(report_table(outcomes))
        screen.print(sum_line(outcomes))
    if not healthy(outcomes):
        raise click.exceptions.Exit(1)


async def _run(loaded: Loaded, url: str | None, timeout_s: float, debug: bool) -> list[Outcome]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        checks = checks_of(loaded, session, url=url, timeout_s=timeout_s)
        return await run_checks(checks, timeout_s=timeout_s, raise_unexpected=debug)
