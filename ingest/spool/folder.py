"""The files of a spool: appended to, read in order, given up when done. Blocking; one thread at a time.

A file is appended to by the process that made it, until it is full or its turn to be read has come;
after a restart a new one is begun. So a record whose writing broke off can only stand at a file's end.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import SpoolInUse
from ingest.spool.record import Piece, scan
from ingest.spool.segment import (
    CURSOR_AT,
    HEAD_BYTES,
    cursor,
    done_up_to,
    file_name,
    head,
    intact_head,
    number_of,
)

#: A file of this size is full. The damage that a reader has to step over, and what comes twice after the
#: power failed, is never more than one file.
SEGMENT_BYTES = 4 * 1024 * 1024

LOCK = "spool.lock"
#: Where a file goes that was damaged, once what could be read of it is handed on.
ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class Contents:
    """What is left to do in the oldest file. ``unreadable``: why it is to be kept aside, "" if not."""

    number: int
    pieces: tuple[Piece, ...]
    unreadable: str


class SpoolFolder:
    """The spool of one process: a lock, the files, and those that were moved aside.

    ``size`` is what the files take on disk, in bytes, ``events`` how many records in them are still to be
    handed on. Every method may raise OSError.
    """

    def __init__(self, path: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.path = path
        self.size = 0
        self.events = 0
        self._segment_bytes = segment_bytes
        self._sizes: dict[int, int] = {}
        self._left: dict[int, int] = {}  # records that are still to be handed on, by file
        self._last = 0
        self._lock = -1
        self._writing = -1  # the file that is appended to, the last one
        self._marking: tuple[int, int] = (0, -1)  # number and file of the one that is read

    def open(self) -> None:
        """Take the folder, which is made if need be, and count what is in it.

        Raises SpoolInUse where another process has it.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SpoolInUse(
                    f"ingest.spool_dir: {self.path} is in use by another process; give each its own"
                ) from None
            self._take_stock()
        except BaseException:
            self.close()
            raise

    def _take_stock(self) -> None:
        for file in self.path.iterdir():
            number = number_of(file.name)
            if number is not None:
                self._grow(number, file.stat().st_size)
                self._read(number)
        aside = self._aside().iterdir() if self._aside().exists() else ()
        self._last = max(*self._sizes, *(number_of(file.name) or 0 for file in aside), 0, 0)

    def close(self) -> None:
        """Let go of the folder; what is in it waits for the next process."""
        self._seal()
        self._mark_no_more()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def append(self, records: Sequence[bytes]) -> None:
        """Write records and have the disk keep them.

        Raises OSError where they could not be written; then none of them counts, and the next call begins
        a new file: what a file that failed once says of itself is not relied on.
        """
        if self._writing < 0:
            self._begin()
        number, size = self._last, self._sizes[self._last]
        data = b"".join(records)
        try:
            _write_all(self._writing, data)
            _flush(self._writing)
        except BaseException:
            self._give_up(number, size)
            raise
        self._grow(number, len(data))
        self._leave(number, self._left.get(number, 0) + len(records))
        if self._sizes[number] >= self._segment_bytes:
            self._seal()

    def oldest(self) -> Contents | None:
        """What is left to do in the oldest file, which takes no more records from now on."""
        if not self._sizes:
            return None
        number = min(self._sizes)
        if number == self._last:
            self._seal()
        return self._read(number)

    def mark(self, number: int, place: int, left: int) -> None:
        """A file is done up to this place, ``left`` records remain; remembered for the next process."""
        self._leave(number, left)
        if self._marking[0] != number:
            self._mark_no_more()
            self._marking = number, os.open(self._file(number), os.O_WRONLY | os.O_CLOEXEC)
        os.pwrite(self._marking[1], cursor(place), CURSOR_AT)

    def finish(self, number: int, *, aside: bool) -> Path | None:
        """Remove a file, or keep it where it is read no more; its new place."""
        self._mark_no_more()
        place = None
        if aside:
            self._aside().mkdir(exist_ok=True, mode=0o700)
            place = self._aside() / file_name(number)
            os.rename(self._file(number), place)
        else:
            self._file(number).unlink(missing_ok=True)
        self._forget(number)
        return place

    # -- one file -------------------------------------------------------------------------------

    def _begin(self) -> None:
        number = self._last + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._writing = os.open(self._file(number), flags, 0o600)
        self._last = number
        self._grow(number, 0)
        try:
            _write_all(self._writing, head())
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)  # the name; the first append flushes the rest
            finally:
                os.close(folder)
        except BaseException:
            self._give_up(number, 0)
            raise
        self._grow(number, HEAD_BYTES)

    def _give_up(self, number: int, size: int) -> None:
        """Take back what an append has left, as far as the disk lets us, and append there no more."""
        try:
            os.ftruncate(self._writing, size)
        except OSError:
            pass  # whole records among it are handed on as well, which their senders can only welcome
        self._seal()
        if size <= HEAD_BYTES:
            self._file(number).unlink(missing_ok=True)
            self._forget(number)

    def _seal(self) -> None:
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def _read(self, number: int) -> Contents:
        try:
            data = self._file(number).read_bytes()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._leave(number, 0)
            return Contents(number, (), f"the disk cannot read it ({error.strerror})")
        pieces = tuple(scan(data, done_up_to(data)))
        self._leave(number, sum(piece.body is not None for piece in pieces))
        damage = [f"bytes {p.start} to {p.end}" for p in pieces if p.body is None and not p.torn]
        if len(data) >= HEAD_BYTES and not intact_head(data):
            damage.insert(0, f"bytes 0 to {HEAD_BYTES}")
        return Contents(number, pieces, ", ".join(damage))

    def _mark_no_more(self) -> None:
        if self._marking[1] >= 0:
            os.close(self._marking[1])
        self._marking = 0, -1

    def _grow(self, number: int, size: int) -> None:
        self._sizes[number] = self._sizes.get(number, 0) + size
        self.size += size

    def _leave(self, number: int, records: int) -> None:
        self.events += records - self._left.get(number, 0)
        self._left[number] = records

    def _forget(self, number: int) -> None:
        self._leave(number, 0)
        self.size -= self._sizes.pop(number)
        del self._left[number]

    def _file(self, number: int) -> Path:
        return self.path / file_name(number)

    def _aside(self) -> Path:
        return self.path / ASIDE


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _flush(file: int) -> None:
    """Have the disk keep what was written, its cache included where the system can ask for that."""
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS, whose fsync stops at the disk's cache
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(file)
