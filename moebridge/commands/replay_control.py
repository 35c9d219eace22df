"""``moebridge replay status``, ``pause``, ``resume``, ``cancel``."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal

import click
from rich.live import Live

from events.topics import topic_name
from moebridge import logs, replay_run
from moebridge.brokers.idle_fetch import paused_idle_fetches
from moebridge.commands.options import config_name_option, config_option, configuration
from moebridge.giving_way import give_way
from moebridge.replay_desk import BrokerDesk, Ground, NoteReader, answering
from moebridge.replay_run import ground
from moebridge.replay_status import document, last_of, standings, status_table
from moebridge.screen import console
from moebridge.setting_catalogue import secrets_of
from moebridge.settings import Settings
from moebridge.settings_source import load
from moebridge.stopping import stop_on_signals
from moebridge.wiring import now_ms, replay_config
from streams.errors import ReplayNotActive
from streams.replay.choosing import choosing
from streams.replay.chosen import Choosing
from streams.replay.control import Note, Positions
from streams.replay.positions import GroupPositions
from streams.replay.request import ReplayRequest
from streams.replay.run import Ended

_NAME = config_name_option("Of this configuration; else of the default one.")
#: Seconds between two looks of --watch.
_WATCH_S = 2.0


SHARE = click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    help="Of the budget, at most; else the setting.",
)


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="For machines: an array; with --watch a line a look."
)
@click.option("--watch", is_flag=True, help="Go on until stopped.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=10, show_default=True, help="The last so many."
)
@_NAME
@config_option
def status(
    config_file: Path | None, config_name: str | None, as_json: bool, watch: bool, limit: int
) -> None:
    """Show replays, the newest first: which is active, how far it is."""
    settings, name = _settings(config_file, config_name)
    with paused_idle_fetches(), answering(ground(settings, name)):
        asyncio.run(_status(settings, name, as_json, watch, limit))


async def _status(settings: Settings, config: str, as_json: bool, watch: bool, limit: int) -> None:
    place = ground(settings, config)
    screen = console()
    on_screen = watch and not as_json and screen.is_terminal
    with (
        stop_on_signals() as stop,
        Live(console=screen, auto_refresh=False) if on_screen else nullcontext() as live,
    ):
        async with NoteReader(place) as notes:
            while True:
                await notes.take()
                told = await _documents(settings, place, notes, limit)
                if as_json:
                    click.echo(json.dumps(told))
                elif live is not None:
                    live.update(status_table(told), refresh=True)
                else:
                    screen.print(status_table(told) if told else f"{config}: {last_of(notes.book)}")
                if not watch:
                    return
                try:
                    async with asyncio.timeout(_WATCH_S):
                        await stop.wait()
                    return
                except TimeoutError:
                    pass


async def _documents(
    settings: Settings, place: Ground, notes: NoteReader, limit: int
) -> list[dict[str, Any]]:
    book = notes.book
    committed: Positions = {}
    if book.active:
        request = ReplayRequest.read(book.replays[book.active].request)
        source = topic_name(request.source, settings.kafka.topic_prefix)
        positions = GroupPositions(place.connection, source, place.group(request.id))
        try:
            committed = await positions.read()
        finally:
            await positions.close()
    now = now_ms()
    found = standings(book, committed, limit)
    return [document(one, book.replays[one.id], now) for one in found]


@click.command()
@_NAME
@config_option
def pause(config_file: Path | None, config_name: str | None) -> None:
    """Have the active replay stop after the batch in hand."""
    settings, name = _settings(config_file, config_name)
    with paused_idle_fetches(), answering(ground(settings, name)):
        replay = asyncio.run(_say(settings, name, "paused"))
    click.echo(f"replay {replay} is paused; it goes on by: moebridge replay resume --config-name {name}")


@click.command()
@SHARE
@_NAME
@config_option
def resume(config_file: Path | None, config_name: str | None, share: float | None) -> None:
    """Go on with the active replay, here, whoever ran it before.

    A runner that still lives stops before its next batch.
    """
    settings, name = _settings(config_file, config_name)

    def choose(request: ReplayRequest) -> AbstractAsyncContextManager[Choosing]:
        return choosing(replay_config(settings, name), request, now_ms=now_ms())

    give_way()
    with paused_idle_fetches():
        end(asyncio.run(replay_run.resume(settings, name, choose, share=share)))


def end(ended: Ended) -> None:
    """Exit code 1 for a replay that is not done."""
    if ended != "done":
        raise click.exceptions.Exit(1)


@click.command()
@_NAME
@config_option
def cancel(config_file: Path | None, config_name: str | None) -> None:
    """End the active replay for good, after the batch in hand.

    What it has published is delivered all the same.
    """
    settings, name = _settings(config_file, config_name)
    with paused_idle_fetches(), answering(ground(settings, name)):
        replay = asyncio.run(_say(settings, name, "cancelled"))
    click.echo(f"replay {replay} is cancelled; what it has published is delivered all the same")


async def _say(settings: Settings, config: str, said: Literal["paused", "cancelled"]) -> str:
    async with BrokerDesk(ground(settings, config), "", None, asyncio.Event()) as desk:
        await desk.look()
        replay = desk.book.active
        if not replay:
            raise ReplayNotActive(config, last_of(desk.book))
        await desk.write(Note(replay, said))
        if desk.book.replays[replay].state != said:
            raise ReplayNotActive(config, last_of(desk.book))
    return replay


def _settings(config_file: Path | None, config_name: str | None) -> tuple[Settings, str]:
    settings = load(config_file, purpose="topics").settings
    logs.set_up(
        settings.log.level, settings.log.format, "replay", secrets=secrets_of(settings)
    )  # fmt: skip
    return settings, configuration(settings, config_name)[0]
