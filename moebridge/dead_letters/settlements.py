"""What has become of dead letters: the notes on moengage.dead-letter-settlements, and their sum.

A topic takes nothing back, so a letter stays where it is and a note says what became of it. The notes on
the letters of a partition stand in the same partition of their own topic, and whoever reads them in
order comes to the same ``Book``. A redrive, or a discard, is a run. It notes what it begins before it
publishes and what it did once that is confirmed, batch by batch.

One run at a time has a partition: the one that came last. An older one finds that out at its next batch,
before it publishes, and stops (docs/decisions/0017-dead-letters.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from events.codec import decode_object, encode
from events.errors import InvalidData, InvalidRecord
from moebridge.dead_letters.letter import Letter

Did = Literal["redriven", "discarded"]
Said = Literal["begun", "redriven", "discarded"]

_SAID: tuple[Said, ...] = get_args(Said)


@dataclass(frozen=True, slots=True)
class Note:
    """A record on moengage.dead-letter-settlements: what a run began, or did, with these letters.

    ``letters`` are offsets on moengage.dead-letters, which are for people, and fingerprints, which count.
    """

    run: str
    said: Said
    letters: tuple[tuple[int, int], ...] = ()

    def value(self) -> bytes:
        """The record's value; a fingerprint has more bits than some readers of JSON take for a number."""
        letters = [[offset, f"{fingerprint:016x}"] for offset, fingerprint in self.letters]
        return encode({"run": self.run, "said": self.said, "letters": letters})

    @classmethod
    def read(cls, value: bytes | None) -> Note:
        """Read it back. Raises InvalidData."""
        fields = decode_object(value or b"")
        run, said, letters = fields.get("run"), fields.get("said"), fields.get("letters")
        if not isinstance(run, str) or said not in _SAID or not isinstance(letters, list):
            raise InvalidRecord("settlement: expected run, said and letters")
        try:
            return cls(run, said, tuple((int(offset), int(text, 16)) for offset, text in letters))
        except (TypeError, ValueError):
            raise InvalidRecord("settlement: expected letters as offset and fingerprint") from None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a letter, when (ms), and by which run."""

    did: Did
    at: int
    run: str


@dataclass(slots=True)
class Book:
    """All notes of one partition, summed up. ``owner`` is the run that may work there."""

    owner: str = ""
    _runs: set[str] = field(default_factory=set)
    _settled: dict[int, Settlement] = field(default_factory=dict)
    #: The batch in hand of each run, as far as it is known.
    _begun: dict[str, set[int]] = field(default_factory=dict)
    _given_up: set[int] = field(default_factory=set)

    def take(self, note: Note, at: int) -> None:
        """Take the next note in, written at ``at`` ms."""
        if note.run not in self._runs:
            self._runs.add(note.run)
            self.owner = note.run
        letters = {fingerprint for _, fingerprint in note.letters}
        if note.said != "begun":
            settlement = Settlement(note.said, at, note.run)
            for fingerprint in letters:
                self._settled.setdefault(fingerprint, settlement)
            self._given_up -= letters
            self._begun = {run: rest for run, begun in self._begun.items() if (rest := begun - letters)}
        elif note.run == self.owner and letters:
            # Whoever begins a batch has waited until those before it were over, one way or the other.
            self._given_up.update(*self._begun.values())
            self._begun = {note.run: letters - self._settled.keys()}

    def settled(self, letter: Letter) -> Settlement | None:
        """What became of a letter; None of an open one."""
        return self._settled.get(letter.fingerprint) if self._settled else None

    def doubtful(self, letter: Letter) -> bool:
        """Whether a run began the letter and never said what it did: it may have been redriven."""
        fingerprint = letter.fingerprint
        return fingerprint in self._given_up or any(fingerprint in one for one in self._begun.values())

    def in_hand(self, *, but: str) -> bool:
        """Whether another run than ``but`` may still be at work on a batch that it began."""
        return any(run != but for run in self._begun)

    @property
    def count(self) -> int:
        """How many letters are settled."""
        return len(self._settled)


def read_note(record: Any) -> Note | None:
    """The note in a consumer's record; None where it is none of ours."""
    try:
        return Note.read(record.value)
    except InvalidData:
        return None


def note_on(letters: Iterable[Letter], run: str, said: Said) -> Note:
    """What a run says of these letters."""
    return Note(run, said, tuple((letter.offset, letter.fingerprint) for letter in letters))
