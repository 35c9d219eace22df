"""``moebridge replay``: recorded events once more."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from events.codec import encode
from events.topics import topic_name
from moebridge import logs
from moebridge.brokers.idle_fetch import paused_idle_fetches
from moebridge.commands.options import config_name_option, config_option, configuration
from moebridge.commands.replay_control import cancel, end, pause, resume, status
from moebridge.commands.replay_options import KINDS, choice_options, filters, window
from moebridge.giving_way import give_way
from moebridge.replay_run import execute, pace_config
from moebridge.replay_shown import document, show_plan
from moebridge.settings import ReplaySettings, Settings
from moebridge.settings_source import load
from moebridge.time_window import TimeWindow
from moebridge.wiring import connection, now_ms, replay_config
from streams.replay.choosing import choosing
from streams.replay.reading import reading, spans_of
from streams.replay.request import SOURCES, Filters, ReplayRequest


@click.group(invoke_without_command=True)
@choice_options
@click.option(
    "--label",
    metavar="NAME",
    callback=lambda _ctx, _param, value: _label(value),
    help="The attribute that shows the replay; else the setting.",
)
@click.option("--no-label", is_flag=True, help="No such attribute.")
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    help="Of the budget, at most; else the setting.",
)
@click.option(
    "--examples",
    type=click.IntRange(0, 1000),
    default=3,
    show_default=True,
    help="Elements that are shown.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--show-personal", is_flag=True, help="Values as they are instead of digests.")
@click.option("--execute", is_flag=True, help="Do it; without, only say what would be done.")
@config_name_option("The configuration whose events are replayed; else the default one.")
@config_option
def replay(config_file: Path | None, config_name: str | None, **options: Any) -> None:
    """Bring recorded events to MoEngage once more.

    A dry run by default: it says what would happen. Merges and deletes are never replayed.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    now = now_ms()
    settings = load(config_file, purpose="topics").settings
    logs.set_up(settings.log.level, settings.log.format, "replay")
    name, _ = configuration(settings, config_name)
    give_way()
    with paused_idle_fetches():
        asyncio.run(_replay(settings, name, window(options, now), filters(options), options, now))


async def _replay(
    settings: Settings,
    name: str,
    window: TimeWindow,
    asked: Filters,
    options: dict[str, Any],
    now: int,
) -> None:
    kind = KINDS[options["topic"]]
    label = options["label"] if options["label"] is not None else settings.replay.label
    async with reading(connection(settings)) as reader:
        spans = await spans_of(
            reader,
            topic_name(SOURCES[kind], settings.kafka.topic_prefix),
            first_ms=window.first,
            end_ms=window.end,
            from_offset=options["from_offset"],
            partitions=options["partitions"],
        )
    request = ReplayRequest(
        id=uuid.uuid4().hex[:12],
        config=name,
        kind=kind,
        spans=spans,
        filters=asked,
        only_missing=options["only_missing"],
        label="" if options["no_label"] else label,
        created_at=now,
    )
    pace = pace_config(settings, name, options["share"])
    config = replay_config(settings, name)
    async with choosing(config, request, now_ms=now, examples=options["examples"]) as chosen:
        personal = options["show_personal"]
        if options["as_json"]:
            told = document(request, chosen.totals, pace, personal=personal)
            click.echo(encode(told).decode())
        else:
            show_plan(request, chosen.totals, pace, personal=personal, execute=options["execute"])
        if options["execute"] and chosen.totals.chosen:
            end(await execute(settings, request, chosen, share=options["share"]))


def _label(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return ReplaySettings(label=value).label
    except ValidationError:
        raise click.BadParameter(
            f"expected up to 100 of A-Z a-z 0-9 _, a letter first, got {value!r}"
        ) from None


for command in (status, pause, resume, cancel):
    replay.add_command(command)
