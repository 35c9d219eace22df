"""Redriving and discarding the letters of a partition: in order, batch by batch, fit to be cut off.

A batch goes: note what is begun, publish, note what was done; each is confirmed before the next. Cut off
between the last two, the batch is open still and is published again by the next run: once more, and no
more than that batch. Nothing that was not published is ever noted as done.

Decides by what it is given and does I/O through a ``Desk`` alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from moebridge.dead_letters.choice import WORKED_ON, Choice, Job
from moebridge.dead_letters.letter import Letter
from moebridge.dead_letters.settlements import Book, Note, note_on
from moebridge.errors import BatchInDoubt, TakenOver
from streams.errors import PublishFailed
from streams.publishing import Outgoing

#: Seconds that a run has for a batch, from its first note to its last; then it stops.
BATCH_S = 8.0
#: Seconds that a run waits for the last batch of the one before it, whose process may live or not: more
#: than a batch may take and a process needs to end.
OVER_AFTER_S = 12.0
_LOOK_S = 0.5

MAX_BATCH = 100
MAX_BATCH_BYTES = 1_000_000


class Desk(Protocol):
    """What the work on one partition needs of the world. ``book`` holds all notes read so far."""

    @property
    def book(self) -> Book: ...

    async def write(self, note: Note) -> None:
        """Publish a note; ``book`` has it, and every note before it, when this returns."""
        ...

    async def look(self) -> None:
        """Take the notes of others into ``book``."""
        ...

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish in order; confirmed when this returns."""
        ...

    def in_time(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Inside, what takes longer than this is ended by TimeoutError (asyncio.timeout)."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait, less if it is time to stop."""
        ...

    def now_ms(self) -> int:
        """The time."""
        ...


@dataclass(slots=True)
class Progress:
    """How far a run has come over all partitions, and the word to stop.

    ``next`` is the first letter that it did not do, where it stopped before the end.
    """

    stopping: Callable[[], bool]
    on_batch: Callable[[int, Letter], None] = lambda count, last: None
    done: int = 0
    next: Letter | None = None


async def settle(letters: AsyncIterator[Letter], job: Job, desk: Desk, progress: Progress) -> None:
    """Work on a partition's letters, all of which come, in the order of their offsets.

    Stops after a batch when told to. Raises TakenOver where another run began since, BatchInDoubt where
    the broker does not confirm a batch, and TimeoutError or PublishFailed where it does not even before;
    the next run makes good what was left.
    """
    async with desk.in_time(BATCH_S):
        await desk.write(Note(job.run, "begun"))
    waited = 0.0
    while desk.book.in_hand(but=job.run) and waited < OVER_AFTER_S and not progress.stopping():
        await desk.pause(_LOOK_S)
        waited += _LOOK_S
        await desk.look()
    choice = Choice(job)
    most = max(1, min(MAX_BATCH, int(job.rate))) if job.rate else MAX_BATCH  # a second's worth
    batch: list[Letter] = []
    size = 0
    async for letter in letters:
        if choice.judge(letter, desk.book.settled(letter)) not in WORKED_ON:
            continue
        full = len(batch) >= most or size + letter.size > MAX_BATCH_BYTES
        if full or job.limit == progress.done + len(batch):
            await _batch(batch, job, desk, progress)
            batch, size = [], 0
        if progress.stopping() or job.limit == progress.done:
            progress.next = progress.next or letter
            return
        batch.append(letter)
        size += letter.size
    await _batch(batch, job, desk, progress)


async def _batch(letters: Sequence[Letter], job: Job, desk: Desk, progress: Progress) -> None:
    if not letters:
        return
    if progress.stopping():
        progress.next = letters[0]
        return
    try:
        async with desk.in_time(BATCH_S):
            await desk.write(note_on(letters, job.run, "begun"))
            if desk.book.owner != job.run:
                raise TakenOver(letters[0].id)
            if job.did == "redriven":
                await desk.publish(_records(letters, job.run, desk))
            await desk.write(note_on(letters, job.run, job.did))
    except (TimeoutError, PublishFailed) as error:
        why = str(error) or f"the broker did not confirm within {BATCH_S:g} s"
        raise BatchInDoubt(job.did, len(letters), letters[0].id, letters[-1].id, why) from error
    progress.done += len(letters)
    progress.on_batch(len(letters), letters[-1])
    if job.rate:
        await desk.pause(len(letters) / job.rate)


def _records(letters: Sequence[Letter], run: str, desk: Desk) -> list[Outgoing]:
    """What is published for a batch: a letter that a crash wrote twice goes once."""
    at_ms = desk.now_ms()
    once: dict[int, Letter] = {}
    for letter in letters:
        if desk.book.settled(letter) is None:
            once.setdefault(letter.fingerprint, letter)
    return [letter.redriven(run, at_ms) for letter in once.values()]
