"""``moebridge tail``: events on their way through the stages, as it happens."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import click
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from events.topics import topic_name
from moebridge import logs
from moebridge.brokers.idle_fetch import paused_idle_fetches
from moebridge.commands.options import config_option
from moebridge.errors import BrokerUnreachable, TopicsUnfit
from moebridge.settings import Settings
from moebridge.settings_source import load
from moebridge.stopping import stop_on_signals
from moebridge.tail_lines import json_line, text_line
from moebridge.time_window import parse_duration
from moebridge.topic_admin import admin_client, partition_counts
from moebridge.wiring import connection, now_ms
from streams.tail.filters import Filters
from streams.tail.reader import TailReader, tail_consumer
from streams.tail.records import FOLLOWED
from streams.tail.sighting import STAGES, Sighting
from streams.tail.tail import Tail
from streams.tail.thinning import Thinning


@dataclass(frozen=True, slots=True)
class _Asked:
    filters: Filters
    since_ms: int | None
    follow: bool
    limit: int | None
    as_json: bool
    personal: bool


@click.command()
@click.option("--stage", "stages", type=click.Choice(STAGES), multiple=True, help="Only this one.")
@click.option(
    "--event-topic", "event_topics", metavar="TOPIC", multiple=True, help="Intercom's; may end in *."
)
@click.option("--contact", default="", metavar="ID", help="Intercom's contact, or its digest.")
@click.option("--company", default="", metavar="ID", help="Intercom's company, or its digest.")
@click.option("--customer", default="", metavar="ID", help="MoEngage's customer, or the digest.")
@click.option("--event-id", default="", metavar="ID", help="Intercom's event; its beginning will do.")
@click.option("--name", "names", metavar="NAME", multiple=True, help="The event's name in MoEngage.")
@click.option("--config-name", default="", metavar="NAME", help="The configuration.")
@click.option(
    "--replay",
    is_flag=False,
    flag_value="",
    metavar="[ID]",
    help="Only what is replayed; by this replay.",
)
@click.option("--live", is_flag=True, help="Only what is not replayed.")
@click.option("--since", metavar="PERIOD", help="Begin so long ago: PT5M, P1D; else now.")
@click.option("--no-follow", is_flag=True, help="End where the present is reached; with --since.")
@click.option("--limit", type=click.IntRange(min=1), help="End after so many lines.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@click.option("--show-personal", is_flag=True, help="Ids instead of digests.")
@config_option
def tail(config_file: Path | None, **options: Any) -> None:
    """Follow events through the stages, live.

    Received, routed to a contact or a company, mapped to what MoEngage is told, delivered, or refused.
    Reads the topics and nothing else: it is in no group, commits nothing, and asks no worker.
    """
    settings = load(config_file, purpose="topics").settings
    # The client's own lines tell of a broker that is away; the tail says so itself.
    logs.set_up("critical", "text", "tail")
    asked = _asked(options, settings.ingest.config_name)
    with paused_idle_fetches():
        asyncio.run(_tail(settings, asked))


def _asked(options: dict[str, Any], default_config: str) -> _Asked:
    if options["live"] and options["replay"] is not None:
        raise click.UsageError("--live: not beside --replay")
    if options["no_follow"] and options["since"] is None:
        raise click.UsageError("--no-follow: needs --since, or there is nothing to show")
    since_ms = None
    if options["since"] is not None:
        try:
            since_ms = now_ms() - parse_duration(options["since"], "--since")
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    filters = Filters(
        stages=frozenset(options["stages"]),
        event_topics=options["event_topics"],
        contact=options["contact"],
        company=options["company"],
        customer=options["customer"],
        event_id=options["event_id"].rstrip("…"),
        names=frozenset(options["names"]),
        config=options["config_name"],
        replay=options["replay"],
        live=options["live"],
        default_config=default_config,
    )
    return _Asked(
        filters, since_ms, not options["no_follow"], options["limit"], options["as_json"],
        options["show_personal"],
    )  # fmt: skip


async def _tail(settings: Settings, asked: _Asked) -> None:
    prefix = settings.kafka.topic_prefix
    told = connection(settings)
    async with admin_client(told) as admin:
        places = _places(await partition_counts(admin), prefix)
    seen = Tail(asked.filters, prefix=prefix)
    screen = _Screen(asked)
    rank = {topic_name(name, prefix): number for number, name in enumerate(FOLLOWED)}
    with stop_on_signals() as stop:
        try:
            async with tail_consumer(told) as consumer:
                reader = TailReader(consumer, places, rank, lambda text: click.echo(text, err=True))
                read = reader.read(since_ms=asked.since_ms, follow=asked.follow, stop=stop)
                async with aclosing(read) as batches:
                    async for records in batches:
                        now = now_ms()
                        screen.show(one for record in records for one in seen.take(record, now))
                        if screen.full:
                            break
        except KafkaError as error:
            servers = settings.kafka.bootstrap_servers
            raise BrokerUnreachable(servers, type(error).__name__) from error
    screen.end()


def _places(counts: dict[str, int], prefix: str) -> list[TopicPartition]:
    names = [topic_name(name, prefix) for name in FOLLOWED]
    missing = [f"{name}: missing: moebridge topics create" for name in names if name not in counts]
    if len(missing) == len(names):
        raise TopicsUnfit(missing)
    for problem in missing:
        click.echo(f"nothing is shown of {problem}", err=True)
    return [TopicPartition(name, partition) for name in names for partition in range(counts.get(name, 0))]


class _Screen:
    """Standard output. A terminal gets colours, and no more lines than can be read."""

    def __init__(self, asked: _Asked) -> None:
        terminal = sys.stdout.isatty()
        self._asked = asked
        self._colour = terminal and not os.environ.get("NO_COLOR")
        self._thinning = Thinning() if terminal and not asked.as_json else None
        self._shown = 0

    @property
    def full(self) -> bool:
        """Whether as much was shown as was asked for."""
        return self._asked.limit is not None and self._shown >= self._asked.limit

    def show(self, seen: Iterator[Sighting]) -> None:
        """Show these, as far as there is room."""
        lines = list(self._lines(seen))
        if lines:
            click.echo("\n".join(lines), color=self._colour)

    def end(self) -> None:
        """Tell of the last lines that were left out."""
        for line in self._left_out(inf):
            click.echo(line)

    def _left_out(self, now_s: float) -> Iterator[str]:
        if self._thinning is not None and (count := self._thinning.left_out(now_s)):
            yield f"… {count:,} more"

    def _lines(self, seen: Iterator[Sighting]) -> Iterator[str]:
        thinning = self._thinning
        yield from self._left_out(time.monotonic())
        for one in seen:
            if self.full:
                return
            if thinning is not None and not thinning.allows(time.monotonic()):
                continue
            self._shown += 1
            if self._asked.as_json:
                yield json_line(one, personal=self._asked.personal)
            else:
                yield text_line(one, personal=self._asked.personal, colour=self._colour)
