"""Which replay is active, and who works on it: the notes on moebridge.replays, and their sum.

The notes of a configuration stand in one partition, under its name as their key. Whoever reads them in
order comes to the same ``Book``. A replay is begun once and worked on by one runner at a time, the one
that claimed it last: an older one finds that out before its next batch and stops. Of two replays that
are begun at once the first in the log is active, the other never was.

A runner that has claimed a replay waits until whoever was at work before has said that it stopped, or
must have given up its last batch; only then it notes that it is ``running`` and begins
(docs/decisions/0024-one-replay-at-a-time.md).

Pure: no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from events.codec import decode_object, encode
from events.errors import InvalidData, InvalidRecord

Said = Literal["begun", "resumed", "running", "paused", "cancelled", "done"]
#: ``starting``: claimed, not yet at work. ``refused``: another was active when it was begun.
State = Literal["starting", "running", "paused", "cancelled", "done", "refused"]

_SAID: tuple[Said, ...] = get_args(Said)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of a replay was published: records, and the elements that come of them."""

    records: int = 0
    users: int = 0
    events: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.records + other.records, self.users + other.users, self.events + other.events)

    def document(self) -> dict[str, int]:
        """For JSON."""
        return {"records": self.records, "users": self.users, "events": self.events}

    @classmethod
    def read(cls, fields: Any) -> Counts:
        """Read it back. Raises InvalidRecord."""
        try:
            counts = cls(**fields)
        except TypeError:
            raise InvalidRecord("counts: expected records, users and events") from None
        if not all(type(count) is int for count in counts.document().values()):
            raise InvalidRecord("counts: expected whole numbers")
        return counts


@dataclass(frozen=True, slots=True)
class Reached:
    """How far one partition of the source topic is replayed: the next offset, and what was published."""

    next: int
    counts: Counts = field(default_factory=Counts)

    def document(self) -> dict[str, int]:
        """For JSON."""
        return {"next": self.next, **self.counts.document()}

    @classmethod
    def read(cls, fields: Any) -> Reached:
        """Read it back. Raises InvalidRecord."""
        if not isinstance(fields, dict) or type(fields.get("next")) is not int:
            raise InvalidRecord("position of a replay: expected next and counts")
        return cls(fields["next"], Counts.read({k: v for k, v in fields.items() if k != "next"}))


#: By partition of the source topic.
Positions = Mapping[int, Reached]


def total(positions: Positions) -> Counts:
    """What was published of all partitions."""
    return sum((one.counts for one in positions.values()), Counts())


def furthest(one: Positions, other: Positions) -> dict[int, Reached]:
    """By partition, whichever of the two is further."""
    both = dict(one)
    for partition, reached in other.items():
        if partition not in both or both[partition].next < reached.next:
            both[partition] = reached
    return both


@dataclass(frozen=True, slots=True)
class Note:
    """A record on moebridge.replays.

    ``runner`` is who says it; "" is an operator, who pauses or cancels. ``request`` and ``totals`` are
    what the replay was asked for and the plan's counts, and stand in ``begun`` alone. ``positions`` are
    there for replays that rest for longer than the broker keeps the offsets of a group. ``rate`` is in
    records a second.
    """

    replay: str
    said: Said
    runner: str = ""
    request: Mapping[str, Any] = field(default_factory=dict, repr=False)
    totals: Mapping[str, Any] = field(default_factory=dict)
    positions: Positions = field(default_factory=dict)
    rate: float | None = None

    def value(self) -> bytes:
        """The record's value."""
        fields: dict[str, Any] = {"replay": self.replay, "said": self.said, "runner": self.runner}
        if self.said == "begun":
            fields |= {"request": self.request, "totals": self.totals}
        if self.positions:
            fields["positions"] = {
                str(partition): reached.document() for partition, reached in self.positions.items()
            }
        if self.rate is not None:
            fields["rate"] = round(self.rate, 3)
        return encode(fields)

    @classmethod
    def read(cls, value: bytes | None) -> Note:
        """Read it back. Raises InvalidData."""
        fields = decode_object(value or b"")
        texts = fields.get("replay"), fields.get("runner")
        request, totals = fields.get("request", {}), fields.get("totals", {})
        rate, said = fields.get("rate"), fields.get("said")
        if (
            said not in _SAID
            or not all(isinstance(text, str) for text in texts)
            or not isinstance(request, dict)
            or not isinstance(totals, dict)
            or not isinstance(rate, int | float | None)
        ):
            raise InvalidRecord("note on a replay: expected replay, said, runner and what goes with them")
        return cls(
            fields["replay"], said, fields["runner"], request, totals,
            _positions(fields.get("positions", {})), rate,
        )  # fmt: skip


def _positions(fields: Any) -> dict[int, Reached]:
    try:
        return {
            int(partition): Reached(
                int(one["next"]),
                Counts.read({name: one[name] for name in ("records", "users", "events")}),
            )
            for partition, one in fields.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InvalidRecord("note on a replay: positions cannot be read") from None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a replay. Times are ms since the epoch, by the clocks of those who wrote.

    ``since``: when it came to this state. ``heard_at``: the last note of a runner. ``behind``: of a
    refused one, the replay that was active.
    """

    id: str
    request: Mapping[str, Any] = field(repr=False)
    totals: Mapping[str, Any]
    state: State
    runner: str
    begun_at: int
    since: int
    heard_at: int
    positions: Positions = field(default_factory=dict)
    rate: float | None = None
    behind: str = ""


@dataclass(slots=True)
class Book:
    """All notes of one configuration, summed up. ``active``: the replay that may be worked on, or ""."""

    active: str = ""
    replays: dict[str, Standing] = field(default_factory=dict)
    #: Runners that may have a batch in hand, of whichever replay.
    _at_work: set[str] = field(default_factory=set)

    def take(self, note: Note, at: int) -> None:
        """Take the next note in, written at ``at`` ms."""
        if note.said == "begun":
            self._begin(note, at)
            return
        known = self.replays.get(note.replay)
        if known is None:
            return  # what it was begun with has expired
        owns = bool(note.runner) and note.runner == known.runner
        if note.said == "paused" or (note.said == "done" and owns):
            self._at_work.discard(note.runner)
        if owns:
            known = replace(known, positions=furthest(known.positions, note.positions), heard_at=at)
            known = replace(known, rate=note.rate)
        if note.replay == self.active:
            known = self._moved(known, note, at, owns=owns)
        self.replays[note.replay] = known

    def _begin(self, note: Note, at: int) -> None:
        if note.replay in self.replays:
            return
        refused = bool(self.active)
        self.replays[note.replay] = Standing(
            note.replay, note.request, note.totals, "refused" if refused else "starting", note.runner,
            begun_at=at, since=at, heard_at=at, behind=self.active,
        )  # fmt: skip
        if not refused:
            self.active = note.replay

    def _moved(self, known: Standing, note: Note, at: int, *, owns: bool) -> Standing:
        """The active replay, after a note on it."""
        if note.said == "resumed" and note.runner:
            return replace(known, state="starting", runner=note.runner, since=at, heard_at=at, rate=None)
        if note.said == "running" and owns and known.state in ("starting", "running"):
            # Whoever says so has waited until those before it were over, one way or the other.
            self._at_work = {note.runner}
            since = known.since if known.state == "running" else at
            return replace(known, state="running", since=since)
        if note.said == "paused" and (owns or not note.runner) and known.state != "paused":
            return replace(known, state="paused", since=at)
        if (note.said == "cancelled" and not note.runner) or (note.said == "done" and owns):
            self.active = ""
            state: State = "done" if note.said == "done" else "cancelled"
            return replace(known, state=state, since=at)
        return known

    def others_at_work(self, runner: str) -> bool:
        """Whether another runner may still have a batch in hand."""
        return bool(self._at_work - {runner})

    def may_work(self, replay: str, runner: str) -> bool:
        """Whether this runner may begin its next batch."""
        known = self.replays.get(replay)
        return (
            known is not None
            and replay == self.active
            and known.runner == runner
            and known.state in ("starting", "running")
        )


def read_note(value: bytes | None) -> Note | None:
    """The note in a record; None where it is none of ours."""
    try:
        return Note.read(value)
    except InvalidData:
        return None
