"""Starting the processes that are measured, each a fresh one, and talking to those that stay."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bench.plan import BenchFailed, Run

#: Seconds that a process may take to begin, and to end once it was told to.
START_S, END_S = 60.0, 30.0


async def measure(run: Run, timeout_s: float) -> dict[str, Any]:
    """Do a run in a process of its own; what it prints last. Raises BenchFailed."""
    process = await _start(run)
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate()
    except TimeoutError:
        raise BenchFailed(f"{run.contender}, {run.job}: not done within {timeout_s:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not out.strip():
        raise BenchFailed(f"{run.contender}, {run.job}: ended with {process.returncode}\n{_tail(err)}")
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result


class Running:
    """A process that stays until it is told to stop."""

    def __init__(self, run: Run, process: Process) -> None:
        self._run = run
        self._process = process
        self.contender = run.contender
        self.url = ""

    async def wait_until_ready(self) -> None:
        """Raises BenchFailed where it does not come up."""
        self.url = (await self._read(START_S))["url"]

    async def used(self) -> dict[str, float]:
        """What it says of its time (bench.whole.process)."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        used: dict[str, float] = await self._read(START_S)
        return used

    def check_alive(self) -> None:
        """Raises BenchFailed once it has ended."""
        if self._process.returncode is not None:
            raise self._failed("has ended")

    async def _read(self, timeout_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                while line := await self._process.stdout.readline():
                    if line.startswith(b"{"):
                        return json.loads(line)
        except TimeoutError:
            raise self._failed(f"said nothing for {timeout_s:.0f} s") from None
        raise self._failed("has ended")

    def _failed(self, what: str) -> BenchFailed:
        return BenchFailed(f"{self._run.contender}, {self._run.more['role']}: {what}; see above")


@asynccontextmanager
async def running(run: Run) -> AsyncIterator[Running]:
    """A process that is ready, and is stopped in the end; its messages go to standard error."""
    process = await _start(run, keep_stderr=False)
    try:
        one = Running(run, process)
        await one.wait_until_ready()
        yield one
    finally:
        await _end(process)


async def _start(run: Run, *, keep_stderr: bool = True) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.fresh", run.encoded()),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE if keep_stderr else None,
    )


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _tail(text: bytes) -> str:
    return "\n".join(text.decode(errors="replace").splitlines()[-15:])
