"""``moebridge dead-letters``: look at them, send them again, put them away."""

from __future__ import annotations

import asyncio
import heapq
import uuid
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from events.codec import encode
from events.topics import COMPANIES, CONTACTS, DELIVERIES, EVENTS, topic_name
from moebridge import logs
from moebridge.brokers.idle_fetch import paused_idle_fetches
from moebridge.commands.dead_letter_options import LetterId, selected, selection_options
from moebridge.commands.options import config_option
from moebridge.dead_letters import shown
from moebridge.dead_letters.choice import Job
from moebridge.dead_letters.counts import Counts
from moebridge.dead_letters.reading import dead_letter_log
from moebridge.dead_letters.report import show_counts, show_end, show_plan
from moebridge.dead_letters.run import run
from moebridge.dead_letters.selection import Selection, Span
from moebridge.dead_letters.settlements import Did
from moebridge.dead_letters.survey import found, plan, spans, whole_spans
from moebridge.errors import NoSuchLetter
from moebridge.progress import ProgressLine
from moebridge.screen import console, table
from moebridge.settings import Settings
from moebridge.settings_source import load
from moebridge.stopping import stop_on_signals
from moebridge.wiring import connection, max_batch_bytes


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at what was refused, redrive or discard it."""


@dead_letters.command("list")
@selection_options
@click.option("--all", "everything", is_flag=True, help="Settled ones too, with what became of them.")
@click.option("--json", "as_json", is_flag=True, help="All of them, a JSON object a line.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Rows of the table; the latest are shown.",
)
@click.option("--show-personal", is_flag=True, help="Customer ids instead of digests.")
@config_option
def list_letters(
    config_file: Path | None,
    everything: bool,
    as_json: bool,
    limit: int,
    show_personal: bool,
    **options: Any,
) -> None:
    """List dead letters that are open, and count them by reason."""
    settings = _settings(config_file)
    wanted = selected(options, settings.ingest.config_name)
    with paused_idle_fetches():
        asyncio.run(_list(settings, wanted, everything, as_json, limit, show_personal))


async def _list(
    settings: Settings, wanted: Selection, everything: bool, as_json: bool, limit: int, personal: bool
) -> None:
    counts = Counts()
    latest: list[tuple[int, int, int, tuple[str, ...]]] = []
    async with _log(settings) as log:
        async for one in found(log, await spans(log, wanted), wanted):
            letter, settlement = one.letter, one.settlement
            if settlement is not None:
                counts.settled += 1
                if not everything:
                    continue
            counts.add(letter)
            if as_json:
                click.echo(encode(shown.line(letter, settlement, personal=personal)).decode())
                continue
            row = shown.row(letter, personal=personal)
            did = "open" if settlement is None else settlement.did
            entry = (letter.failed_at, letter.partition, letter.offset, (*row, did))
            (heapq.heappush if len(latest) < limit else heapq.heappushpop)(latest, entry)
    if as_json:
        return
    columns = ("id", "refused", "stage", "answer", "what", "whose", "reason")
    rows = table(*columns, "state") if everything else table(*columns)
    rows.columns[1].no_wrap = True
    for *_, cells in sorted(latest):
        rows.add_row(*(escape(cell) for cell in cells[: len(rows.columns)]))
    screen = console()
    if latest:
        screen.print(rows)
        screen.print()
    show_counts(counts)
    shown_of = (
        f"the latest {len(latest)} of {counts.total:,} shown; " if len(latest) < counts.total else ""
    )
    told = "" if everything else f", {counts.settled:,} settled (--all)"
    screen.print(f"{shown_of}{counts.total:,} {'in all' if everything else 'open'}{told}")


@dead_letters.command()
@click.argument("letter_id", metavar="ID", type=LetterId())
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
@config_option
def show(config_file: Path | None, letter_id: tuple[int, int], as_json: bool) -> None:
    """Show all about one, its body too, which is personal data.

    ID is partition:offset, as `list` has it.
    """
    settings = _settings(config_file)
    with paused_idle_fetches():
        asyncio.run(_show(settings, letter_id, as_json))


async def _show(settings: Settings, letter_id: tuple[int, int], as_json: bool) -> None:
    partition, offset = letter_id
    name = f"{partition}:{offset}"
    async with _log(settings) as log:
        if partition >= log.partitions:
            raise NoSuchLetter(name, f"there are partitions 0 to {log.partitions - 1}")
        span = await log.span(partition)
        if not span.first <= offset < span.end:
            there = f"its partition has {span.first} to {span.end - 1}" if span.first < span.end else ""
            raise NoSuchLetter(name, there or "its partition is empty")
        async for letter in log.letters(partition, Span(offset, offset + 1)):
            settlement = (await log.book(partition)).settled(letter)
            if as_json:
                click.echo(encode(shown.whole(letter, settlement)).decode())
            else:
                click.echo("\n".join(shown.lines(letter, settlement, settings.ingest.config_name)))


def _settling_options(command: Any) -> Any:
    for option in (
        config_option,
        click.option("--limit", type=click.IntRange(min=1), help="No more than so many."),
        click.option(
            "--rate",
            type=click.FloatRange(min=0),
            default=100.0,
            show_default=True,
            help="So many a second at most; 0: no limit.",
        ),
        click.option("--execute", is_flag=True, help="Do it; without, only say what would be done."),
        selection_options,
    ):
        command = option(command)
    return command


@dead_letters.command()
@_settling_options
def redrive(config_file: Path | None, **options: Any) -> None:
    """Send open dead letters again, in order.

    Each goes back to the topic that it came from. A dry run by default.
    """
    _settle("redriven", config_file, options)


@dead_letters.command()
@_settling_options
def discard(config_file: Path | None, **options: Any) -> None:
    """Put open dead letters away for good.

    A dry run by default.
    """
    _settle("discarded", config_file, options)


def _settle(did: Did, config_file: Path | None, options: dict[str, Any]) -> None:
    settings = _settings(config_file)
    prefix = settings.kafka.topic_prefix
    job = Job(
        run=uuid.uuid4().hex[:12],
        did=did,
        selection=selected(options, settings.ingest.config_name),
        sources=frozenset(topic_name(one, prefix) for one in (EVENTS, CONTACTS, COMPANIES, DELIVERIES)),
        rate=options["rate"],
        limit=options["limit"],
    )
    with paused_idle_fetches():
        asyncio.run(_settle_on_broker(settings, job, execute=options["execute"]))


async def _settle_on_broker(settings: Settings, job: Job, *, execute: bool) -> None:
    async with _log(settings) as log:
        where = await whole_spans(log, job.selection)
        counts = await plan(log, where, job)
        show_plan(counts, job, execute=execute)
        if not execute or not counts.total:
            return
        with stop_on_signals() as stop, ProgressLine(job.did, counts.total) as line:
            progress = await run(
                log,
                where,
                job,
                connection=connection(settings),
                prefix=settings.kafka.topic_prefix,
                max_record_bytes=max_batch_bytes(settings),
                stop=stop,
                on_batch=lambda count, last: line.advance(count, f"at {last.id}"),
            )
    stopped = stop.is_set() and progress.next is not None
    show_end(progress, job, stopped=stopped)
    if stopped:
        raise click.exceptions.Exit(1)


def _settings(config_file: Path | None) -> Settings:
    settings = load(config_file, purpose="topics").settings
    logs.set_up(settings.log.level, settings.log.format, "dead-letters")
    return settings


def _log(settings: Settings) -> Any:
    return dead_letter_log(connection(settings), settings.kafka.topic_prefix)
