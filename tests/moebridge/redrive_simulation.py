"""Runs over one partition without a broker: who goes on when, who dies, and how time passes, is chosen.

Nothing waits: a run is a coroutine that is moved on by hand from one I/O step to the next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Generator, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

from moebridge.dead_letters.choice import Job
from moebridge.dead_letters.letter import Letter
from moebridge.dead_letters.settlements import Book, Note
from moebridge.dead_letters.settling import Progress, settle
from moebridge.errors import BatchInDoubt, TakenOver
from streams.publishing import Outgoing


class World:
    """The broker, and the time in seconds."""

    def __init__(self, letters: Sequence[Letter]) -> None:
        self.letters = letters
        self.by_id = {letter.id: letter for letter in letters}
        self.notes: list[Note] = []
        self.batches: list[list[Letter]] = []
        self.clock = 0.0
        self.runs: list[Run] = []

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Take records as the broker does."""
        self.batches.append([self.by_id[dict(one.headers)["redrive.letter"].decode()] for one in records])

    @property
    def published(self) -> list[Letter]:
        """Everything that was sent again, in order."""
        return [letter for batch in self.batches for letter in batch]


class Run:
    """One redrive. ``lost``: 1 where it ended with a batch begun of which it said no more."""

    def __init__(self, world: World, job: Job) -> None:
        self.world = world
        self.job = job
        self.progress = Progress(lambda: self.told_to_stop)
        self.told_to_stop = False
        self.alive = True
        self.lost = 0
        self.wakes: float | None = None
        self.deadline: float | None = None
        self._work: Coroutine[Any, Any, None] = settle(_letters(world), job, _Desk(self), self.progress)
        world.runs.append(self)
        self.step()

    def move(self) -> None:
        """Go on to the next I/O step; time passes where the run waited for it."""
        if self.wakes is not None:
            self.world.clock = max(self.world.clock, self.wakes)
            self.wakes = None
            for other in self.world.runs:
                if other.alive and other.deadline is not None and self.world.clock > other.deadline:
                    other.step(TimeoutError())
        if self.alive:
            self.step()

    def step(self, error: Exception | None = None) -> None:
        """One step, or an error in place of it."""
        try:
            wait = self._work.send(None) if error is None else self._work.throw(error)
            self.wakes = None if wait is None else self.world.clock + wait
        except TakenOver:
            self.alive = False
        except (StopIteration, TimeoutError, BatchInDoubt):
            self._end()

    def kill(self) -> None:
        """SIGKILL."""
        self._work.close()
        self._end()

    def _end(self) -> None:
        said = [note for note in self.world.notes if note.run == self.job.run]
        self.alive = False
        self.lost = int(bool(said) and said[-1].said == "begun" and bool(said[-1].letters))

    def finish(self) -> None:
        """Move on to the end."""
        while self.alive:
            self.move()


async def _letters(world: World) -> AsyncIterator[Letter]:
    for letter in world.letters:
        yield letter


class _Step:
    """Hand control back; ``wait`` is how long not to come again, in seconds."""

    def __init__(self, wait: float | None = None) -> None:
        self._wait = wait

    def __await__(self) -> Generator[float | None, None, None]:
        yield self._wait


class _Desk:
    def __init__(self, run: Run) -> None:
        self.book = Book()
        self._run = run
        self._world = run.world
        self._read = 0

    async def write(self, note: Note) -> None:
        await _Step()
        if note.said == "redriven":
            sent = {letter.fingerprint for letter in self._world.published}
            assert sent >= {fingerprint for _, fingerprint in note.letters}, "noted before it was sent"
        self._world.notes.append(note)
        end = len(self._world.notes)
        await _Step()
        self._take(end)

    async def look(self) -> None:
        await _Step()
        self._take(len(self._world.notes))

    async def publish(self, records: Sequence[Outgoing]) -> None:
        await _Step()
        self._world.publish(records)
        await _Step()

    def in_time(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return _Deadline(self._run, seconds)

    async def pause(self, seconds: float) -> None:
        await _Step(seconds)

    def now_ms(self) -> int:
        return round(self._world.clock * 1000)

    def _take(self, end: int) -> None:
        for at, note in enumerate(self._world.notes[self._read : end], start=self._read):
            self.book.take(note, at)
        self._read = max(self._read, end)


class _Deadline:
    def __init__(self, run: Run, seconds: float) -> None:
        self._run, self._seconds = run, seconds

    async def __aenter__(self) -> None:
        self._run.deadline = self._run.world.clock + self._seconds

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run.deadline = None
