"""What of each partition is done: everything below an offset, and what is done ahead of it. Pure.

Elements of several customers are settled in any order, while an offset can be committed only over a
prefix. What is done ahead of the prefix goes along with the commit, as its metadata, so that whoever goes
on from there does not send it again.
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Callable, Iterable

from streams.chunks import Chunk, Place
from streams.delivery.element import Element

#: Brokers take 4,096 bytes of metadata (offset.metadata.max.bytes); what does not fit is left out.
MAX_AHEAD_BYTES = 2_800

_VERSION = "a1"


class _Marks:
    """Which records of a chunk are done."""

    __slots__ = ("chunk", "done", "prefix")

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.done = bytearray(len(chunk.records))
        self.prefix = 0


class Progress:
    """The chunks in hand, by partition, in order."""

    def __init__(self) -> None:
        self._chunks: dict[Place, deque[_Marks]] = {}
        self._marks: dict[Chunk, _Marks] = {}
        self._left: dict[Place, set[int]] = {}
        self._begun: dict[Place, tuple[int, int]] = {}

    @property
    def chunks(self) -> list[Chunk]:
        """Those that are not done."""
        return list(self._marks)

    def begin(self, chunk: Chunk, left_off: Callable[[Place], str]) -> list[int]:
        """Take a chunk in; the places in it of records that were done before.

        With a new epoch the partition begins anew: what was in hand of it is void, and ``left_off`` tells
        what its last commit said was done ahead. So it does with a new turn within an epoch; then the
        log may have been cut, and its offsets be those of other records, so nothing counts as done.
        """
        place = chunk.place
        epoch, turn = self._begun.get(place, (None, 0))
        if (epoch, turn) != (chunk.epoch, chunk.turn):
            self._begun[place] = chunk.epoch, chunk.turn
            for marks in self._chunks.get(place, ()):
                del self._marks[marks.chunk]
            self._chunks[place] = deque()
            ahead = read_ahead(left_off(place)) if epoch != chunk.epoch and not chunk.turn else ()
            self._left[place] = set(ahead)
        marks = _Marks(chunk)
        self._chunks[place].append(marks)
        self._marks[chunk] = marks
        left = self._left[place]
        if not left:
            return []
        before = [index for index, record in enumerate(chunk.records) if record.offset in left]
        self._left[place] = {offset for offset in left if offset >= chunk.end}
        for index in before:
            marks.done[index] = 1
        return before

    def finish(self, elements: Iterable[Element]) -> set[Place]:
        """These are done; the partitions that they are of."""
        return self.mark((element.chunk, element.index) for element in elements)

    def mark(self, done: Iterable[tuple[Chunk, int]]) -> set[Place]:
        """These records are done; the partitions that they are of. Void chunks are passed over."""
        places: set[Place] = set()
        for chunk, index in done:
            marks = self._marks.get(chunk)
            if marks is not None:
                marks.done[index] = 1
                places.add(chunk.place)
        return places

    def advance(self, place: Place) -> list[tuple[Chunk, int]]:
        """How far the prefix reaches now: chunks with the offset below which all of them is done."""
        chunks = self._chunks[place]
        reached: list[tuple[Chunk, int]] = []
        while chunks:
            marks = chunks[0]
            prefix = marks.done.find(0, marks.prefix)
            if prefix < 0:
                reached.append((marks.chunk, marks.chunk.end))
                del self._marks[chunks.popleft().chunk]
                continue
            if prefix > marks.prefix:
                marks.prefix = prefix
                reached.append((marks.chunk, marks.chunk.records[prefix - 1].offset + 1))
            break
        return reached

    def ahead(self, place: Place) -> str:
        """What is done ahead of the prefix, as text; "" for nothing."""
        offsets = [
            marks.chunk.records[index].offset
            for marks in self._chunks.get(place, ())
            for index in _done(marks)
        ]
        return write_ahead([*offsets, *self._left.get(place, ())])

    def clear(self) -> None:
        """All of them are."""
        self._chunks.clear()
        self._marks.clear()
        self._left.clear()
        self._begun.clear()


def _done(marks: _Marks) -> Iterable[int]:
    index = marks.done.find(1, marks.prefix)
    while index >= 0:
        yield index
        index = marks.done.find(1, index + 1)


def write_ahead(offsets: Iterable[int]) -> str:
    """Offsets as text, at most some 4,000 characters: the least of them, and a bit for each after it."""
    first = min(offsets := list(offsets), default=-1)
    if first < 0:
        return ""
    bits = bytearray(min((max(offsets) - first) // 8 + 1, MAX_AHEAD_BYTES))
    for offset in offsets:
        byte, bit = divmod(offset - first, 8)
        if byte < len(bits):
            bits[byte] |= 1 << bit
    return f"{_VERSION}:{first}:{base64.b64encode(bits).decode()}"


def read_ahead(text: str) -> frozenset[int]:
    """The offsets of such a text; none where it is not one of ours."""
    version, _, rest = text.partition(":")
    number, _, data = rest.partition(":")
    if version != _VERSION or not (number.isascii() and number.isdigit()):
        return frozenset()
    try:
        bits = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return frozenset()
    first = int(number)
    return frozenset(
        first + byte * 8 + bit for byte, value in enumerate(bits) for bit in range(8) if value >> bit & 1
    )
