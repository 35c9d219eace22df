"""The embedded broker: noida-db, one small binary from the package index, for the first command.

It keeps everything in memory and saves about once a second and on SIGTERM, so a kill of the broker
loses the last second of acknowledged records. Never for production, a fault test or a published
figure. What is known of it (0.2.3, tried with aiokafka 0.14 in November 2026):

- Members of a group never expire. A member that was killed blocks the next one for ever, unless it
  returns with the same ``group.instance.id`` (then it is back at once), or is forgotten
  (``forget_members``), or the broker is restarted, which forgets all of them. Several living members,
  and members that leave properly, are fine.
- A fetch never waits for records (see moebridge.brokers.idle_fetch) and ignores size limits.
- Asking for an unknown topic, or producing to one, creates it with one partition.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
from pathlib import Path
from types import TracebackType
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.group import LeaveGroupRequest

from moebridge.brokers.ports import free_ports
from moebridge.brokers.process import BrokerProcess
from moebridge.brokers.ready import wait_until_ready
from moebridge.errors import BrokerUnsupported

log = logging.getLogger(__name__)

#: Seconds until it answers; it takes some 0.05 s, and 1.5 s to load 40 MB of records.
READY_TIMEOUT_S = 30.0

_LOWEST_GLIBC = {"x86_64": (2, 34), "aarch64": (2, 39)}


class EmbeddedBroker:
    """One noida-db process on 127.0.0.1, with its data and its log (``broker.log``) in ``data_dir``.

    ``port`` None takes a free one, once: a restart keeps it. Raises BrokerUnsupported where the
    machine cannot run it, BrokerStartFailed where it does not come up or the folder is in use.
    """

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self._data_dir = data_dir.resolve()
        self._port = port
        self._process: BrokerProcess | None = None

    @property
    def bootstrap_servers(self) -> str:
        """host:port, once started."""
        assert self._port is not None, "the broker was not started"
        return f"127.0.0.1:{self._port}"

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.alive

    async def start(self) -> None:
        """Start it and wait until it answers."""
        binary = find_binary()
        if self._port is None:
            [self._port] = free_ports(1)
        process = BrokerProcess(
            "the embedded broker",
            [
                *(binary, "start", "--only", "kafka", "--host", "127.0.0.1"),
                *("--kafka-port", str(self._port), "--data-dir", self._data_dir),
            ],
            folder=self._data_dir,
            log_file=self._data_dir / "broker.log",
            ports=[self._port],
        )
        await process.start()
        try:
            await wait_until_ready(process, self._port, brokers=1, timeout_s=READY_TIMEOUT_S)
        except BaseException:
            await process.stop()
            raise
        self._process = process

    async def stop(self) -> None:
        """Stop it; it saves its data (some 3 s for 40 MB of records). Again is no harm."""
        if self._process is None:
            return
        process, self._process = self._process, None
        status = await process.stop()
        if status != 0:
            log.warning(
                "the embedded broker ended with exit status %s: its last second of records may be lost "
                "(log: %s)",
                status,
                process.log_file,
            )

    async def restart(self) -> None:
        """Stop and start on the same port, with the same data, and without members in any group."""
        await self.stop()
        await self.start()

    async def forget_members(self, group: str) -> int:
        """Take every member out of a consumer group, the living too; returns how many there were.

        For the moment before a worker starts, when whoever is still in its group is dead. A living
        member meets an error at its next heartbeat and joins again.
        """
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        try:
            await admin.start()
            coordinator = await admin.find_coordinator(group)
            [answer] = await admin.describe_consumer_groups([group], group_coordinator_id=coordinator)
            member_ids = [member[0] for described in answer.groups for member in described[5]]
            for member_id in member_ids:
                await admin._client.send(coordinator, LeaveGroupRequest(group, member_id))
            return len(member_ids)
        finally:
            await admin.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()


def find_binary() -> Path:
    """The broker's binary. Raises BrokerUnsupported where it is not installed or cannot run."""
    problem = why_unsupported(platform.system(), platform.machine(), _glibc_version())
    spec = importlib.util.find_spec("noida_db")
    if problem is None and (spec is None or spec.origin is None):
        problem = "the package noida-db is not installed (pip install 'moebridge[embedded]')"
    if problem is not None:
        raise BrokerUnsupported(
            f"the embedded broker: {problem}. Or name a Kafka broker of your own: kafka.bootstrap_servers"
        )
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("noida-db")


def why_unsupported(system: str, machine: str, glibc: tuple[int, int] | None) -> str | None:
    """What this machine lacks; None where the broker runs.

    ``system`` and ``machine`` as the module platform has them; ``glibc`` None where there is another
    C library, or none. (Source: the wheels of noida-db 0.2.3 and the symbols of their binaries.)
    """
    if system == "Darwin":
        return None
    if system != "Linux":
        return f"it runs on Linux and macOS, not on {system}"
    lowest = _LOWEST_GLIBC.get({"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine))
    if lowest is None:
        return f"it is built for x86_64 and aarch64, not for {machine}"
    if glibc is None:
        return "it needs the GNU C library, which this Linux does not have (Alpine?)"
    if glibc < lowest:
        need, have = (".".join(map(str, version)) for version in (lowest, glibc))
        return f"on {machine} it needs the GNU C library {need} or newer; this machine has {have}"
    return None


def _glibc_version() -> tuple[int, int] | None:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (AttributeError, OSError, ValueError):
        return None
    major, _, minor = version.partition(".")
    return (int(major), int(minor)) if name == "glibc" and minor.isdigit() else None
