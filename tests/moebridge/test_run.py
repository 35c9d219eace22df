"""``moebridge run``: the whole on one machine, from the front door to the sandbox, and its failures."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import aiohttp
import pytest
from processes import SETTINGS, Running, moebridge

from ingest.basic_auth import basic_header
from moebridge.brokers.ports import free_ports

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(
        os.environ.get("MOEBRIDGE_TEST_BROKER") == "kafka", reason="starts the embedded broker itself"
    ),
]


class Bridge:
    """What is needed to send to it and to look at where it delivers."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.ingest, self.worker, self.sandbox = free_ports(3)
        self.settings = {
            **SETTINGS,
            "kafka.partitions": "2",
            "ingest.port": str(self.ingest),
            "worker.http_port": str(self.worker),
            "worker.shutdown_s": "2",
            "moengage.base_url": f"http://127.0.0.1:{self.sandbox}",
        }
        self._session = session

    async def send(self, customer_id: str) -> int:
        """A connector's user; the answer's status."""
        async with self._session.post(
            f"http://127.0.0.1:{self.ingest}/v1/partner/intercom/user",
            json={"customer_id": customer_id, "u_fn": "Ann"},
            headers={"Authorization": basic_header("abc", "data-key")},
        ) as response:
            return response.status

    async def delivered(self, *customer_ids: str) -> None:
        """Wait until MoEngage has exactly these users."""
        while True:
            async with self._session.get(f"http://127.0.0.1:{self.sandbox}/sandbox/users") as response:
                users = (await response.json())["users"]
            if {user["customer_id"] for user in users} == set(customer_ids):
                return
            await asyncio.sleep(0.05)


def pids_below(pid: int) -> list[tuple[int, str]]:
    """The processes that a process started, with their command lines (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except (OSError, ValueError):
            continue
        if parent == pid:
            found.append((int(folder.name), command))
    return found


def pid_of(run: Running, what: str) -> int:
    """The child whose command line has this word."""
    [pid] = [pid for pid, command in pids_below(run.process.pid) if re.search(rf"\b{what}\b", command)]
    return pid


async def gone(pid: int) -> None:
    """Wait until the process has ended; whether anybody asks for its exit code is no matter (Linux)."""
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return
        await asyncio.sleep(0.05)


@contextmanager
def no_process_left(run: Running) -> Iterator[None]:
    """Kill what a test that failed would leave behind (Linux)."""
    children = pids_below(run.process.pid)
    try:
        yield
    finally:
        for pid, command in children:
            path = Path(f"/proc/{pid}/cmdline")
            try:
                if path.read_bytes().replace(b"\0", b" ").decode().strip() == command:
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass


With = Callable[[Running, Bridge], Awaitable[None]]


async def with_run(
    tmp_path: Path, work: With, settings: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Do something with a running bridge and its sandbox."""
    async with aiohttp.ClientSession() as session:
        bridge = Bridge(session)
        bridge.settings.update(settings)
        async with (
            moebridge(
                "sandbox", "--port", str(bridge.sandbox), settings=SETTINGS, folder=tmp_path
            ) as sandbox,
            moebridge("run", settings=bridge.settings, folder=tmp_path) as run,
        ):
            await sandbox.says("MoEngage sandbox at")
            await run.says("moebridge runs")
            with no_process_left(run):
                await work(run, bridge)


async def test_it_delivers_and_stops_in_order(tmp_path: Path) -> None:
    async def work(run: Running, bridge: Bridge) -> None:
        assert await bridge.send("u-1") == 200
        await bridge.delivered("u-1")
        children = [pid for pid, _ in pids_below(run.process.pid)]
        assert len(children) == 4  # ingest, worker, broker and the broker's watcher
        run.signal(signal.SIGTERM)
        assert await run.ends() == 0
        for child in children:
            await gone(child)
        order = [run.text.index(f"{name} | ", run.text.index("SIGTERM")) for name in ("ingest", "worker")]
        assert order == sorted(order)
        assert str(bridge.ingest) in run.text
        assert "data-key" not in run.text
        assert "api-key" not in run.text

    await with_run(tmp_path, work)


async def test_what_was_taken_survives_kills_of_worker_and_front_door(tmp_path: Path) -> None:
    async def work(run: Running, bridge: Bridge) -> None:
        assert await bridge.send("u-1") == 200
        await bridge.delivered("u-1")
        os.kill(pid_of(run, "worker"), signal.SIGKILL)
        assert await bridge.send("u-2") == 200
        await bridge.delivered("u-1", "u-2")
        os.kill(pid_of(run, "ingest"), signal.SIGKILL)
        await run.says("listening on", times=2)
        await run.says("the broker takes records", times=2)
        assert await bridge.send("u-3") == 200
        await bridge.delivered("u-1", "u-2", "u-3")
        run.signal(signal.SIGINT)
        assert await run.ends() == 0
        assert run.text.count("starting it again in 0.5 s") == 2

    await with_run(tmp_path, work)


async def test_a_worker_that_is_stopped_from_outside_is_replaced(tmp_path: Path) -> None:
    """Nothing of it runs, so it cannot say that it stands still: it does not answer."""

    async def work(run: Running, bridge: Bridge) -> None:
        assert await bridge.send("u-1") == 200
        await bridge.delivered("u-1")
        os.kill(pid_of(run, "worker"), signal.SIGSTOP)
        assert await bridge.send("u-2") == 200
        await bridge.delivered("u-1", "u-2")
        assert "worker has not answered for" in run.text
        run.signal(signal.SIGINT)
        assert await run.ends() == 0
        assert run.text.count("worker ended with SIGKILL; starting it again in") == 1

    await with_run(tmp_path, work, {"worker.stall_s": "8"})


async def test_no_process_outlives_a_killed_run(tmp_path: Path) -> None:
    async def work(run: Running, bridge: Bridge) -> None:
        children = [pid for pid, _ in pids_below(run.process.pid)]
        run.signal(signal.SIGKILL)
        for child in children:
            await gone(child)

    await with_run(tmp_path, work)


async def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    async def work(run: Running, bridge: Bridge) -> None:
        children = [pid for pid, _ in pids_below(run.process.pid)]
        os.kill(pid_of(run, "worker"), signal.SIGSTOP)  # it will not stop in time
        run.signal(signal.SIGINT)
        await run.says("stopping; a second one stops at once")
        run.signal(signal.SIGINT)
        assert await run.ends() == 1
        for child in children:
            await gone(child)

    await with_run(tmp_path, work)


async def test_it_starts_nothing_when_a_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        settings = {**SETTINGS, "ingest.port": port, "worker.http_port": "0"}
        async with moebridge("run", settings=settings, folder=tmp_path) as run:
            assert await run.ends() == 1
    assert (
        f"moebridge: ingest: it ended with exit code 1\n  moebridge: cannot listen on 127.0.0.1:{port}"
        in run.text
    )
    assert "Traceback" not in run.text


async def test_a_broker_that_is_not_there(tmp_path: Path) -> None:
    settings = {**SETTINGS, "kafka.bootstrap_servers": "127.0.0.1:9"}
    async with moebridge("run", settings=settings, folder=tmp_path) as run:
        assert await run.ends() == 1
    assert "moebridge: kafka.bootstrap_servers: no answer from 127.0.0.1:9" in run.text
