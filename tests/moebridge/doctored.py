"""A chain that the doctor can look at: a real broker, a front door on it, both sandboxes, and a worker's
place in the group. Parts can be left out or made wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry

from events.topics import COMPANIES, CONTACTS, DELIVERIES, EVENTS, topic_name
from ingest.server import serve
from intercom.sandbox.app import create_app as intercom_app
from intercom.sandbox.config import SandboxConfig as IntercomSandbox
from moebridge.doctor.chain import checks_of
from moebridge.doctor.findings import Outcome
from moebridge.doctor.schedule import run_checks
from moebridge.settings import ConfigurationSettings, Settings
from moebridge.settings_source import Loaded, load
from moebridge.site import serving
from moebridge.topic_admin import create_topics
from moebridge.wiring import connection, ingest_config, publisher, topic_arguments
from moengage.sandbox.app import create_app as moengage_app
from moengage.sandbox.config import SandboxConfig as MoEngageSandbox

#: Every secret begins so, to be looked for in what is said.
HUSH = "hush-"
SETTINGS = {
    "kafka.partitions": "2",
    "intercom.webhook_secrets": f"{HUSH}hook",
    "intercom.workspace_id": "ws-1",
    "intercom.data_key": f"{HUSH}data",
    "intercom.access_token": f"{HUSH}token",
    "moengage.workspace_id": "ABC",
    "moengage.api_key": f"{HUSH}api",
}


@dataclass(frozen=True)
class Chain:
    """What runs. ``settings`` fit it."""

    settings: Settings
    moengage_url: str

    async def examine(
        self, *, url: str | None = None, timeout_s: float = 20.0, **changes: str
    ) -> dict[str, Outcome]:
        """The doctor's outcomes under these settings, changed: ``moengage__api_key`` and so on.

        By the check's name, with that of the configuration where it is a further one.
        """
        settings = changed(self.settings, changes)
        async with aiohttp.ClientSession() as session:
            loaded = Loaded(settings, {}, None)
            checks = checks_of(loaded, session, url=url, timeout_s=timeout_s)
            outcomes = await run_checks(checks, timeout_s=timeout_s, raise_unexpected=True)
        further = settings.configurations
        return {
            f"{one.check} {one.configuration}" if one.configuration in further else one.check: one
            for one in outcomes
        }

    async def moengage_has(self) -> Any:
        """The MoEngage sandbox's statistics."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.moengage_url}/sandbox/stats") as answer,
        ):
            return await answer.json()


def changed(settings: Settings, changes: Mapping[str, str]) -> Settings:
    """Settings with others for some, by ``section__key``."""
    return settings.changed({name.replace("__", "."): value for name, value in changes.items()})


@asynccontextmanager
async def chain(
    bootstrap_servers: str,
    prefix: str,
    *,
    topics: bool = True,
    worker: bool = True,
    door: Mapping[str, str] | None = None,
    further: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
) -> AsyncIterator[Chain]:
    """The chain; ``door``: settings of the front door that are not those of the others.

    ``further`` are further configurations; they deliver to the same sandbox.
    """
    async with (
        serving(moengage_app(MoEngageSandbox("ABC", f"{HUSH}api")), "127.0.0.1", 0, "") as moengage,
        serving(
            intercom_app(IntercomSandbox(access_token=f"{HUSH}token")), "127.0.0.1", 0, ""
        ) as intercom,
    ):
        settings = load().settings.changed(
            {
                **SETTINGS,
                "kafka.bootstrap_servers": bootstrap_servers,
                "kafka.topic_prefix": prefix,
                "moengage.base_url": moengage,
                "intercom.base_url": intercom,
            }
        )
        configurations = {
            name: ConfigurationSettings.model_validate(
                {**sections, "moengage": {"base_url": moengage, **sections["moengage"]}}
            )
            for name, sections in (further or {}).items()
        }
        settings = settings.model_copy(update={"configurations": configurations})
        if topics:
            await create_topics(connection(settings), replication=1, **topic_arguments(settings))
        served = front_door(changed(settings, door or {}), ready=topics and not door)
        async with served as port, group_member(settings, worker):
            yield Chain(settings.changed({"ingest.port": str(port)}), moengage)


@asynccontextmanager
async def front_door(settings: Settings, *, ready: bool) -> AsyncIterator[int]:
    """The front door on a free port; where it can be, once its broker takes records."""
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    published = publisher(settings, CollectorRegistry())
    running = asyncio.create_task(
        serve(
            ingest_config(settings), published, host="127.0.0.1", port=0,
            now_ms=lambda: int(time.time() * 1000), stop=stop, on_listening=listening.set_result,
        )
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            port = int((await listening).rpartition(":")[2])
            await until(lambda: published.ready or not ready)
        yield port
    finally:
        stop.set()
        await running


@asynccontextmanager
async def group_member(settings: Settings, wanted: bool) -> AsyncIterator[None]:
    """Somebody in the workers' group, who reads and commits nothing."""
    if not wanted:
        yield
        return
    prefix = settings.kafka.topic_prefix
    names = [topic_name(name, prefix) for name in (EVENTS, CONTACTS, COMPANIES, DELIVERIES)]
    member = AIOKafkaConsumer(
        *names, **connection(settings), group_id=settings.app_id, enable_auto_commit=False
    )
    await member.start()
    try:
        async with asyncio.timeout(30):
            await until(lambda: bool(member.assignment()))
        yield
    finally:
        await member.stop()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that tells nobody."""
    while True:
        if holds():
            return
        await asyncio.sleep(0.01)
