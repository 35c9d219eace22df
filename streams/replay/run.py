"""Running a replay: batch by batch, in order, fit to be cut off anywhere.

A batch goes: look whether the replay is still ours to work on, publish, commit how far it has come; each
is confirmed before the next. Cut off between the last two, that one batch is published again by whoever
goes on. Everything that another runner must be able to rely on happens within ``BATCH_S`` of the look.

Decides by what it is given and does I/O through a ``Desk`` alone.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from streams.errors import (
    RecordTooLarge,
    ReplayActive,
    ReplayInterrupted,
    ReplayNotActive,
    ReplayTakenOver,
)
from streams.replay.batch import Batch
from streams.replay.chosen import Choosing
from streams.replay.control import Note, Said, furthest
from streams.replay.desk import AWAY, Desk
from streams.replay.pace import Pace
from streams.replay.progress import RunProgress

log = logging.getLogger(__name__)

#: Seconds that a runner has for a batch, its look at the notes included; then it gives it up.
BATCH_S = 8.0
#: Seconds that a runner waits for the last batch of the one before it, whose process may live or not:
#: more than a batch may take and a process needs to end.
OVER_AFTER_S = 12.0
#: Seconds for which a broker may be away before a replay ends.
PATIENCE_S = 60.0
#: Between two tries; between two looks at the notes where nothing is published; between two notes of a
#: runner that it is at work.
RETRY_S, LOOK_S, NOTE_S = 1.0, 0.5, 30.0

#: Records that nothing comes of, after which a position is committed all the same.
MAX_PASSED = 10_000

Ended = Literal["done", "paused", "cancelled"]


@dataclass(frozen=True, slots=True)
class Job:
    """Who works on what."""

    replay: str
    config: str
    runner: str


class _Over(Exception):
    """The replay is not this runner's to work on any more, or it was told to stop."""


class Run:
    """One runner's work on one replay. ``stopping`` says whether it was told to stop."""

    def __init__(
        self,
        job: Job,
        desk: Desk,
        pace: Pace,
        progress: RunProgress,
        *,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.job = job
        self.progress = progress
        self._desk = desk
        self._pace = pace
        self._stopping = stopping
        self._noted_at: float | None = None
        #: Since when nothing could be read of what is to be replayed.
        self._unread_since: float | None = None

    async def begin(self, request: dict[str, Any], totals: dict[str, Any]) -> None:
        """Begin the replay. Raises ReplayActive where another one is, ReplayInterrupted."""
        job, book = self.job, self._desk.book
        await self._tried(self._desk.look)
        active = book.active
        if not active:
            note = Note(job.replay, "begun", job.runner, request, totals)
            await self._tried(lambda: self._desk.write(note))
            active = book.replays[job.replay].behind
        if active:
            raise ReplayActive(job.config, active, book.replays[active].state)

    async def claim(self) -> None:
        """Take over the replay, which was begun before. Raises ReplayNotActive, ReplayInterrupted."""
        job = self.job
        await self._tried(lambda: self._desk.write(Note(job.replay, "resumed", job.runner)))
        if self._desk.book.active != job.replay:
            raise ReplayNotActive(job.config, "it has ended meanwhile")

    async def work(self, choosing: Choosing) -> Ended:
        """Replay what is left. Call once ``begin`` or ``claim`` has returned.

        Raises ReplayTakenOver, and ReplayInterrupted where the broker is away for too long, or a record
        fits no batch.
        """
        try:
            await self._take_over()
            while not await self._worked(choosing):
                pass
            await self._tried(self._say_done)
        except _Over:
            return await self._leave()
        return "done"

    async def _take_over(self) -> None:
        """Wait until those before are over, say that this one is at work, and find where they were."""
        desk, job = self._desk, self.job
        began = desk.now()
        while desk.book.others_at_work(job.runner) and desk.now() - began < OVER_AFTER_S:
            self.progress.waits("for the runner before it to be over")
            await desk.pause(LOOK_S)
            if self._stopping():
                raise _Over
            await self._tried(self._look)
        await self._tried(self._say_running)
        await self._tried(self._find_positions)

    async def _find_positions(self) -> None:
        committed = await self._desk.positions(self.job.replay)
        noted = self._desk.book.replays[self.job.replay].positions
        self.progress.start(furthest(committed, noted), self._desk.now())

    async def _worked(self, choosing: Choosing) -> bool:
        """Whether everything is done; False: the broker was away while records were read."""
        after = {partition: one.next for partition, one in self.progress.positions.items()}
        try:
            async with aclosing(choosing.chosen(after)) as records:  # type: ignore[type-var]
                batch = Batch(self.progress.positions)
                async for chosen in records:
                    if not batch.has_room_for(chosen):
                        batch = await self._send(batch, choosing)
                    batch.add(chosen)
                    if self._pace.full(batch.users, batch.events) or len(batch.chosen) >= MAX_PASSED:
                        batch = await self._send(batch, choosing)
                    self._unread_since = None
                await self._send(batch, choosing)
        except AWAY as error:
            if self._unread_since is None:
                self._unread_since = self._desk.now()
            if self._stopping():
                raise _Over from error
            if self._desk.now() - self._unread_since >= PATIENCE_S:
                raise self._interrupted(error) from error
            log.warning("the broker is away (%s); trying again", type(error).__name__)
            await self._desk.pause(RETRY_S)
            return False
        return True

    async def _send(self, batch: Batch, choosing: Choosing) -> Batch:
        """Publish a batch once there is room for it, and commit; an empty one after it."""
        if not batch.chosen:
            return batch
        await self._wait_for_room(len(batch.outgoing))
        fresh = Batch(batch.start)

        async def freshen() -> None:
            for chosen in await choosing.fresh(batch.chosen):
                fresh.add(chosen)

        await self._tried(freshen, within_s=PATIENCE_S)
        await self._publish(fresh)
        return Batch(self.progress.positions)

    async def _publish(self, batch: Batch) -> None:
        """Publish and commit, tried again while the broker is away."""

        async def publish_and_commit() -> None:
            await self._look()
            if batch.outgoing and not batch.published:
                at = self._desk.now()
                await self._desk.publish(batch.outgoing)
                batch.published = True
                self._pace.published(len(batch.outgoing), batch.users, batch.events, at)
            await self._desk.commit(self.job.replay, batch.positions)

        await self._tried(publish_and_commit)
        self.progress.advance(batch.positions, self._desk.now())

    async def _wait_for_room(self, records: int) -> None:
        """Wait until budgets and live traffic let so many records go."""
        desk, pace = self._desk, self._pace
        looked_at = desk.now()
        while True:
            if self._stopping():
                raise _Over
            now = desk.now()
            pace.looked(*desk.lag())
            ready_at = pace.ready_at(now)
            if not records or (ready_at <= now and pace.has_room(records, now)):
                self.progress.waits("")
                return
            if ready_at <= now:
                behind = pace.behind(now)
                told = "no look at the lag" if behind is None else f"{behind:,} records wait"
                self.progress.waits(f"for live traffic ({told})")
            if now - looked_at >= LOOK_S:
                looked_at = now
                await self._tried(self._look)
            await desk.pause(min(LOOK_S / 2, max(0.01, ready_at - now)))

    async def _look(self) -> None:
        """Whether the replay is still ours to work on; now and then, say that we do. Raises _Over."""
        if self._noted_at is not None and self._desk.now() - self._noted_at >= NOTE_S:
            await self._say_running()
        else:
            await self._desk.look()
        self._check()

    async def _say_running(self) -> None:
        await self._desk.write(self._note("running"))
        self._noted_at = self._desk.now()
        self._check()

    async def _say_done(self) -> None:
        await self._desk.write(self._note("done"))
        if self._desk.book.replays[self.job.replay].state != "done":
            raise _Over

    def _check(self) -> None:
        if not self._desk.book.may_work(self.job.replay, self.job.runner):
            raise _Over

    def _note(self, said: Said) -> Note:
        rate = self.progress.rate(self._desk.now())
        return Note(
            self.job.replay, said, self.job.runner, positions=dict(self.progress.positions), rate=rate
        )

    async def _leave(self) -> Ended:
        """Say that nothing more comes of us. Raises ReplayTakenOver, ReplayInterrupted."""
        job, book = self.job, self._desk.book
        await self._tried(lambda: self._desk.write(self._note("paused")))
        known = book.replays[job.replay]
        if known.runner != job.runner:
            raise ReplayTakenOver(job.replay)
        if known.state == "done":  # it was said before, and not confirmed in time
            return "done"
        return "cancelled" if known.state == "cancelled" else "paused"

    async def _tried(self, step: Callable[[], Awaitable[None]], *, within_s: float = BATCH_S) -> None:
        """A step that is tried again while the broker is away. Raises ReplayInterrupted."""
        desk = self._desk
        since = desk.now()
        while True:
            try:
                async with desk.in_time(within_s):
                    await step()
                return
            except AWAY as error:
                given_up = desk.now() - since >= PATIENCE_S or self._stopping()
                if given_up or isinstance(error, RecordTooLarge):
                    raise self._interrupted(error) from error
                log.warning("the broker does not confirm (%s); trying again", type(error).__name__)
                self.progress.waits("for the broker")
            await desk.pause(RETRY_S)
            try:
                async with desk.in_time(BATCH_S):
                    await desk.renew()
            except AWAY:
                pass  # the next try finds out

    def _interrupted(self, error: BaseException) -> ReplayInterrupted:
        why = str(error) or f"the broker did not answer within {BATCH_S:g} s"
        return ReplayInterrupted(self.job.replay, self.job.config, why)
