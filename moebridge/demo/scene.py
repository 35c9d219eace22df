"""What runs for the demonstration: broker, sandbox, ingress and worker, on free loopback ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import TextIO

from moebridge.brokers.embedded import EmbeddedBroker
from moebridge.brokers.ports import free_ports
from moebridge.child import Child, OnLine
from moebridge.demo.front_door import FrontDoor
from moebridge.demo.payloads import WORKSPACE
from moebridge.installation import Installation, Place, child_environment, without_settings
from moebridge.settings import Settings
from moebridge.site import url

READY_S = 30.0
STOP_S = 10.0
#: How long to wait for the end of a process after it stopped answering, in seconds.
_END_S = 2.0

_HOST = "127.0.0.1"
_MOENGAGE_WORKSPACE = "DEMO-WORKSPACE"


@dataclass(frozen=True, slots=True)
class Scene:
    """The running parts. ``folder`` holds their logs and data."""

    folder: Path
    broker: EmbeddedBroker
    sandbox: Child
    sandbox_url: str
    installation: Installation
    place: Place
    front_door: FrontDoor

    @property
    def children(self) -> tuple[Child, ...]:
        """The processes, the broker left out."""
        return self.sandbox, self.installation.ingest, self.installation.worker

    async def hold(self) -> None:
        """Wait, without end. Raises ProcessFailed once a process has ended."""
        ended = await self.ended(None)
        assert ended is not None
        raise await ended.failure()

    async def ended(self, within_s: float | None = _END_S) -> Child | None:
        """The first process that ends within some seconds; None where all go on."""
        waits = {asyncio.create_task(child.wait()): child for child in self.children}
        done, pending = await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        return waits[done.pop()] if done else None

    def kill(self) -> None:
        """Kill the processes, without waiting; the broker ends with its owner."""
        for child in self.children:
            child.kill()


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """Everything set up but not started, and stopped at the end: ingress, worker, sandbox, broker.

    Nothing of the user's own settings counts here.
    """
    ingest_port, worker_port, sandbox_port, broker_port = free_ports(4)
    broker = EmbeddedBroker(folder / "broker", broker_port)
    secret, data_key, api_key = token_hex(12), token_hex(12), token_hex(12)
    sandbox_url = url(_HOST, sandbox_port)
    settings = {
        "kafka.bootstrap_servers": f"{_HOST}:{broker_port}",
        "kafka.partitions": "4",
        "intercom.webhook_secrets": secret,
        "intercom.workspace_id": WORKSPACE,
        "intercom.data_key": data_key,
        "moengage.workspace_id": _MOENGAGE_WORKSPACE,
        "moengage.api_key": api_key,
        "moengage.base_url": sandbox_url,
        "ingest.port": str(ingest_port),
        "worker.http_port": str(worker_port),
        "worker.data_dir": str(folder / "worker"),
        "worker.shutdown_s": "3",
    }
    place = Place(
        Settings.model_construct().changed(settings),
        child_environment(without_settings(), settings),
        folder,
    )
    with _logs(folder) as on_line:
        sandbox = Child(
            "sandbox",
            ["sandbox", "--port", str(sandbox_port)],
            environment=place.environment,
            on_line=on_line,
            folder=folder,
        )
        front_door = FrontDoor(place.ingest_url, secret, WORKSPACE, data_key)
        parts = Scene(
            folder, broker, sandbox, sandbox_url, Installation(place, broker, on_line), place, front_door
        )
        try:
            yield parts
        finally:
            await parts.installation.stop()
            await sandbox.stop(STOP_S)
            await broker.stop()


@contextmanager
def _logs(folder: Path) -> Iterator[OnLine]:
    """Writes each process's lines to ``<name>.log``."""
    with ExitStack() as stack:
        files: dict[str, TextIO] = {}

        def write(name: str, line: str) -> None:
            if name not in files:
                files[name] = stack.enter_context((folder / f"{name}.log").open("w", encoding="utf-8"))
            print(line, file=files[name], flush=True)

        yield write
