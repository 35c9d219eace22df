"""``moebridge receipts``: what MoEngage took of an event, and what of it is to count as not taken."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TextIO

import click
from rich.markup import escape

from events.codec import encode
from events.configurations import Configurations
from moebridge import logs
from moebridge.brokers.idle_fetch import paused_idle_fetches
from moebridge.commands.options import config_name_option, config_option, configuration
from moebridge.dead_letters.desk import publishing
from moebridge.dead_letters.shown import printable, when
from moebridge.receipts import Said, delivery_ids, of_event, voids
from moebridge.screen import console, table
from moebridge.settings import Settings
from moebridge.settings_source import load
from moebridge.wiring import connection, max_batch_bytes
from streams.replay.reading import reading
from streams.replay.receipts import index_since, receipts_since


@click.group()
def receipts() -> None:
    """Look at what MoEngage took, or take it back."""


@receipts.command()
@click.argument("event_id", metavar="EVENT_ID")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@config_name_option("The event's configuration; else the default one.")
@config_option
def show(config_file: Path | None, event_id: str, config_name: str | None, as_json: bool) -> None:
    """Show the receipts of an event's deliveries, the oldest first."""
    settings = _settings(config_file)
    _, scope = _scope(settings, config_name)
    with paused_idle_fetches():
        said = asyncio.run(_said(settings, scope, event_id))
    if as_json:
        for one in said:
            click.echo(encode(one.document()).decode())
        return
    if not said:
        console().print("no receipt of it: not delivered, or longer ago than receipts are kept")
        return
    rows = table("when", "outcome", "status", "request", "mapping", "delivery")
    for one in said:
        status = str(one.status) if one.status else ""
        cells = (one.outcome, status, one.request_id, one.mapping_version, one.delivery_id)
        rows.add_row(when(one.at), *(escape(printable(cell)) for cell in cells))
    console().print(rows)


async def _said(settings: Settings, scope: str, event_id: str) -> list[Said]:
    said: list[Said] = []
    async with reading(connection(settings)) as reader:
        async for written, receipt in receipts_since(reader, settings.kafka.topic_prefix):
            if receipt is not None:
                said += of_event(receipt, written, scope, event_id)
    return sorted(said, key=lambda one: (one.written, one.at))


@receipts.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--execute", is_flag=True, help="Do it; without, only say what would be done.")
@config_name_option("The configuration that they are of; else the default one.")
@config_option
def void(config_file: Path | None, file: TextIO, execute: bool, config_name: str | None) -> None:
    """Let deliveries that MoEngage took count as not delivered.

    FILE has their ids, one a line; - is standard input. `replay --only-missing` then delivers them
    again. A dry run by default.
    """
    settings = _settings(config_file)
    name, scope = _scope(settings, config_name)
    ids = delivery_ids(file, scope)
    with paused_idle_fetches():
        asyncio.run(_void(settings, name, ids, execute=execute))


async def _void(settings: Settings, config: str, ids: list[str], *, execute: bool) -> None:
    prefix = settings.kafka.topic_prefix
    async with reading(connection(settings)) as reader:
        index = await index_since(reader, prefix)
    taken = [one for one in ids if index.outcome(one) == "taken"]
    say = console().print
    say(f"{len(taken):,} {'will be' if execute else 'would be'} voided: MoEngage took them")
    for outcome, told in (
        ("refused", "refused, so among the dead letters: moebridge dead-letters redrive"),
        ("parked", "parked, so among the dead letters: moebridge dead-letters redrive"),
        ("void", "voided before"),
        (None, "unknown: without a receipt, so not delivered, or longer ago than receipts are kept"),
    ):
        count = sum(index.outcome(one) == outcome for one in ids)
        if count:
            say(f"{count:,} left as they are: {told}")
    if not execute:
        say("nothing was done; --execute does it")
        return
    async with publishing(connection(settings), max_batch_bytes(settings)) as publisher:
        for batch in voids(taken, config, prefix, _now_ms):
            await publisher.publish(batch, _now_ms())
    say(f"{len(taken):,} voided")


def _scope(settings: Settings, config_name: str | None) -> tuple[str, str]:
    """The configuration's name as the settings have it, and what its ids begin with."""
    name, _ = configuration(settings, config_name)
    return name, Configurations(tuple(settings.by_name())).scope(name)


def _settings(config_file: Path | None) -> Settings:
    settings = load(config_file, purpose="topics").settings
    logs.set_up(settings.log.level, settings.log.format, "receipts")
    return settings


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
