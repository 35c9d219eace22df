"""Chunks and the ledger of what is done: which offsets may be committed, and nothing beyond.

A chunk is a run of consecutive records of one partition, as one poll returned them. The ledger knows
every chunk that left the consumer. Only a stage marks one done, and only the head of its partition:
a chunk that got lost on the way blocks its partition and is found out; it is never committed over.

Pure: no clock, no I/O, no Faust.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streams.errors import ChunkLost


class Place(NamedTuple):
    """A topic and a partition."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Records of one partition: offsets from ``first`` up to, not including, ``end``.

    ``records`` are the consumer's own (topic, partition, offset, timestamp, key, value, headers).
    """

    place: Place
    records: Sequence[Any] = field(repr=False)
    epoch: int
    turn: int = 0

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return int(self.records[0].offset)

    @property
    def end(self) -> int:
        """Offset after the last record: what is committed once the chunk is done."""
        return int(self.records[-1].offset) + 1


class Standing(NamedTuple):
    """Where one partition stands. Offsets are those of the next record; None: not known, or nothing yet.

    ``expected``: begin of the next chunk. ``done``: everything below is done. ``committed``: everything
    below is committed. ``out``: records that are out. ``stray``: begin of the chunk that should be worked
    on next, where it has not arrived at its stage.
    """

    expected: int | None
    done: int | None
    committed: int | None
    out: int
    stray: int | None = None


@dataclass(slots=True)
class _Progress:
    expected: int | None  # offset that the next chunk should begin at; None: not known yet
    turn: int = 0  # of which beginning anew this is; chunks of another are void
    done: int | None = None  # everything below is done; None: nothing yet
    committed: int | None = None
    outstanding: deque[Chunk] = field(default_factory=deque)
    records: int = 0


@dataclass(slots=True)
class Ledger:
    """The books of one consumer. ``room`` is how many records of a partition may be out at once."""

    room: int
    epoch: int = 0
    closed: bool = False  # while partitions are being given back, no further chunk is begun
    _books: dict[Place, _Progress] = field(default_factory=dict)
    _in_work: set[Chunk] = field(default_factory=set)
    _arrived: set[Chunk] = field(default_factory=set)
    _turns: int = 0

    def restart(self, positions: Mapping[Place, int | None]) -> None:
        """Begin anew at these committed offsets. Every chunk that is out becomes void."""
        self.epoch += 1
        self.closed = False
        self._in_work.clear()
        self._arrived.clear()
        self._books = {
            place: _Progress(expected=offset, committed=offset) for place, offset in positions.items()
        }

    def forget(self, places: Iterable[Place]) -> None:
        """Partitions were revoked: their chunks are somebody else's now."""
        for place in places:
            self._books.pop(place, None)
        self._drop_void()

    def has_room(self, place: Place) -> bool:
        """Whether more of this partition may be fetched: little is out, and little uncommitted."""
        books = self._books.get(place)
        if books is None:
            return True
        uncommitted = (books.done or 0) - (books.committed or 0) if books.done else 0
        return books.records < self.room and uncommitted < self.room

    def gap_before(self, place: Place, offset: int) -> int | None:
        """The offset that should come next, if records at ``offset`` would leave some out."""
        books = self._books.get(place)
        if books is None or books.expected is None or offset <= books.expected:
            return None
        return books.expected

    def goes_back(self, place: Place, offset: int) -> bool:
        """Whether the log now has records where it was read already: the broker lost its end."""
        books = self._books.get(place)
        return books is not None and books.expected is not None and offset < books.expected

    def rewind(self, place: Place, offset: int) -> None:
        """Begin this partition anew at ``offset``; its chunks that are out become void."""
        self._turns += 1
        self._books[place] = _Progress(expected=offset, turn=self._turns)
        self._drop_void()

    def skip_to(self, place: Place, offset: int) -> None:
        """Accept that nothing exists below ``offset`` (retention took it)."""
        self._progress(place).expected = offset

    def enter(self, place: Place, records: Sequence[Any]) -> Chunk | None:
        """Write down what was fetched; None where all of it is already out or done."""
        books = self._progress(place)
        if books.expected is not None and records and records[0].offset < books.expected:
            records = [record for record in records if record.offset >= books.expected]
        if not records:
            return None
        if books.committed is None:
            books.committed = int(records[0].offset)  # nothing before it is to be committed
        chunk = Chunk(place, records, self.epoch, books.turn)
        books.outstanding.append(chunk)
        books.records += len(records)
        books.expected = chunk.end
        return chunk

    def arrived(self, chunk: Chunk) -> None:
        """A stage has it in hand, and will begin when its turn comes."""
        if self._current(chunk):
            self._arrived.add(chunk)

    def begin(self, chunk: Chunk) -> bool:
        """A stage wants to work on it. False: it is void, or being given back; drop it."""
        if self.closed or not self._current(chunk):
            return False
        self._arrived.add(chunk)
        self._in_work.add(chunk)
        return True

    def holds(self, chunk: Chunk) -> bool:
        """Whether the chunk still counts: its partition was not given back meanwhile."""
        return self._current(chunk)

    def advance(self, chunk: Chunk, offset: int) -> bool:
        """Everything of the chunk below ``offset`` is done. False: the chunk is void, or was finished.

        Raises ChunkLost where an earlier chunk of the partition is still out.
        """
        if not self._current(chunk):
            self._in_work.discard(chunk)
            self._arrived.discard(chunk)
            return False
        books = self._books[chunk.place]
        if chunk not in books.outstanding:
            return False  # finished before
        head = books.outstanding[0]
        if head is not chunk:
            raise ChunkLost(
                f"{chunk.place.topic}[{chunk.place.partition}]: offsets {chunk.first} to {offset - 1} "
                f"are done, but {head.first} to {head.end - 1} never came back"
            )
        books.done = max(offset, books.done or 0)
        if offset >= chunk.end:
            books.outstanding.popleft()
            books.records -= len(chunk.records)
            self._in_work.discard(chunk)
            self._arrived.discard(chunk)
        return True

    def give_back(self, chunks: Iterable[Chunk]) -> None:
        """Stages will not work on these any further; what is done of them stays done."""
        self._in_work.difference_update(chunks)

    def position(self, place: Place) -> int | None:
        """The offset that a commit would have, moved or not; None where nothing is known of one."""
        books = self._books.get(place)
        if books is None:
            return None
        return books.committed if books.done is None else books.done

    def finish(self, chunk: Chunk) -> bool:
        """The whole chunk is done."""
        return self.advance(chunk, chunk.end)

    def committable(self) -> dict[Place, int]:
        """Offsets that are done and not yet committed."""
        return {
            place: books.done
            for place, books in self._books.items()
            if books.done is not None and books.done != books.committed
        }

    def committed(self, offsets: Mapping[Place, int]) -> None:
        """The broker confirmed a commit."""
        for place, offset in offsets.items():
            if place in self._books:
                self._books[place].committed = offset

    def standings(self) -> dict[Place, Standing]:
        """Where every partition stands."""
        return {
            place: Standing(
                books.expected, books.done, books.committed, books.records, self._stray(books)
            )
            for place, books in self._books.items()
        }

    @property
    def idle(self) -> bool:
        """Whether no stage is at work on a chunk that still counts."""
        return not self._in_work

    def give_up(self) -> None:
        """Stop waiting for what is in work: its chunks become void."""
        self.epoch += 1
        self._in_work.clear()
        self._arrived.clear()

    def _stray(self, books: _Progress) -> int | None:
        head = books.outstanding[0] if books.outstanding else None
        return None if head is None or head in self._arrived else head.first

    def _drop_void(self) -> None:
        self._in_work = {chunk for chunk in self._in_work if self._current(chunk)}
        self._arrived = {chunk for chunk in self._arrived if self._current(chunk)}

    def _current(self, chunk: Chunk) -> bool:
        books = self._books.get(chunk.place)
        return chunk.epoch == self.epoch and books is not None and chunk.turn == books.turn

    def _progress(self, place: Place) -> _Progress:
        if place not in self._books:
            self._books[place] = _Progress(expected=None)
        return self._books[place]
