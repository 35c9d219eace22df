"""What a running worker tells of itself to whoever watches its progress (streams.progress)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import faust

from events.topics import topic_name
from streams.chunks import Place
from streams.progress import Facts, Phase
from streams.runner import StageRunner
from streams.transport import ChunkConsumer
from streams.waiting import Lanes


def facts_of(
    app: faust.App,
    consumer: ChunkConsumer,
    runners: Iterable[StageRunner],
    lanes: Lanes,
    prefix: str,
    *,
    beats: int,
    serving: bool,
) -> Facts:
    """The facts as of now; in the worker's loop. ``serving``: the start came to its end."""
    phase = _phase(app, consumer, serving)
    waits: dict[Place, str] = dict(lanes.waiting())
    finished: dict[str, int] = {}
    standings = consumer.standings() if phase is Phase.WORKING else {}
    for runner in runners:
        topic = topic_name(runner.source, prefix)
        finished[topic] = runner.finished
        if (reason := runner.waiting()) is not None:
            waits.update((place, reason) for place in standings if place.topic == topic)
    return Facts(
        phase=phase,
        beats=beats,
        polls=consumer.polls,
        recovered=_recovered(app),
        standings=standings,
        finished=finished,
        waits=waits,
        ended=tuple(_ended(app, consumer, phase)),
    )


def _phase(app: faust.App, consumer: ChunkConsumer, serving: bool) -> Phase:
    if not consumer.joined:
        return Phase.JOINING if serving else Phase.STARTING
    # Faust's tables are ready before its rebalance counts as ended, and not ready before one begins.
    if not app.tables.actives_ready or app.rebalancing:
        return Phase.RECOVERING
    return Phase.WORKING


def _recovered(app: faust.App) -> tuple[int, int]:
    tables: Any = app.tables
    offsets = tables.recovery.active_offsets
    return app.consumer_generation_id, sum(offset or 0 for offset in offsets.values())


def _ended(app: faust.App, consumer: ChunkConsumer, phase: Phase) -> list[str]:
    ended = consumer._thread.ended()
    fetching: Any = app._fetcher
    if phase is Phase.WORKING and (fetching.should_stop or fetching._shutdown.is_set()):
        ended.append("Faust's fetch loop")
    tables: Any = app.tables
    if tables.recovery.should_stop:
        ended.append("Faust's recovery of tables")
    return ended
