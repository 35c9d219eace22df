"""``moebridge sandbox``: a server that answers as MoEngage does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import click

from moebridge import logs
from moebridge.commands.options import (
    config_name_option,
    config_option,
    configuration,
    parent_option,
)
from moebridge.settings_source import load
from moebridge.site import serving
from moebridge.stopping import stop_on_signals, stop_with_parent
from moengage.sandbox.app import create_app
from moengage.sandbox.config import SandboxConfig

#: Whom the sandbox knows where the settings name nobody.
DEFAULT_WORKSPACE, DEFAULT_KEY = "SANDBOX", "sandbox-key"

_COUNT = click.IntRange(min=0)


@click.command()
@config_option
@config_name_option("For the workspace of this configuration; else of the default one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8090,
    show_default=True,
    help="Port to listen on; 0 for a free one.",
)
@click.option("--users-per-minute", type=_COUNT, default=0, help="Answer 429 beyond; 0: no limit.")
@click.option("--events-per-minute", type=_COUNT, default=0, help="The same for events.")
@click.option(
    "--reset-header",
    type=click.Choice(["seconds", "epoch"]),
    default="seconds",
    show_default=True,
    help="What x-ratelimit-reset says; MoEngage documents both.",
)
@click.option("--keep-events", type=_COUNT, default=0, help="Keep so many of the latest; 0: all.")
@click.option("--objects-enabled", is_flag=True, help="Take nested objects.")
@parent_option
def sandbox(
    config_file: Path | None,
    config_name: str | None,
    host: str,
    port: int,
    users_per_minute: int,
    events_per_minute: int,
    reset_header: Literal["seconds", "epoch"],
    keep_events: int,
    objects_enabled: bool,
    stop_with_parent: bool,
) -> None:
    """Run a stand-in for MoEngage.

    Answers as MoEngage does, keeps what is sent, shows it under /sandbox, fails on demand.

    It knows the workspace and key of one configuration (moengage.workspace_id, moengage.api_key), else
    SANDBOX and sandbox-key.
    """
    settings = load(config_file).settings
    logs.set_up(settings.log.level, settings.log.format, "sandbox")
    moengage = configuration(settings, config_name)[1].moengage
    known = SandboxConfig(
        workspace_id=moengage.workspace_id or DEFAULT_WORKSPACE,
        api_key=moengage.api_key.get_secret_value() or DEFAULT_KEY,
        users_per_minute=users_per_minute,
        events_per_minute=events_per_minute,
        reset_header=reset_header,
        keep_events=keep_events,
        objects_enabled=objects_enabled,
    )
    asyncio.run(_run(known, host, port, stop_with_parent))


async def _run(config: SandboxConfig, host: str, port: int, parent: bool) -> None:
    with stop_on_signals() as stop, stop_with_parent(stop, parent):
        async with serving(create_app(config), host, port, "--port") as url:
            click.echo(f"MoEngage sandbox at {url} for workspace {config.workspace_id}")
            click.echo(f"  MOEBRIDGE_MOENGAGE__BASE_URL={url}")
            click.echo(f"  what it has: {url}/sandbox/users, /sandbox/events, /sandbox/stats")
            await stop.wait()
