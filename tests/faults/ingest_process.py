"""A real front door process, senders that repeat until they get a 200, and what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.signature import HEADER, sign
from moebridge.setting_catalogue import variable

SECRET = "client-secret-of-the-tests"
WORKSPACE, KEY = "WORKSPACE", "data-key"


@dataclass
class IngestProcess:
    """One `moebridge ingest` at a time, always at the same port. Times in seconds."""

    settings: Mapping[str, str]
    folder: Path
    port: int
    session: aiohttp.ClientSession
    process: asyncio.subprocess.Process | None = None
    starts: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that it has said, over its lives."""
        return (self.folder / "ingest.log").read_text()

    async def start(self, ready: bool = True) -> None:
        """Start it, and wait until it listens."""
        self.starts += 1
        settings = {
            "intercom.webhook_secrets": SECRET,
            "intercom.workspace_id": WORKSPACE,
            "intercom.data_key": KEY,
            "ingest.port": str(self.port),
            **self.settings,
        }
        with (self.folder / "ingest.log").open("a") as output:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "moebridge", "ingest",
                env={**os.environ, **{variable(name): value for name, value in settings.items()}},
                stdout=output, stderr=output, cwd=self.folder,
            )  # fmt: skip
        if ready:
            await until(self.listens, "the front door listens")

    async def listens(self) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, self.log[-3000:]
        try:
            async with self.session.get(f"{self.url}/healthz"):
                return True
        except aiohttp.ClientError:
            return False

    async def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        async with self.session.get(f"{self.url}/metrics") as answer:
            match = re.search(rf"^{name} (\S+)$", await answer.text(), re.MULTILINE)
        assert match is not None, name
        return float(match[1])

    def resident_bytes(self, what: str = "VmRSS") -> int:
        """Memory of the process: VmRSS now, VmHWM at its highest."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(rf"^{what}:\s+(\d+) kB$", status, re.MULTILINE)
        assert match is not None
        return int(match[1]) * 1024

    def open_files(self) -> int:
        """Its file descriptors, connections among them."""
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@asynccontextmanager
async def ingest_process(
    settings: Mapping[str, str], folder: Path, port: int
) -> AsyncIterator[IngestProcess]:
    """A front door that is not started yet; killed at the end."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        one = IngestProcess(settings, folder, port, session)
        try:
            yield one
        finally:
            await one.kill()


def webhook(contact: int, number: int) -> bytes:
    """The ``number``-th notification about a contact; its id tells both."""
    return json.dumps(
        {
            "type": "notification_event",
            "id": f"{contact}:{number}",
            "app_id": "app9",
            "topic": "contact.user.updated",
            "created_at": int(time.time()),
            "data": {"item": {"type": "contact", "id": f"contact-{contact}", "number": number}},
        }
    ).encode()


@dataclass
class Senders:
    """One sender a contact: its next event goes out when the last was answered with 200."""

    door: IngestProcess
    contacts: int
    answered: dict[int, int] = field(default_factory=lambda: defaultdict(int))  # events by contact
    refused: int = 0
    unanswered: int = 0
    slowest_s: float = 0.0

    @property
    def total(self) -> int:
        return sum(self.answered.values())

    async def send(self, total: int) -> None:
        """Until so many events were answered with 200."""
        await asyncio.gather(*(self._one(contact, total) for contact in range(self.contacts)))

    async def _one(self, contact: int, total: int) -> None:
        while self.total < total:
            body = webhook(contact, self.answered[contact])
            headers = {HEADER: sign(body, SECRET), "Content-Type": "application/json"}
            started = time.perf_counter()
            try:
                url = f"{self.door.url}/intercom/webhooks"
                async with self.door.session.post(url, data=body, headers=headers) as answer:
                    assert answer.status in (200, 429), await answer.text()
                    await answer.read()
                self.slowest_s = max(self.slowest_s, time.perf_counter() - started)
            except (aiohttp.ClientError, ConnectionError):
                self.unanswered += 1
                await asyncio.sleep(0.02)
                continue
            if answer.status == 200:
                self.answered[contact] += 1
            else:
                self.refused += 1
                await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Outcome:
    """What is on the topic, against what was answered with 200."""

    lost: int
    twice: int
    out_of_order: int


async def outcome(connection: Mapping[str, Any], topic: str, answered: Mapping[int, int]) -> Outcome:
    """Read the whole topic. Order: the first appearances of a contact's events."""
    seen: dict[int, list[int]] = defaultdict(list)
    read = 0
    async with AIOKafkaConsumer(**connection, auto_offset_reset="earliest") as consumer:
        cluster = await consumer._client.fetch_all_metadata()
        places = [TopicPartition(topic, number) for number in cluster.partitions_for_topic(topic)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)

        async def all_read() -> bool:
            nonlocal read
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    read += 1
                    contact, number = dict(record.headers)["event_id"].decode().split(":")
                    seen[int(contact)].append(int(number))
            return all([await consumer.position(place) >= ends[place] for place in places])

        await until(all_read, f"all of {topic} was read ({ends})")
    lost = sum(len(set(range(count)) - set(seen[contact])) for contact, count in answered.items())
    once = {contact: list(dict.fromkeys(numbers)) for contact, numbers in seen.items()}
    return Outcome(
        lost=lost,
        twice=read - sum(map(len, once.values())),
        out_of_order=sum(
            second < first for numbers in once.values() for first, second in pairwise(numbers)
        ),
    )


async def until(holds: Callable[[], Awaitable[bool]], what: str, timeout: float = 60) -> None:
    """Ask until it holds."""
    try:
        async with asyncio.timeout(timeout):
            while not await holds():  # noqa: ASYNC110 - other processes tell nobody
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {timeout} s: {what}") from None
