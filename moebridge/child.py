"""One process of moebridge's own, started by another: its log lines, its readiness, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import aiohttp

from moebridge.errors import ProcessFailed

#: Lines of a log that are kept for the message of a failure.
KEPT_LINES = 12

_POLL_S = 0.05

OnLine = Callable[[str, str], None]


class Child:
    """``python -m moebridge <arguments>``; it stops when this process ends, however that ends.

    It lives in a session of its own, so Ctrl-C reaches this process alone. ``environment`` is all it
    gets. ``on_line`` gets the child's name and each line of its output.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        on_line: OnLine,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self._arguments = [*arguments, "--stop-with-parent"]
        self._environment = environment
        self._on_line = on_line
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.last_lines: deque[str] = deque(maxlen=KEPT_LINES)

    @property
    def pid(self) -> int | None:
        """The process id; None where it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, again after it has ended."""
        assert not self.running, f"{self.name} runs already"
        self.last_lines.clear()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "moebridge", *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(self._environment),
            cwd=self._folder,
            start_new_session=True,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(self._process))

    async def ready(self, url: str, *, timeout_s: float) -> None:
        """Wait until ``url`` answers 200. Raises ProcessFailed once it has ended, or when time is up."""
        try:
            async with (
                asyncio.timeout(timeout_s),
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            ):
                while not await _answers_200(session, url):
                    await self.check()
                    await asyncio.sleep(_POLL_S)
                await self.check()
        except TimeoutError:
            raise ProcessFailed(
                self.name, f"it was not ready within {timeout_s:g} s", list(self.last_lines)
            ) from None

    async def check(self) -> None:
        """Raises ProcessFailed, with the end of its log, once it has ended."""
        if self._process is not None and self._process.returncode is not None:
            raise await self.failure()

    async def failure(self) -> ProcessFailed:
        """The error for a process that has ended."""
        code = await self.wait()
        return ProcessFailed(
            self.name, f"it ended with {ending(code)}", list(self.last_lines), exit_code=code
        )

    async def wait(self) -> int:
        """The exit code once it has ended and all its lines were read; negative for a signal."""
        assert self._process is not None
        assert self._reading is not None
        code = await self._process.wait()
        await asyncio.wait({self._reading})
        return code

    async def stop(self, timeout_s: float) -> int | None:
        """SIGTERM, and SIGKILL where it has not ended in time. The exit code, None if never started."""
        if self._process is None:
            return None
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(timeout_s):
                return await self.wait()
        except TimeoutError:
            self._on_line(self.name, f"did not stop within {timeout_s:g} s; killing it")
            self.kill()
            return await self.wait()

    def kill(self) -> None:
        """SIGKILL, without waiting."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.running and self._process is not None:
            try:
                os.kill(self._process.pid, number)
            except ProcessLookupError:
                pass

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Hand on every line, however long, also a last one without an end."""
        assert process.stdout is not None
        rest = b""
        while piece := await process.stdout.read(65_536):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._line(line)
        if rest:
            self._line(rest)

    def _line(self, raw: bytes) -> None:
        line = raw.decode(errors="replace").rstrip("\r")
        self.last_lines.append(line)
        self._on_line(self.name, line)


def ending(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"


async def _answers_200(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
