"""Liveness is progress: who has work and makes none is not alive.

The worker's loop tells of itself (Facts), a look at the broker from outside of it tells how far the
partitions reach; Progress puts both together and says what stands still. Waiting for a reason that is
known (streams.waiting) is no standing still.

Time counts only while it is seen to pass: between two looks at most ``LONGEST_LOOK_S``. A process that
was stopped and goes on, or a machine that slept, has not stood still meanwhile.

Pure: no clock, no I/O, no Faust.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from streams.chunks import Place, Standing
from streams.waiting import BROKER

#: What passes between two looks counts for at most this, in seconds.
LONGEST_LOOK_S = 3.0

#: How often a part must be seen to have ended before that counts: it may just be exchanged.
_SEEN_ENDED = 3


class Phase(StrEnum):
    """What a worker is at."""

    STARTING = "starting"
    JOINING = "joining the group"
    RECOVERING = "recovering tables"
    WORKING = "working"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a worker's loop tells of itself.

    ``beats``: turns of the event loop's own clock. ``polls``: of the consumer's loop. ``recovered``:
    where the recovery of tables is, any value that moves with it. ``finished``: by topic, how many groups
    of chunks its stage has finished, where one task works for all partitions of it. ``waits``: partitions
    that wait for a known reason. ``ended``: parts that have ended and never come back by themselves.
    """

    phase: Phase = Phase.STARTING
    beats: int = 0
    polls: int = 0
    recovered: Hashable = 0
    standings: Mapping[Place, Standing] = field(default_factory=dict)
    finished: Mapping[str, int] = field(default_factory=dict)
    waits: Mapping[Place, str] = field(default_factory=dict)
    ended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """How far partitions reach, as the broker says to somebody else than the worker's consumer.

    ``ends``: offset after the last record. ``silent``: partitions of which no broker tells. ``answers``:
    whether the group's coordinator answers.
    """

    ends: Mapping[Place, int] = field(default_factory=dict)
    silent: frozenset[Place] = frozenset()
    answers: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was seen. ``stalled``: what stands still, in words; nothing: the worker is alive.

    ``waits``: partitions that have work and wait for a known reason. ``broker``: whether it answers.
    ``blocked``: the event loop is among what stands still, so that nothing can be given back.
    """

    phase: Phase
    stalled: tuple[str, ...] = ()
    waits: Mapping[Place, str] = field(default_factory=dict)
    broker: bool = True
    blocked: bool = False


@dataclass(slots=True)
class _Still:
    """How long things have been as they are, in seconds that counted."""

    _marks: dict[Hashable, Hashable] = field(default_factory=dict)
    _seconds: dict[Hashable, float] = field(default_factory=dict)

    def after(self, what: Hashable, mark: Hashable, passed_s: float) -> float:
        """Seconds for which ``what`` has had this mark."""
        if self._marks.get(what, self) != mark:
            self._marks[what] = mark
            self._seconds[what] = 0.0
        else:
            self._seconds[what] += passed_s
        return self._seconds[what]

    def forget(self, what: Hashable) -> None:
        """It moves, or need not."""
        self._marks.pop(what, None)
        self._seconds.pop(what, None)

    def keep(self, places: Mapping[Place, Standing]) -> None:
        """Forget partitions that are not among these."""
        for what in [one for one in self._marks if isinstance(one, Place) and one not in places]:
            self.forget(what)


class Progress:
    """Looks at a worker again and again. Seconds.

    ``stall_s``: how long something may stand still. ``join_s``: how long joining a group may take, beyond
    which the same holds of it.
    """

    def __init__(self, stall_s: float, join_s: float) -> None:
        self._stall_s = stall_s
        self._join_s = join_s
        self._still = _Still()
        self._looked_s: float | None = None
        self._highest: dict[Place, tuple[int, int]] = {}
        self._ended: dict[str, int] = {}

    def look(self, now_s: float, facts: Facts, reach: Reach) -> Verdict:
        """What stands still now. ``now_s`` only grows."""
        passed_s = 0.0 if self._looked_s is None else min(now_s - self._looked_s, LONGEST_LOOK_S)
        self._looked_s = now_s
        stalled: list[str] = []
        waits: dict[Place, str] = {}
        blocked: list[str] = []
        if facts.phase is not Phase.STOPPING:  # a stop has a bound of its own
            blocked = self._loop(facts, passed_s)
            stalled += self._parts(facts)
            stalled += blocked
            stalled += self._group(facts, reach, passed_s)
        if facts.phase is Phase.WORKING:
            stalled += self._polls(facts, reach, passed_s)
            stalled += self._partitions(facts, reach, passed_s, waits)
        return Verdict(facts.phase, tuple(stalled), waits, reach.answers, bool(blocked))

    def _parts(self, facts: Facts) -> list[str]:
        self._ended = {part: self._ended.get(part, 0) + 1 for part in facts.ended}
        return [f"{part} has ended" for part, seen in self._ended.items() if seen >= _SEEN_ENDED]

    def _loop(self, facts: Facts, passed_s: float) -> list[str]:
        seconds = self._still.after("loop", facts.beats, passed_s)
        return [f"the event loop is blocked for {seconds:.0f} s"] if seconds >= self._stall_s else []

    def _group(self, facts: Facts, reach: Reach, passed_s: float) -> list[str]:
        if facts.phase is Phase.WORKING:
            self._still.forget("joining")
            self._still.forget("recovering")
            return []
        if facts.phase is Phase.RECOVERING:
            seconds = self._still.after("recovering", facts.recovered, 0.0 if _dumb(reach) else passed_s)
            if seconds >= self._stall_s:
                return [f"the recovery of tables has stood still for {seconds:.0f} s"]
            return []
        seconds = self._still.after("joining", True, 0.0 if _dumb(reach) else passed_s)
        if seconds >= self._stall_s + self._join_s:
            return [f"joining the group has not come to an end for {seconds:.0f} s"]
        return []

    def _polls(self, facts: Facts, reach: Reach, passed_s: float) -> list[str]:
        seconds = self._still.after("polls", facts.polls, 0.0 if _dumb(reach) else passed_s)
        return [f"the consumer has not polled for {seconds:.0f} s"] if seconds >= self._stall_s else []

    def _partitions(
        self, facts: Facts, reach: Reach, passed_s: float, waits: dict[Place, str]
    ) -> list[str]:
        self._still.keep(facts.standings)
        self._highest = {place: high for place, high in self._highest.items() if place in facts.standings}
        stalled: list[str] = []
        for place, standing in facts.standings.items():
            end = reach.ends.get(place)
            before = self._highest.get(place, (0, 0))
            if end is not None and end < max(before):
                before = (0, 0)  # the broker lost the end of the log, which is read anew
            high = max(before[0], standing.done or 0), max(before[1], standing.committed or 0)
            self._highest[place] = high
            if not has_work(standing, end):
                self._still.forget(place)
                continue
            reason = facts.waits.get(place)
            if reason is None and (_dumb(reach) or place in reach.silent):
                reason = BROKER
            if reason is not None:
                waits[place] = reason
                self._still.forget(place)
                continue
            # One task works for all partitions of a stage: a chunk in its line moves with it.
            in_line = facts.finished.get(place.topic) if standing.out and standing.stray is None else None
            seconds = self._still.after(place, (high, in_line), passed_s)
            if seconds >= self._stall_s:
                stalled.append(_words(place, standing, end, seconds))
        return stalled


def has_work(standing: Standing, end: int | None) -> bool:
    """Whether there is something to do. ``end``: of the partition; None: not known."""
    if standing.out:
        return True
    if standing.done is not None and standing.done != standing.committed:
        return True
    return end is not None and end > (standing.expected or 0)


def _dumb(reach: Reach) -> bool:
    return not reach.answers


def _words(place: Place, standing: Standing, end: int | None, seconds: float) -> str:
    at = standing.done if standing.done is not None else standing.committed
    where = f"{place.topic}[{place.partition}] has stood still for {seconds:.0f} s"
    if standing.out:
        what = f"{standing.out} records in hand"
    elif standing.done is not None and standing.done != standing.committed:
        what = f"done below {standing.done}, not committed"
    else:
        what = f"nothing in hand, log reaches to {end}"
    return f"{where} at offset {at if at is not None else 0}: {what}"
