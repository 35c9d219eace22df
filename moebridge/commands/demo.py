"""``moebridge demo``: the whole bridge at work, on this machine, with nothing to set up."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from events.errors import MoebridgeError
from moebridge import logs
from moebridge.commands.options import debug_option
from moebridge.demo.play import play, show_what_to_try
from moebridge.demo.scene import scene
from moebridge.errors import BrokerUnsupported, DemoFailed
from moebridge.screen import console
from moebridge.stopping import stop_on_signals
from moebridge.together import until


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running afterwards, and say what to try.")
@debug_option
def demo(keep: bool) -> None:
    """Play a day of a workspace through the whole bridge.

    Embedded broker, front door, worker and a sandbox that stands in for MoEngage, on this machine.
    Needs no settings, no Java and no container engine. Exit code 0 only if all came out as it must.
    """
    logs.set_up("warning", "text", "demo")
    folder = Path(tempfile.mkdtemp(prefix="moebridge-demo-"))
    try:
        finished = asyncio.run(_run(folder, keep))
    except BrokerUnsupported:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except MoebridgeError as error:
        raise DemoFailed(f"{error}\nLogs and data: {folder}") from error
    shutil.rmtree(folder, ignore_errors=True)
    if not finished:
        raise DemoFailed("stopped before its end")


async def _run(folder: Path, keep: bool) -> bool:
    """Whether it came to its end."""
    screen = console()
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    async with scene(folder) as parts:
        with stop_on_signals(at_once=parts.kill) as stop:
            finished = await until(stop, play(parts, screen, midnight=int(midnight.timestamp())))
            if finished and keep:
                show_what_to_try(parts, screen)
                await until(stop, parts.hold())
            return finished
