"""Going through the dead letters: which there are, what became of them, and what a run would do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from moebridge.dead_letters.choice import WORKED_ON, Choice, Job
from moebridge.dead_letters.counts import Counts
from moebridge.dead_letters.letter import Letter
from moebridge.dead_letters.reading import DeadLetterLog
from moebridge.dead_letters.selection import Selection, Span
from moebridge.dead_letters.settlements import Settlement


@dataclass(frozen=True, slots=True)
class Found:
    """A letter, and what became of it (None: it is open)."""

    letter: Letter
    settlement: Settlement | None


async def spans(log: DeadLetterLog, selection: Selection) -> dict[int, Span]:
    """Where to look for what is meant; what is written from now on is not looked at."""
    return {partition: await log.selected(partition, selection) for partition in range(log.partitions)}


async def whole_spans(log: DeadLetterLog, selection: Selection) -> dict[int, Span]:
    """All of each partition where something is meant, as of now: what a run has to see."""
    where = {partition: await log.span(partition) for partition in range(log.partitions)}
    return {p: span for p, span in where.items() if not selection.within(p, span).empty}


async def found(
    log: DeadLetterLog, where: Mapping[int, Span], selection: Selection
) -> AsyncIterator[Found]:
    """All letters that are meant, settled ones too, partition after partition."""
    for partition, span in where.items():
        if span.empty:
            continue
        book = await log.book(partition)
        async for letter in log.letters(partition, span):
            if selection.takes(letter):
                yield Found(letter, book.settled(letter))


async def plan(log: DeadLetterLog, where: Mapping[int, Span], job: Job) -> Counts:
    """What a run would do, as things are."""
    counts = Counts()
    seen: set[int] = set()
    for partition, span in where.items():
        book, choice = await log.book(partition), Choice(job)
        async for letter in log.letters(partition, span):
            verdict = choice.judge(letter, book.settled(letter))
            counts.settled += verdict == "settled"
            counts.stuck += verdict == "stuck"
            counts.behind += verdict == "behind"
            if verdict in WORKED_ON and counts.total != job.limit:
                counts.add(letter)
                counts.along += verdict == "along"
                counts.copies += letter.fingerprint in seen
                seen.add(letter.fingerprint)
                counts.doubtful += book.doubtful(letter)
    return counts
