"""The files of a spool against a list, while disks fail and processes are killed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from spooled import event, number_of

from ingest.errors import SpoolInUse
from ingest.spool.folder import ASIDE, SpoolFolder
from ingest.spool.record import decode, encode
from ingest.spool.segment import HEAD_BYTES, file_name

SEGMENT_BYTES = 1000


def written(*numbers: int) -> list[bytes]:
    return [encode(*event(number)) for number in numbers]


def read(contents) -> list[int]:
    """The numbers of the events in a file."""
    return [number_of(decode(piece.body)[0]) for piece in contents.pieces if piece.body is not None]


def kill(folder: SpoolFolder) -> None:
    """What the kernel does for a process that was killed: its files are closed, as they are."""
    for file in (folder._lock, folder._writing, folder._marking[1]):
        if file >= 0:
            os.close(file)


class Spooling(RuleBasedStateMachine):
    """``waiting``: taken by the disk and not handed on, in order."""

    @initialize()
    def start(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="spool-test-"))
        self.waiting: list[int] = []
        self.last = 0
        self.folder = self.opened()

    def opened(self) -> SpoolFolder:
        folder = SpoolFolder(self.path, segment_bytes=SEGMENT_BYTES)
        folder.open()
        return folder

    def numbers(self, count: int) -> list[int]:
        self.last += count
        return list(range(self.last - count + 1, self.last + 1))

    @rule(count=st.integers(1, 5))
    def append(self, count: int) -> None:
        numbers = self.numbers(count)
        self.folder.append(written(*numbers))
        self.waiting += numbers

    @rule(count=st.integers(1, 5), flushed=st.booleans(), taken=st.integers(0, 400))
    def append_fails(self, count: int, flushed: bool, taken: int) -> None:
        """The disk is full in the middle of a record, or does not flush."""
        written_so_far = 0

        def short_write(file, data):
            nonlocal written_so_far
            room = taken - written_so_far
            if room <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            done = write(file, bytes(data[:room]))
            written_so_far += done
            return done

        def no_flush(file):
            raise OSError(errno.EIO, "Input/output error")

        write = os.write
        broken = (
            patch("ingest.spool.folder.os.write", short_write)
            if not flushed and taken < count * len(written(self.last + 1)[0])
            else patch("ingest.spool.folder._flush", no_flush)
        )
        with broken, pytest.raises(OSError):
            self.folder.append(written(*self.numbers(count)))

    @precondition(lambda self: self.waiting)
    @rule(done=st.floats(0, 1), data=st.data())
    def hand_on(self, done: float, data) -> None:
        """Some of the oldest file, or all of it."""
        contents = self.folder.oldest()
        assert contents is not None
        numbers = read(contents)
        assert numbers == self.waiting[: len(numbers)]
        assert numbers
        assert contents.unreadable == ""
        count = round(done * len(numbers))
        if count:
            ends = [piece.end for piece in contents.pieces if piece.body is not None]
            self.folder.mark(contents.number, ends[count - 1], len(numbers) - count)
            del self.waiting[:count]
        if count == len(numbers):
            self.folder.finish(contents.number, aside=False)

    @rule(torn=st.integers(0, 300))
    def killed(self, torn: int) -> None:
        """SIGKILL while the next record is being written."""
        writing = self.folder._writing >= 0
        kill(self.folder)
        if writing:
            record = written(self.last + 1)[0]
            with (self.path / file_name(self.folder._last)).open("ab") as file:
                file.write(record[: min(torn, len(record) - 1)])
        self.folder = self.opened()

    @rule()
    def stopped(self) -> None:
        self.folder.close()
        self.folder = self.opened()

    @invariant()
    def counts_are_true(self) -> None:
        if hasattr(self, "folder"):
            assert self.folder.events == len(self.waiting)
            assert self.folder.size == sum(f.stat().st_size for f in self.path.glob("*.spool"))

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            while (contents := self.folder.oldest()) is not None:
                numbers = read(contents)
                assert numbers == self.waiting[: len(numbers)]
                del self.waiting[: len(numbers)]
                self.folder.finish(contents.number, aside=False)
            assert self.waiting == []
            assert list(self.path.glob("*.spool")) == []
            self.folder.close()
            shutil.rmtree(self.path)


TestSpooling = Spooling.TestCase
TestSpooling.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.fixture
def folder(tmp_path):
    folder = SpoolFolder(tmp_path / "spool", segment_bytes=SEGMENT_BYTES)
    folder.open()
    yield folder
    folder.close()


def test_a_folder_belongs_to_one_process(folder):
    with pytest.raises(SpoolInUse, match=r"ingest\.spool_dir: .*spool is in use"):
        SpoolFolder(folder.path).open()
    folder.close()
    again = SpoolFolder(folder.path)
    again.open()
    again.close()
    folder.open()


def test_what_customers_say_is_for_the_owner_alone(folder):
    folder.append(written(1))
    for file in (folder.path, *folder.path.iterdir()):
        assert file.stat().st_mode & 0o077 == 0, file


def test_a_damaged_file_is_kept_aside_and_costs_what_is_damaged(folder):
    for numbers in ((1, 2, 3), (4, 5, 6)):
        folder.append(written(*numbers))
        folder._seal()
        folder._last += 1
    first = folder.path / file_name(1)
    data = bytearray(first.read_bytes())
    data[HEAD_BYTES + len(written(1)[0]) + 40] ^= 0xFF  # in the second record
    first.write_bytes(data)

    contents = folder.oldest()
    assert read(contents) == [1, 3]
    second = HEAD_BYTES + len(written(1)[0])
    assert contents.unreadable == f"bytes {second} to {second + len(written(2)[0])}"
    assert folder.finish(1, aside=True) == folder.path / ASIDE / file_name(1)
    assert (folder.path / ASIDE / file_name(1)).read_bytes() == data
    assert read(folder.oldest()) == [4, 5, 6]


def test_a_file_that_was_kept_is_not_overwritten_by_a_later_one(folder):
    folder.append(written(1))
    folder.oldest()
    folder.finish(1, aside=True)
    folder.close()
    folder = SpoolFolder(folder.path)
    folder.open()
    folder.append(written(2))
    assert folder.oldest().number > 1
    folder.close()


def test_a_disk_that_cannot_read_a_file_costs_that_file(folder):
    folder.append(written(1))
    with patch.object(Path, "read_bytes", side_effect=OSError(errno.EIO, "Input/output error")):
        contents = folder.oldest()
    assert contents.pieces == ()
    assert "Input/output error" in contents.unreadable
    assert folder.events == 0
    with (
        patch.object(Path, "read_bytes", side_effect=OSError(errno.EMFILE, "Too many open files")),
        pytest.raises(OSError, match="Too many open files"),  # of ours, not of the disk: tried again
    ):
        folder.oldest()


def test_handing_on_needs_no_room_on_the_disk(folder):
    folder.append(written(1, 2))
    contents = folder.oldest()
    full = OSError(errno.ENOSPC, "No space left on device")
    size = (folder.path / file_name(1)).stat().st_size
    with patch("ingest.spool.folder.os.write", side_effect=full):
        folder.mark(contents.number, contents.pieces[0].end, 1)
        assert (folder.path / file_name(1)).stat().st_size == size
        folder.finish(contents.number, aside=False)
    assert (folder.size, folder.events) == (0, 0)
