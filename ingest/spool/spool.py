"""The spool as the event loop sees it: what is put in is on disk when its future is done.

One thread does all the I/O. What is put in while it writes and flushes waits and goes together next
time, so that however many requests there are, a flush serves all that came during the one before.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from events.envelope import Envelope
from ingest.errors import SpoolUnavailable, SpoolUnusable
from ingest.spool.folder import Contents, SpoolFolder
from ingest.spool.record import encode

log = logging.getLogger(__name__)

#: What may wait for the disk, in bytes; with a disk that hangs, the rest is refused, not remembered.
WAITING_MAX_BYTES = 64 * 1024 * 1024
#: Written with one flush at most, in bytes.
GROUP_MAX_BYTES = 4 * 1024 * 1024

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Put:
    record: bytes
    on_disk: asyncio.Future[None]


class Spool:
    """A bounded queue of events on disk. Not more than ``max_bytes`` bytes of files.

    ``filled`` is set whenever the disk has taken something.
    """

    def __init__(self, path: Path, *, max_bytes: int, folder: SpoolFolder | None = None) -> None:
        self._max_bytes = max_bytes
        self._folder = folder or SpoolFolder(path)
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: deque[_Put] = deque()
        self._waiting_bytes = 0
        self._in_hand = 0  # events that are being written
        self._writing: asyncio.Task[None] | None = None
        self._trouble = ""
        self.filled = asyncio.Event()

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    @property
    def size(self) -> int:
        """What it takes on disk, or is about to, in bytes."""
        return self._folder.size + self._waiting_bytes

    @property
    def events(self) -> int:
        """How many are in it, those that are being written included."""
        return self._folder.events + self._in_hand + len(self._waiting)

    @property
    def takes(self) -> bool:
        """Whether the last write worked, and there is room for another."""
        return self._thread is not None and not self._trouble and self.size < self._max_bytes

    async def open(self) -> None:
        """Take the folder and count what waits in it. Raises SpoolInUse, SpoolUnusable."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        try:
            await self._run(self._folder.open)
        except BaseException as error:
            self._thread.shutdown(wait=False)
            self._thread = None
            if isinstance(error, OSError):
                raise SpoolUnusable(
                    f"ingest.spool_dir: {self.path} cannot be used ({error.strerror}); give a folder "
                    "that this process may write, or leave it out"
                ) from None
            raise
        if self._folder.size:
            self.filled.set()
        if self.events:
            log.info("%d events wait in the spool since the last run", self.events)

    async def close(self, timeout_s: float) -> None:
        """Finish what is being written, within ``timeout_s`` seconds, and let go. What is in it stays."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=timeout_s)
        await asyncio.wait({asyncio.wrap_future(thread.submit(self._folder.close))}, timeout=timeout_s)
        thread.shutdown(wait=False)

    def put(self, envelope: Envelope, key: bytes) -> asyncio.Future[None]:
        """Give an event its place behind all others, now; the future is done once the disk has it.

        The future fails with SpoolUnavailable where the disk did not take it. Raises SpoolUnavailable
        where there is no room.
        """
        if self._thread is None:
            raise SpoolUnavailable("closed")
        record = encode(envelope, key)
        if self.size + len(record) > self._max_bytes:
            raise SpoolUnavailable(f"full: {self._max_bytes} bytes")
        if self._waiting_bytes + len(record) > WAITING_MAX_BYTES:
            raise SpoolUnavailable("the disk is too slow")
        put = _Put(record, asyncio.get_running_loop().create_future())
        self._waiting.append(put)
        self._waiting_bytes += len(record)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="spool-write")
        return put.on_disk

    async def oldest(self) -> Contents | None:
        """What to hand on next; None where nothing is on disk. Raises OSError."""
        return await self._run(self._folder.oldest)

    async def mark(self, number: int, place: int, left: int) -> None:
        """The broker has what stands before ``place`` in this file; ``left`` events remain in it."""
        try:
            await self._run(partial(self._folder.mark, number, place, left))
        except OSError as error:
            log.debug("cannot mark how far the spool is done: %s", error.strerror)

    async def finish(self, number: int, *, aside: bool) -> Path | None:
        """A file is done with; where it was moved to, if it was to be kept. Raises OSError."""
        return await self._run(partial(self._folder.finish, number, aside=aside))

    async def _write(self) -> None:
        while self._waiting:
            group, size = self._next_group()
            trouble = await self._written(group)
            self._in_hand = 0
            self._waiting_bytes -= size
            for put in group:
                if put.on_disk.done():
                    continue  # its request is gone
                if trouble:
                    put.on_disk.set_exception(SpoolUnavailable(trouble))
                else:
                    put.on_disk.set_result(None)
        self._writing = None

    def _next_group(self) -> tuple[list[_Put], int]:
        group: list[_Put] = []
        size = 0
        while self._waiting and (not group or size + len(self._waiting[0].record) <= GROUP_MAX_BYTES):
            group.append(self._waiting.popleft())
            size += len(group[-1].record)
        self._in_hand = len(group)
        return group, size

    async def _written(self, group: list[_Put]) -> str:
        """Why the disk did not take them; "" if it did."""
        try:
            await self._run(partial(self._folder.append, [put.record for put in group]))
        except Exception as error:  # noqa: BLE001 - whatever it is, requests wait for an answer
            reason = error.strerror if isinstance(error, OSError) else None
            trouble = reason or type(error).__name__
            if trouble != self._trouble:
                log.error("the spool cannot be written (%s); events are answered with 429", trouble)
            self._trouble = trouble
            return trouble
        if self._trouble:
            log.info("the spool can be written again")
            self._trouble = ""
        self.filled.set()
        return ""

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._thread is None:
            raise SpoolUnavailable("closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
