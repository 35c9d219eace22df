"""Runners of replays without a broker: who goes on when, who dies, how time passes, is chosen.

Nothing waits: a runner is a coroutine that is moved on by hand from one I/O step to the next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Any

from moengage.budgets import Rates
from streams.chunks import Place
from streams.errors import PublishFailed, RecordsUnreadable, ReplayError
from streams.publishing import Outgoing
from streams.replay.chosen import Chosen
from streams.replay.control import Book, Note, Positions, furthest
from streams.replay.pace import BATCH_IS_S, Pace, PaceConfig
from streams.replay.plan import Totals
from streams.replay.progress import RunProgress
from streams.replay.run import Job, Run

SOURCE = "intercom.events"
#: What the pace below makes of records of one event each.
BATCH = 3
PACE = PaceConfig(Rates(events_per_minute=round(BATCH * 60 / BATCH_IS_S)), share=1.0, max_ahead=10)


def record(partition: int, offset: int, *, silent: bool = False) -> Chosen:
    """A record that becomes one event, or only moves the position."""
    name = f"{partition}:{offset}".encode()
    outgoing = () if silent else (Outgoing("intercom.contacts", name, name),)
    return Chosen(Place(SOURCE, partition), offset, outgoing, events=0 if silent else 1)


class World:
    """The broker, and the time in seconds."""

    def __init__(self, records: Sequence[Chosen]) -> None:
        self.records = records
        self.notes: list[Note] = []
        self.offsets: dict[str, Positions] = {}
        #: Who published what, in order: runner, replay, names of records.
        self.batches: list[tuple[str, str, list[str]]] = []
        self.lag: int | None = 0
        #: Records that others have overtaken meanwhile, and how often reading fails.
        self.overtaken: set[tuple[int, int]] = set()
        self.reading_fails = 0
        self.clock = 0.0
        self.runners: list[Runner] = []

    def operator(self, replay: str, said: Any) -> None:
        """A note that is no runner's."""
        self.notes.append(Note(replay, said))

    def book(self) -> Book:
        """All notes, summed up."""
        book = Book()
        for at, note in enumerate(self.notes):
            book.take(note, at)
        return book

    def published(self, replay: str) -> list[str]:
        """The records of a replay, in the order in which they were published."""
        return [name for _, of, names in self.batches if of == replay for name in names]

    @property
    def alive(self) -> list[Runner]:
        """Those that have not ended."""
        return [runner for runner in self.runners if runner.alive]


class _Killed(BaseException):
    """Nothing catches it, and nothing is written on the way out."""


class Runner:
    """One process. ``outcome`` is what ``work`` returned, or the error."""

    def __init__(self, world: World, replay: str, *, begins: bool) -> None:
        self.world = world
        self.name = f"runner-{len(world.runners)}"
        self.replay = replay
        self.told_to_stop = False
        self.alive = True
        self.killed = False
        self.outcome: Any = None
        self.wakes: float | None = None
        self.deadline: float | None = None
        self.progress = RunProgress()
        self.desk = SimulatedDesk(self)
        job = Job(replay, "default", self.name)
        self.run = Run(
            job, self.desk, Pace(PACE), self.progress, stopping=lambda: self.told_to_stop
        )  # fmt: skip
        self._work: Coroutine[Any, Any, Any] = self._go(begins)
        world.runners.append(self)
        self.step()

    async def _go(self, begins: bool) -> Any:
        if begins:
            await self.run.begin({"id": self.replay}, {"chosen": len(self.world.records)})
        else:
            await self.run.claim()
        return await self.run.work(_Choosing(self.world))

    def move(self) -> None:
        """Go on to the next I/O step; time passes where the runner waited for it."""
        if self.wakes is not None:
            self.world.clock = max(self.world.clock, self.wakes)
            self.wakes = None
            for other in self.world.alive:
                if other.deadline is not None and self.world.clock > other.deadline:
                    other.step(TimeoutError())
        if self.alive:
            self.step()

    def step(self, error: Exception | None = None) -> None:
        """One step, or an error in place of it."""
        try:
            wait = self._work.send(None) if error is None else self._work.throw(error)
            self.wakes = None if wait is None else self.world.clock + wait
        except StopIteration as end:
            self.alive, self.outcome = False, end.value
        except ReplayError as raised:
            self.alive, self.outcome = False, raised

    def kill(self) -> None:
        """SIGKILL."""
        self.alive, self.killed = False, True
        with suppress(_Killed):
            self._work.throw(_Killed())

    def finish(self) -> Any:
        """Move on to the end; the outcome."""
        while self.alive:
            self.move()
        return self.outcome


class _Choosing:
    def __init__(self, world: World) -> None:
        self._world = world
        self.totals = Totals()

    async def chosen(self, after: Mapping[int, int]) -> AsyncIterator[Chosen]:
        await _Step()
        for one in self._world.records:
            if one.offset >= after.get(one.place.partition, 0):
                yield one

    async def fresh(self, chosen: Sequence[Chosen]) -> list[Chosen]:
        await _Step()
        if self._world.reading_fails:
            self._world.reading_fails -= 1
            raise RecordsUnreadable(SOURCE, "away")
        gone = self._world.overtaken
        return [
            Chosen(one.place, one.offset) if (one.place.partition, one.offset) in gone else one
            for one in chosen
        ]


class _Step:
    """Hand control back; ``wait`` is how long not to come again, in seconds."""

    def __init__(self, wait: float | None = None) -> None:
        self._wait = wait

    def __await__(self) -> Generator[float | None, None, None]:
        yield self._wait


class SimulatedDesk:
    """A Desk on a World. ``failing``: what the next steps that write come to."""

    def __init__(self, runner: Runner) -> None:
        self.book = Book()
        self.failing: list[str] = []
        self._runner = runner
        self._world = runner.world
        self._read = 0

    async def write(self, note: Note) -> None:
        await self._effect(lambda: self._world.notes.append(note))
        self._take(len(self._world.notes))

    async def look(self) -> None:
        await _Step()
        end = len(self._world.notes)
        await _Step()
        self._take(end)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        names = [one.key.decode() for one in records]
        await self._effect(
            lambda: self._world.batches.append((self._runner.name, self._runner.replay, names))
        )

    async def positions(self, replay: str) -> Positions:
        await _Step()
        return self._world.offsets.get(replay, {})

    async def commit(self, replay: str, positions: Positions) -> None:
        before = self._world.offsets.get(replay, {})
        assert furthest(before, positions) == {**before, **positions}, "a commit that goes back"
        await self._effect(
            lambda: self._world.offsets.update(
                {replay: {**self._world.offsets.get(replay, {}), **positions}}
            )
        )

    async def renew(self) -> None:
        await _Step()

    def lag(self) -> tuple[int | None, float]:
        return self._world.lag, self._world.clock

    def in_time(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return _Deadline(self._runner, seconds)

    async def pause(self, seconds: float) -> None:
        await _Step(seconds)

    def now(self) -> float:
        return self._world.clock

    async def _effect(self, does: Any) -> None:
        """What reaches the broker, before or after which the runner may die or lose its connection."""
        await _Step()
        fault = self.failing.pop(0) if self.failing else ""
        if fault == "not done":
            raise PublishFailed("not done")
        does()
        if fault == "not confirmed":
            raise PublishFailed("not confirmed")
        await _Step()

    def _take(self, end: int) -> None:
        for at, note in enumerate(self._world.notes[self._read : end], start=self._read):
            self.book.take(note, at)
        self._read = max(self._read, end)


class _Deadline:
    def __init__(self, runner: Runner, seconds: float) -> None:
        self._runner, self._seconds = runner, seconds

    async def __aenter__(self) -> None:
        self._runner.deadline = self._runner.world.clock + self._seconds

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.deadline = None
