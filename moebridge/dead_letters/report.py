"""What a list, a dry run and a run come to, in words and tables."""

from __future__ import annotations

from rich.markup import escape

from moebridge.dead_letters.choice import Job
from moebridge.dead_letters.counts import Counts
from moebridge.dead_letters.settling import Progress
from moebridge.dead_letters.shown import printable, when
from moebridge.screen import console, table


def show_plan(counts: Counts, job: Job, *, execute: bool) -> None:
    """What a run would do, or is about to."""
    screen = console()
    show_counts(counts)
    screen.print(f"{counts.total:,} {'will be' if execute else 'would be'} {job.did}")
    for count, what in (
        (counts.along, "parked, going along with what they wait for"),
        (counts.copies, "copies that a crash wrote, each done with its twin"),
        (counts.doubtful, "begun by a run that was cut off, so perhaps done already"),
        (counts.users if job.did == "redriven" else 0,
         f"user updates, the oldest of {when(counts.oldest_user)}; each overwrites what was delivered "
         "of its user since"),
    ):  # fmt: skip
        if count:
            screen.print(f"  of these {count:,}: {what}")
    if not counts.total:
        screen.print(f"{counts.settled:,} of those that are meant are settled already (list --all)")
    for count, what in (
        (counts.behind, "parked behind dead letters that stay"),
        (counts.stuck, "from no topic of this installation"),
    ):
        if count:
            screen.print(f"{count:,} left as they are: {what}")
    if counts.total and not execute:
        screen.print("nothing was done; --execute does it")


def show_end(progress: Progress, job: Job, *, stopped: bool) -> None:
    """What a run did, and where it stopped."""
    screen = console()
    screen.print(f"{progress.done:,} {job.did} by run {job.run}")
    if stopped and progress.next:
        screen.print(f"stopped before {progress.next.id}; the same command again goes on from there")


def show_counts(counts: Counts) -> None:
    """Letters by stage, answer and reason, the most frequent first."""
    if not counts.total:
        return
    rows = table("count", "stage", "answer", "reason")
    for count, why in counts.rows():
        cells = (f"{count:,}", why.stage, str(why.status or ""), why.reason)
        rows.add_row(*(escape(printable(cell)) for cell in cells))
    screen = console()
    screen.print(rows)
    screen.print()
