"""The spool in the event loop: a flush for many, a bound, a disk that fails or hangs."""

from __future__ import annotations

import asyncio
import errno
import threading
from unittest.mock import patch

import pytest
from spooled import event, number_of

from ingest.errors import SpoolInUse, SpoolUnavailable, SpoolUnusable
from ingest.spool import folder as folder_module
from ingest.spool.record import decode, encode
from ingest.spool.spool import Spool

SIZE = len(encode(*event(1)))


@pytest.fixture
async def spool(tmp_path):
    spool = Spool(tmp_path / "spool", max_bytes=1_000_000)
    await spool.open()
    yield spool
    await spool.close(5.0)


class Flushes:
    """Every flush waits until it is let through."""

    def __init__(self) -> None:
        self.begun = 0
        self.gate = threading.Semaphore(0)
        self.real = folder_module._flush

    def __call__(self, file: int) -> None:
        self.begun += 1
        assert self.gate.acquire(timeout=30)
        self.real(file)


@pytest.fixture
def flushes():
    with patch("ingest.spool.folder._flush", Flushes()) as held:
        yield held
        held.gate.release(1000)


async def until(holds) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - another thread tells nobody
            await asyncio.sleep(0.001)


async def read_all(spool) -> list[int]:
    """Take everything out, in order."""
    numbers = []
    while (contents := await spool.oldest()) is not None:
        numbers += [number_of(decode(p.body)[0]) for p in contents.pieces if p.body is not None]
        await spool.finish(contents.number, aside=False)
    return numbers


async def test_requests_share_a_flush_and_the_loop_goes_on_meanwhile(spool, flushes):
    first = spool.put(*event(0))
    await until(lambda: flushes.begun == 1)  # the loop runs while the disk is busy
    others = [spool.put(*event(number)) for number in range(1, 101)]
    assert spool.events == 101
    assert not first.done()
    flushes.gate.release()
    await first
    await until(lambda: flushes.begun == 2)
    assert not any(put.done() for put in others)
    flushes.gate.release()
    await asyncio.gather(*others)
    assert flushes.begun == 2
    assert spool.events == 101
    assert await read_all(spool) == list(range(101))
    assert (spool.events, spool.size) == (0, 0)


async def test_a_full_spool_takes_no_more_until_something_is_handed_on(tmp_path):
    spool = Spool(tmp_path, max_bytes=10 * SIZE)
    await spool.open()
    for number in range(9):
        await spool.put(*event(number))
    with pytest.raises(SpoolUnavailable, match="full"):
        spool.put(*event(9))
    assert sum(file.stat().st_size for file in tmp_path.glob("*.spool")) <= 10 * SIZE
    assert await read_all(spool) == list(range(9))
    await spool.put(*event(99))
    await spool.close(5.0)


async def test_what_waits_for_a_disk_that_hangs_is_bounded(spool, flushes, monkeypatch):
    monkeypatch.setattr("ingest.spool.spool.WAITING_MAX_BYTES", 10 * SIZE)
    puts = [spool.put(*event(number)) for number in range(10)]
    with pytest.raises(SpoolUnavailable, match="too slow"):
        spool.put(*event(10))
    flushes.gate.release(2)
    await asyncio.gather(*puts)
    await spool.put(*event(99))


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("x")])
async def test_what_the_disk_did_not_take_is_refused_and_it_is_tried_again(spool, caplog, error):
    await spool.put(*event(1))
    with patch("ingest.spool.folder._flush", side_effect=error):
        for number in (2, 3):
            with pytest.raises(SpoolUnavailable):
                await spool.put(*event(number))
        assert not spool.takes
    assert caplog.text.count("cannot be written") == 1  # once, not at every request
    await spool.put(*event(4))
    assert spool.takes
    assert spool.events == 2
    assert await read_all(spool) == [1, 4]


async def test_a_request_that_is_gone_holds_up_no_other(spool, flushes):
    gone = spool.put(*event(1))
    other = spool.put(*event(2))
    gone.cancel()
    flushes.gate.release()
    await other
    assert await read_all(spool) == [1, 2]  # one event too many is better than one too few


async def test_what_is_in_it_waits_for_the_next_process(spool):
    await asyncio.gather(*(spool.put(*event(number)) for number in range(50)))
    contents = await spool.oldest()
    await spool.mark(contents.number, contents.pieces[9].end, 40)
    assert spool.events == 40
    await spool.close(5.0)
    with pytest.raises(SpoolUnavailable, match="closed"):
        spool.put(*event(51))
    again = Spool(spool.path, max_bytes=1_000_000)
    await again.open()
    assert again.events == 40
    assert again.filled.is_set()
    assert await read_all(again) == list(range(10, 50))
    await again.close(5.0)


async def test_a_folder_that_cannot_be_used_is_named(spool, tmp_path):
    with pytest.raises(SpoolInUse, match=r"ingest\.spool_dir"):
        await Spool(spool.path, max_bytes=1).open()
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolUnusable, match=r"ingest\.spool_dir: .*/file/spool cannot be used \(Not a"):
        await Spool(tmp_path / "file" / "spool", max_bytes=1).open()
