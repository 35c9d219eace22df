"""A whole installation on one machine: ingress and worker as processes, and a broker where none is named.

Starts broker, topics, ingress, worker; stops ingress, worker, broker, so that nothing is taken that
nobody works on, and nothing is left half done.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from moebridge.brokers.embedded import EmbeddedBroker
from moebridge.child import Child, OnLine
from moebridge.errors import TopicsUnfit
from moebridge.setting_catalogue import variable
from moebridge.settings import ENV_PREFIX, Settings
from moebridge.site import local_url
from moebridge.supervision import Answers, keep_running
from moebridge.together import together
from moebridge.topic_admin import create_topics
from moebridge.wiring import connection, topic_arguments

log = logging.getLogger(__name__)

#: How long the first start of a process may take, in seconds: joining a group waits for dead members.
READY_S = 120.0
#: What a stop of the ingress takes at most: its requests, then a broker that does not answer.
STOP_INGEST_S = 20.0
#: What a stop of the worker takes beyond ``worker.shutdown_s``.
STOP_WORKER_S = 15.0

#: How long the front door may not answer before it is killed; a worker's time is ``worker.stall_s``.
INGEST_SILENT_S = 30.0

_BROKER_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """Where the processes run: ``settings`` with the broker and ports that they really have.

    ``environment`` is what they get besides ``settings``' differences, ``folder`` where they run.
    """

    settings: Settings
    environment: Mapping[str, str]
    folder: Path | None = None

    @property
    def ingest_url(self) -> str:
        """The front door, from this machine."""
        return local_url(self.settings.ingest.host, self.settings.ingest.port)

    @property
    def worker_url(self) -> str:
        """The worker's site, from this machine."""
        return local_url(self.settings.worker.http_host, self.settings.worker.http_port)


class Installation:
    """The processes. ``broker`` is the embedded one, started already; None: somebody else's."""

    def __init__(self, place: Place, broker: EmbeddedBroker | None, on_line: OnLine) -> None:
        self._place = place
        self._broker = broker
        self._broker_in_work = asyncio.Lock()
        embedded = ["--embedded-broker"] if broker else []
        self.ingest = self._child("ingest", ["ingest"], on_line)
        self.worker = self._child("worker", ["worker", *embedded], on_line)

    async def start(self) -> None:
        """Create the topics, start both processes, wait until both are ready.

        Raises ProcessFailed, BrokerUnreachable, TopicsUnfit.
        """
        settings = self._place.settings
        reports = await create_topics(
            connection(settings),
            replication=settings.kafka.replication,
            **topic_arguments(settings),
        )
        if problems := [f"{report.name}: {report.problem}" for report in reports if report.problem]:
            raise TopicsUnfit(problems)
        await self._forget_dead_workers()
        await asyncio.gather(self.ingest.start(), self.worker.start())
        await together(
            self.ingest.ready(f"{self._place.ingest_url}/readyz", timeout_s=READY_S),
            self.worker.ready(f"{self._place.worker_url}/readyz", timeout_s=READY_S),
        )

    async def keep_running(self) -> None:
        """Start again what ends, until cancelled. Raises ProcessFailed, BrokerError."""
        place = self._place
        front = Answers(f"{place.ingest_url}/healthz", INGEST_SILENT_S)
        worker = Answers(f"{place.worker_url}/healthz", place.settings.worker.stall_s)
        await together(
            keep_running(self.ingest, before_restart=_nothing, answers=front),
            keep_running(self.worker, before_restart=self._forget_dead_workers, answers=worker),
            *([self._keep_broker(self._broker)] if self._broker else []),
        )

    async def stop(self) -> None:
        """Stop ingress, then worker. Again is no harm."""
        await self.ingest.stop(STOP_INGEST_S)
        await self.worker.stop(self._place.settings.worker.shutdown_s + STOP_WORKER_S)

    def kill(self) -> None:
        """Kill both, without waiting."""
        self.ingest.kill()
        self.worker.kill()

    async def _forget_dead_workers(self) -> None:
        """The embedded broker keeps a killed worker in its group for ever, and lets no other in."""
        if self._broker is None:
            return
        async with self._broker_in_work:
            forgotten = await self._broker.forget_members(self._place.settings.app_id)
            if forgotten:
                log.info("took a worker that had ended out of its group on the embedded broker")

    async def _keep_broker(self, broker: EmbeddedBroker) -> None:
        while True:
            await asyncio.sleep(_BROKER_LOOK_S)
            async with self._broker_in_work:
                if not broker.alive:
                    log.error("the embedded broker ended; starting it again")
                    await broker.restart()

    def _child(self, name: str, arguments: list[str], on_line: OnLine) -> Child:
        return Child(
            name,
            arguments,
            environment=self._place.environment,
            on_line=on_line,
            folder=self._place.folder,
        )


def child_environment(base: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """``base`` with these settings (``section.key``: value), which win over whatever it says of them."""
    variables = {variable(name): value for name, value in settings.items()}
    kept = {name: value for name, value in base.items() if name.upper() not in variables}
    return {**kept, **variables, "PYTHONUNBUFFERED": "1"}


def without_settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment without anything of moebridge's."""
    return {name: value for name, value in environment.items() if not name.upper().startswith(ENV_PREFIX)}


async def _nothing() -> None:
    pass
