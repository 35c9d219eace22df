"""Executing a replay from the command line, and going on with one."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, aclosing

import click

from events.topics import topic_name
from moebridge.lag_table import duration
from moebridge.progress import ProgressLine
from moebridge.replay_desk import BrokerDesk, Ground, NoteReader, answering
from moebridge.replay_status import last_of
from moebridge.settings import Settings
from moebridge.stopping import stop_on_signals
from moebridge.wiring import connection, lag_reader, max_batch_bytes, rates
from streams.errors import ReplayNotActive
from streams.replay.chosen import Choosing, Chosen
from streams.replay.control import Counts
from streams.replay.pace import Pace, PaceConfig
from streams.replay.progress import RunProgress
from streams.replay.request import ReplayRequest
from streams.replay.run import Ended, Job, Run

#: Opens what chooses the records of a replay.
Choose = Callable[[ReplayRequest], AbstractAsyncContextManager[Choosing]]


def ground(settings: Settings, config: str) -> Ground:
    """Where the replays of a configuration happen."""
    return Ground(
        connection(settings),
        settings.kafka.topic_prefix,
        settings.app_id,
        config,
        max_batch_bytes(settings),
    )


def pace_config(settings: Settings, config: str, share: float | None) -> PaceConfig:
    """What a replay of this configuration may send; without ``share``, that of the settings."""
    budget = rates(settings.by_name()[config].moengage)
    replay = settings.replay
    return PaceConfig(budget, replay.share if share is None else share, replay.max_ahead)


async def execute(
    settings: Settings, request: ReplayRequest, choosing: Choosing, *, share: float | None
) -> Ended:
    """Begin the replay and run it to its end, or until it is told to stop; says what came of it.

    Raises ReplayActive, ReplayTakenOver, ReplayInterrupted, BrokerUnreachable, TopicsUnfit.
    """
    return await _run(settings, request, choosing, share, begins=True)


async def resume(settings: Settings, config: str, choose: Choose, *, share: float | None) -> Ended:
    """Go on with the active replay of a configuration, whoever ran it before.

    Raises ReplayNotActive, and what ``execute`` does.
    """
    place = ground(settings, config)
    async with NoteReader(place) as notes:
        with answering(place):
            await notes.take()
    book = notes.book
    if not book.active:
        raise ReplayNotActive(config, last_of(book))
    request = ReplayRequest.read(book.replays[book.active].request)
    # Whoever runs it goes on until what chooses is known to work here.
    async with choose(request) as choosing:
        return await _run(settings, request, choosing, share, begins=False)


async def _run(
    settings: Settings,
    request: ReplayRequest,
    choosing: Choosing,
    share: float | None,
    *,
    begins: bool,
) -> Ended:
    job = Job(request.id, request.config, uuid.uuid4().hex[:12])
    pace = Pace(pace_config(settings, request.config, share))
    source = topic_name(request.source, settings.kafka.topic_prefix)
    place = ground(settings, request.config)
    with ExitStack() as shown, stop_on_signals() as stop:
        line = _Line(choosing.totals.chosen)
        progress = RunProgress(line.show)
        async with BrokerDesk(place, source, lag_reader(settings), stop) as desk:
            run = Run(job, desk, pace, progress, stopping=stop.is_set)
            if begins:
                await run.begin(request.document(), choosing.totals.document())
                click.echo(f"replay {request.id} of configuration {request.config} has begun", err=True)
            else:
                await run.claim()
            line.start(shown)
            ended = await run.work(Stoppable(choosing, stop))
    _say(request, ended, progress.counts, choosing.totals.chosen)
    return ended


class Stoppable:
    """What chooses, which may rehearse for long before the first record; not once told to stop."""

    def __init__(self, choosing: Choosing, stop: asyncio.Event) -> None:
        self.totals = choosing.totals
        self.fresh = choosing.fresh
        self._choosing = choosing
        self._stop = stop

    async def chosen(self, after: Mapping[int, int]) -> AsyncGenerator[Chosen]:
        """See Choosing. Raises TimeoutError where it is told to stop before the first record."""
        async with aclosing(self._choosing.chosen(after)) as records:  # type: ignore[type-var]
            first = asyncio.ensure_future(anext(records, None))
            stopped = asyncio.ensure_future(self._stop.wait())
            try:
                await asyncio.wait({first, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
                if not first.done():
                    first.cancel()
                    await asyncio.wait({first})
            if first.cancelled():
                raise TimeoutError("told to stop before the first record")
            one = await first
            while one is not None:
                yield one
                one = await anext(records, None)


class _Line:
    """The progress on standard error."""

    def __init__(self, chosen: int) -> None:
        self._line = ProgressLine("replayed", chosen)
        self._total = chosen
        self._shown = 0

    def start(self, stack: ExitStack) -> None:
        stack.enter_context(self._line)

    def show(self, progress: RunProgress) -> None:
        done = progress.counts.records
        more, self._shown = max(0, done - self._shown), max(done, self._shown)
        self._line.advance(more, self._where(progress))

    def _where(self, progress: RunProgress) -> str:
        if progress.waiting:
            return f"waits {progress.waiting}"
        rate = progress.rate(time.monotonic())
        if not rate:
            return "begins"
        return f"{rate:.0f}/s, {duration(max(0, self._total - self._shown) / rate)} left"


def _say(request: ReplayRequest, ended: Ended, counts: Counts, chosen: int) -> None:
    told = f"{counts.records:,} records, {counts.users:,} users, {counts.events:,} events"
    if ended == "done":
        click.echo(f"replay {request.id} is done: {told}")
        return
    click.echo(f"replay {request.id} is {ended} after {told}, of {chosen:,} records")
    if ended == "paused":
        click.echo(f"it goes on by: moebridge replay resume --config-name {request.config}")
