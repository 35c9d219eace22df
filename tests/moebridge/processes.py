"""Starting moebridge as a process, as people and supervisors do."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from moebridge.setting_catalogue import variable

#: Enough for ``run``, ``ingest`` and ``worker``.
SETTINGS = {
    "intercom.webhook_secrets": "secret",
    "intercom.workspace_id": "abc",
    "intercom.data_key": "data-key",
    "moengage.workspace_id": "ABC",
    "moengage.api_key": "api-key",
    "moengage.base_url": "http://127.0.0.1:9",
}


class Running:
    """A process and all that it has said, standard error included."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""
        self._more = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def says(self, text: str, times: int = 1) -> None:
        """Wait until it has said so. Fails where it ends without."""
        while self.text.count(text) < times:
            assert not self._reading.done(), f"it never said {text!r}:\n{self.text}"
            self._more.clear()
            waiting = asyncio.create_task(self._more.wait())
            await asyncio.wait({waiting, self._reading}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def ends(self) -> int:
        """Its exit code, once all it said was read."""
        await self._reading
        return await self.process.wait()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while piece := await self.process.stdout.read(65_536):
            self.text += piece.decode()
            self._more.set()


@asynccontextmanager
async def moebridge(
    *arguments: str, settings: Mapping[str, str], folder: Path, timeout_s: float = 60.0
) -> AsyncIterator[Running]:
    """``python -m moebridge`` with these settings alone, in this folder; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "moebridge", *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **{variable(name): value for name, value in settings.items()}},
        cwd=folder,
    )  # fmt: skip
    running = Running(process)
    try:
        async with asyncio.timeout(timeout_s):
            yield running
    finally:
        if process.returncode is None:
            process.kill()
        await running.ends()
