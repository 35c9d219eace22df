"""A process started by another: lines, readiness, end; and keeping it running."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moebridge.child import Child, ending
from moebridge.errors import ProcessFailed
from moebridge.installation import child_environment, without_settings
from moebridge.supervision import (
    FIRST_PAUSE_S,
    GOOD_RUN_S,
    LONGEST_PAUSE_S,
    Answers,
    Pauses,
    Silence,
    keep_running,
)


class Lines(list[str]):
    """What children said."""

    def __init__(self) -> None:
        self._more = asyncio.Event()

    def __call__(self, name: str, line: str) -> None:
        self.append(f"{name}: {line}")
        self._more.set()

    async def told(self, text: str, times: int) -> None:
        """Wait until so many lines hold the text."""
        while sum(text in line for line in self) < times:
            self._more.clear()
            await self._more.wait()


def sandbox(port: int, lines: Lines, folder: Path, **settings: str) -> Child:
    environment = child_environment(os.environ, settings)
    arguments = ["sandbox", "--port", str(port)]
    return Child("sandbox", arguments, environment=environment, on_line=lines, folder=folder)


async def test_a_child_from_start_to_stop(tmp_path: Path, free_port: int) -> None:
    lines = Lines()
    child = sandbox(free_port, lines, tmp_path)
    assert (child.running, await child.stop(1)) == (False, None)
    await child.start()
    await child.ready(f"http://127.0.0.1:{free_port}/healthz", timeout_s=30)
    assert child.running
    assert await child.stop(10) == 0
    assert not child.running
    assert f"sandbox: MoEngage sandbox at http://127.0.0.1:{free_port} for workspace SANDBOX" in lines


async def test_a_child_that_ends_before_it_is_ready(tmp_path: Path, free_port: int) -> None:
    child = sandbox(free_port, Lines(), tmp_path, **{"log.level": "loud"})
    await child.start()
    with pytest.raises(ProcessFailed) as caught:
        await child.ready(f"http://127.0.0.1:{free_port}/healthz", timeout_s=30)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("sandbox: it ended with exit code 2\n  moebridge: log.level (")


async def test_a_child_that_is_never_ready(tmp_path: Path, free_port: int) -> None:
    child = sandbox(free_port, Lines(), tmp_path)
    await child.start()
    try:
        with pytest.raises(ProcessFailed, match=r"sandbox: it was not ready within 0\.2 s"):
            await child.ready(f"http://127.0.0.1:{free_port}/no-such-path", timeout_s=0.2)
    finally:
        child.kill()
        assert await child.wait() == -9


async def test_a_child_that_ends_is_started_again(tmp_path: Path, free_port: int) -> None:
    lines = Lines()
    child = sandbox(free_port, lines, tmp_path)
    prepared: list[bool] = []

    async def prepare() -> None:
        prepared.append(child.running)

    await child.start()
    await lines.told("MoEngage sandbox at", 1)
    keeping = asyncio.create_task(keep_running(child, before_restart=prepare))
    try:
        async with asyncio.timeout(30):
            first = child.pid
            child.kill()
            await lines.told("MoEngage sandbox at", 2)
            assert child.pid != first
            assert prepared == [False]
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await child.stop(10)


async def test_a_child_with_wrong_settings_is_not_started_again(tmp_path: Path, free_port: int) -> None:
    child = sandbox(free_port, Lines(), tmp_path, **{"log.level": "loud"})

    async def prepare() -> None:
        raise AssertionError("it was to be started again")

    await child.start()
    with pytest.raises(ProcessFailed, match="exit code 2"):
        await keep_running(child, before_restart=prepare)


async def test_a_child_that_is_stopped_from_outside_is_killed_and_started_again(
    tmp_path: Path, free_port: int
) -> None:
    lines = Lines()
    child = sandbox(free_port, lines, tmp_path)
    await child.start()
    await lines.told("MoEngage sandbox at", 1)
    answers = Answers(f"http://127.0.0.1:{free_port}/healthz", silent_s=4.0)
    keeping = asyncio.create_task(keep_running(child, before_restart=_nothing, answers=answers))
    try:
        async with asyncio.timeout(60):
            first = child.pid
            assert first is not None
            os.kill(first, signal.SIGSTOP)
            await lines.told("MoEngage sandbox at", 2)
            assert child.pid != first
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await child.stop(10)


async def _nothing() -> None:
    pass


def test_silence_is_counted_question_by_question() -> None:
    silence = Silence(question_s=2.0)
    assert [silence.after(False, 2.0), silence.after(False, 2.0)] == [2.0, 4.0]
    assert silence.after(True, 0.1) == 0.0
    assert silence.after(False, 2.0) == 2.0
    # We were stopped ourselves meanwhile: that is no silence of the other's.
    assert silence.after(False, 3600.0) == 4.0


def test_pauses_grow_and_a_good_run_is_forgiven() -> None:
    pauses = Pauses()
    assert [pauses.after(1.0) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert pauses.after(GOOD_RUN_S) == FIRST_PAUSE_S
    assert pauses.after(1.0) == FIRST_PAUSE_S


@given(st.lists(st.floats(0, 1e9), max_size=100))
def test_pauses_are_bounded(runs: list[float]) -> None:
    pauses = Pauses()
    assert all(FIRST_PAUSE_S <= pauses.after(ran_s) <= LONGEST_PAUSE_S for ran_s in runs)


def test_what_a_child_gets_wins_over_what_is_there() -> None:
    there = {"PATH": "/bin", "moebridge_ingest__port": "1", "MOEBRIDGE_LOG__LEVEL": "debug"}
    got = child_environment(there, {"ingest.port": "2"})
    assert {name: value for name, value in got.items() if name != "PYTHONUNBUFFERED"} == {
        "PATH": "/bin",
        "MOEBRIDGE_LOG__LEVEL": "debug",
        "MOEBRIDGE_INGEST__PORT": "2",
    }
    assert without_settings(there) == {"PATH": "/bin"}


def test_endings_in_words() -> None:
    assert [ending(0), ending(1), ending(-9), ending(-99)] == [
        "exit code 0",
        "exit code 1",
        "SIGKILL",
        "signal 99",
    ]
