"""The whole bridge for tests: front door and sandbox here, workers as processes that can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Middleware

from events.topics import EVENTS, topic_name
from ingest.app import create_app as create_front_door
from ingest.config import IngestConfig, Senders
from ingest.publisher import KafkaPublisher
from ingest.signature import HEADER, sign
from moebridge.brokers.ports import free_ports
from moebridge.topic_admin import create_topics
from moengage.sandbox.app import create_app as create_sandbox
from moengage.sandbox.config import SandboxConfig

SECRET = "client-secret-of-the-tests"
WORKSPACE, KEY = "WORKSPACE", "data-key"
PARTITIONS = 4

_SABOTAGED = [str(Path(__file__).parent / "sabotage.py")]


@dataclass
class WorkerProcess:
    """One `moebridge worker` process."""

    process: asyncio.subprocess.Process
    url: str
    log: Path

    async def ready(self, session: aiohttp.ClientSession, timeout: float = 60) -> None:
        """Wait until it has its partitions and its tables."""

        async def asked() -> bool:
            if self.process.returncode is not None:
                raise AssertionError(f"the worker ended: {self.log.read_text()[-3000:]}")
            try:
                async with session.get(f"{self.url}/readyz") as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectionError:
                return False

        await until(asked, "the worker is ready", timeout)

    async def health(self, session: aiohttp.ClientSession) -> dict[str, Any] | None:
        """What /healthz says; None where nobody answers."""
        try:
            timeout = aiohttp.ClientTimeout(total=3)
            async with session.get(f"{self.url}/healthz", timeout=timeout) as answer:
                told: dict[str, Any] = await answer.json()
                assert (answer.status == 503) is (told["status"] == "stalled")
                return told
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def counts(self, session: aiohttp.ClientSession, line: str) -> None:
        """Wait until its metrics have this line."""

        async def counted() -> bool:
            async with session.get(f"{self.url}/metrics") as answer:
                return line in (await answer.text()).splitlines()

        await until(counted, line)

    async def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self, timeout: float = 60) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(timeout):
            return await self.process.wait()


@dataclass
class Bridge:
    """Front door, sandbox, topics of their own, and as many workers as a test starts."""

    bootstrap_servers: str
    prefix: str
    folder: Path
    session: aiohttp.ClientSession
    front_url: str
    sandbox_url: str
    workers: list[WorkerProcess] = field(default_factory=list)
    secret: str = SECRET

    async def start_worker(
        self, data: str = "w", *, failpoints: str = "", ready: bool = True, sabotage: str = "",
        options: Sequence[str] = (), **env: str,
    ) -> WorkerProcess:  # fmt: skip
        """Start a worker on the data folder ``data`` and wait until it is ready.

        ``sabotage``: one of those in sabotage.py, done to it.
        """
        [port] = free_ports(1)
        log = self.folder / f"worker-{len(self.workers)}.log"
        settings = {
            **self._settings(),
            "MOEBRIDGE_WORKER__DATA_DIR": str(self.folder / data),
            "MOEBRIDGE_WORKER__HTTP_PORT": str(port),
            "MOEBRIDGE_WORKER__SESSION_TIMEOUT_S": "6",
            "MOEBRIDGE_WORKER__FAILPOINTS": failpoints,
            **env,
        }
        program = [*_SABOTAGED, sabotage] if sabotage else ["-m", "moebridge"]
        with log.open("w") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *program, "worker", *options,
                env={**os.environ, **settings}, stdout=output, stderr=output, cwd=self.folder,
                start_new_session=True,  # without a terminal, as a service has none
            )  # fmt: skip
        worker = WorkerProcess(process, f"http://127.0.0.1:{port}", log)
        self.workers.append(worker)
        if ready:
            await worker.ready(self.session)
        return worker

    async def command(self, *arguments: str) -> str:
        """``moebridge …``, which ends with 0; what it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "moebridge", *arguments,
            env={**os.environ, **self._settings()}, cwd=self.folder, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode()

    def _settings(self) -> dict[str, str]:
        return {
            "MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "MOEBRIDGE_KAFKA__TOPIC_PREFIX": self.prefix,
            "MOEBRIDGE_KAFKA__PARTITIONS": str(PARTITIONS),
            "MOEBRIDGE_MOENGAGE__WORKSPACE_ID": WORKSPACE,
            "MOEBRIDGE_MOENGAGE__API_KEY": KEY,
            "MOEBRIDGE_MOENGAGE__BASE_URL": self.sandbox_url,
        }

    async def post(self, *documents: dict[str, Any], at_once: int = 32) -> None:
        """Post signed webhooks, in order where ``at_once`` is 1; each must be taken."""
        gate = asyncio.Semaphore(at_once)

        async def one(document: dict[str, Any]) -> None:
            async with gate:
                assert await self.post_raw(json.dumps(document).encode()) == 200

        if at_once == 1:
            for document in documents:
                await one(document)
        else:
            await asyncio.gather(*(one(document) for document in documents))

    async def post_raw(self, body: bytes) -> int:
        """Post one signed body; the status."""
        headers = {HEADER: sign(body, self.secret), "Content-Type": "application/json"}
        url = f"{self.front_url}/intercom/webhooks"
        async with self.session.post(url, data=body, headers=headers) as answer:
            return answer.status

    async def sandbox(self, path: str) -> Any:
        """GET from the sandbox's own part."""
        async with self.session.get(f"{self.sandbox_url}/sandbox/{path}") as answer:
            assert answer.status in (200, 404), await answer.text()
            return await answer.json() if answer.status == 200 else None

    async def attributes(self, customer_id: str) -> dict[str, Any] | None:
        """A MoEngage user's attributes; None where there is no such user."""
        user = await self.sandbox(f"users/{customer_id}")
        return None if user is None else user["attributes"]

    async def events(self, customer_id: str = "") -> list[dict[str, Any]]:
        """What MoEngage took as events, in order."""
        query = f"?customer_id={customer_id}" if customer_id else ""
        events: list[dict[str, Any]] = (await self.sandbox(f"events{query}"))["events"]
        return events

    async def event_ids(self) -> list[str]:
        """The Intercom event id of every event that MoEngage took."""
        return [event["attributes"]["intercom_event_id"] for event in await self.events()]

    async def faults(self, **fault: Any) -> None:
        """Tell the sandbox how to answer from now on; without a fault, as it should."""
        url = f"{self.sandbox_url}/sandbox/faults"
        async with self.session.delete(url) as answer:
            assert answer.status < 300, await answer.text()
        if fault:
            async with self.session.post(url, json=fault) as answer:
                assert answer.status < 300, await answer.text()

    async def arrived(self, event_ids: Iterable[str], timeout: float = 90) -> None:
        """Wait until events of all these ids are at MoEngage."""
        expected = set(event_ids)

        async def all_there() -> bool:
            stats = await self.sandbox("stats")
            return stats["events"] >= len(expected) and expected <= set(await self.event_ids())

        await until(all_there, f"{len(expected)} events arrived", timeout)


@asynccontextmanager
async def bridge(
    bootstrap_servers: str,
    prefix: str,
    folder: Path,
    *,
    replication: int = 1,
    before_moengage: Iterable[Middleware] = (),
    others: tuple[Senders, ...] = (),
) -> AsyncIterator[Bridge]:
    """A bridge without workers; whatever is left running is killed at the end.

    ``before_moengage`` are middlewares of the sandbox, for tests that look at each call. ``others`` may
    send to further configurations, which the worker's settings are to name.
    """
    async with AsyncExitStack() as stack:
        await create_topics(
            {"bootstrap_servers": bootstrap_servers},
            prefix=prefix, partitions=PARTITIONS, replication=replication, app_id=f"{prefix}moebridge",
        )  # fmt: skip
        publisher = KafkaPublisher(bootstrap_servers, topic_name(EVENTS, prefix))
        await publisher.start()
        stack.push_async_callback(publisher.close, 2.0)
        config = IngestConfig((SECRET,), ((WORKSPACE, KEY),), topic_prefix=prefix, others=others)
        front = create_front_door(config, publisher, now_ms=lambda: time.time_ns() // 1_000_000)
        sandbox = create_sandbox(SandboxConfig(workspace_id=WORKSPACE, api_key=KEY))
        sandbox.middlewares.extend(before_moengage)
        urls = [await _serve(stack, app) for app in (front, sandbox)]
        session = await stack.enter_async_context(aiohttp.ClientSession())
        one = Bridge(bootstrap_servers, prefix, folder, session, *urls)

        async def publishing() -> bool:
            return publisher.ready

        await until(publishing, "the front door has its broker")
        try:
            yield one
        finally:
            for worker in one.workers:
                if worker.process.returncode is None:
                    await worker.kill()


async def until(holds: Callable[[], Awaitable[bool]], what: str, timeout: float = 30) -> None:
    """Ask until it holds."""
    try:
        async with asyncio.timeout(timeout):
            while not await holds():  # noqa: ASYNC110  # other processes tell nobody
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {timeout} s: {what}") from None


async def _serve(stack: AsyncExitStack, app: web.Application) -> str:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"
