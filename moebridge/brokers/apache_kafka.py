"""Apache Kafka (KRaft), run from its jars with the machine's Java: for tests of guarantees and faults.

One broker, or three that are brokers and controllers at once, on 127.0.0.1. Settings are chosen for
tests: no topic is created unasked, groups form without delay, sessions may be as short as a second.
"""

from __future__ import annotations

import asyncio
import base64
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from moebridge.brokers.kafka_jars import find_java, kafka_jars
from moebridge.brokers.ports import free_ports
from moebridge.brokers.process import BrokerProcess
from moebridge.brokers.ready import wait_until_ready
from moebridge.errors import BrokerStartFailed

#: Seconds until a broker answers; some 4 s on two idle cores, three at once some 10 s.
READY_TIMEOUT_S = 120.0

_LOGGING = Path(__file__).with_name("log4j2.xml")


@dataclass(frozen=True, slots=True)
class Listener:
    """A further way in: SSL or SASL_SSL, with Kafka's settings for it (without ``listener.name.…``)."""

    protocol: Literal["SSL", "SASL_SSL", "SASL_PLAINTEXT"]
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Node:
    number: int
    folder: Path
    port: int
    controller_port: int
    listener_ports: Mapping[str, int]
    process: BrokerProcess

    @property
    def properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def data(self) -> Path:
        return self.folder / "data"


class ApacheKafka:
    """A cluster of one or three brokers, numbered from 1, with data and logs below ``data_dir``.

    ``listeners`` are further ways in, by name, beside the plain one that brokers use among themselves;
    ``scram_users`` are passwords by user, for SCRAM-SHA-512.

    Logs: ``data_dir/broker-N/server.log``, and ``console.log`` beside it. Raises BrokerUnsupported
    where Java or Maven is missing, BrokerStartFailed where a broker does not come up.
    """

    def __init__(
        self,
        data_dir: Path,
        brokers: Literal[1, 3] = 1,
        *,
        listeners: Mapping[str, Listener] | None = None,
        scram_users: Mapping[str, str] | None = None,
    ) -> None:
        self._data_dir = data_dir.resolve()
        self._listeners = dict(listeners or {})
        self._scram_users = dict(scram_users or {})
        self._count = brokers
        self._nodes: dict[int, _Node] = {}
        self._cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")

    @property
    def bootstrap_servers(self) -> str:
        """host:port of every broker, comma-separated, once started."""
        assert self._nodes, "the brokers were not started"
        return ",".join(f"127.0.0.1:{node.port}" for node in self._nodes.values())

    def bootstrap_servers_of(self, listener: str) -> str:
        """host:port of every broker's listener of this name, comma-separated, once started."""
        return ",".join(f"127.0.0.1:{node.listener_ports[listener]}" for node in self._nodes.values())

    async def start(self, number: int | None = None) -> None:
        """Start broker ``number`` again after ``kill`` or, without one, all that do not run."""
        if not self._nodes:
            await self._lay_out()
        nodes = [node for node in self._nodes.values() if number in (None, node.number)]
        down = [node for node in nodes if not node.process.alive]
        running = sum(node.process.alive for node in self._nodes.values()) + len(down)
        try:
            async with asyncio.TaskGroup() as starts:
                for node in down:
                    starts.create_task(self._start_node(node, running))
        except BaseException as error:
            await asyncio.gather(*(node.process.stop() for node in down))
            if isinstance(error, ExceptionGroup):
                raise error.exceptions[0] from None
            raise

    async def kill(self, number: int) -> None:
        """SIGKILL broker ``number``."""
        await self._nodes[number].process.kill()

    async def stop(self) -> None:
        """Stop all brokers, together. Again is no harm."""
        await asyncio.gather(*(node.process.stop() for node in self._nodes.values()))

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

    async def _lay_out(self) -> None:
        """Choose the ports and write what each broker reads."""
        self._java = await asyncio.to_thread(find_java)
        self._classpath = str(await kafka_jars() / "*")
        ports = free_ports((2 + len(self._listeners)) * self._count)
        for number in range(1, self._count + 1):
            folder = self._data_dir / f"broker-{number}"
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            command: list[str | Path] = [
                *(self._java, "-Xms256m", "-Xmx512m", f"-Dmoebridge.log={folder / 'server.log'}"),
                *(f"-Dlog4j2.configurationFile={_LOGGING}", "-cp", self._classpath),
                *("kafka.Kafka", folder / "server.properties"),
            ]
            port, controller_port = ports.pop(), ports.pop()
            listener_ports = {name: ports.pop() for name in self._listeners}
            process = BrokerProcess(
                f"Apache Kafka broker {number}",
                command,
                folder=folder,
                log_file=folder / "console.log",
                ports=[port, controller_port, *listener_ports.values()],
            )
            self._nodes[number] = _Node(number, folder, port, controller_port, listener_ports, process)
        voters = ",".join(f"{n.number}@127.0.0.1:{n.controller_port}" for n in self._nodes.values())
        for node in self._nodes.values():
            node.properties.write_text(_properties(node, voters, self._count, self._listeners))

    async def _start_node(self, node: _Node, running: int) -> None:
        if not (node.data / "meta.properties").exists():
            await asyncio.to_thread(self._format, node)
        await node.process.start()
        await wait_until_ready(node.process, node.port, brokers=running, timeout_s=READY_TIMEOUT_S)

    def _format(self, node: _Node) -> None:
        # It runs for a second: the first compiler alone is the quicker way.
        answer = subprocess.run(  # noqa: S603
            [
                *(self._java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"),
                *(
                    f"-Dmoebridge.log={node.folder / 'format.log'}",
                    f"-Dlog4j2.configurationFile={_LOGGING}",
                ),
                *("-cp", self._classpath, "kafka.tools.StorageTool", "format"),
                # In one word, for an id may begin with a dash.
                *(f"--cluster-id={self._cluster_id}", "-c", str(node.properties)),
                *(
                    f"--add-scram=SCRAM-SHA-512=[name={user},password={password}]"
                    for user, password in self._scram_users.items()
                ),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=READY_TIMEOUT_S,
        )
        if answer.returncode != 0:
            raise BrokerStartFailed(
                f"Apache Kafka broker {node.number}",
                "formatting its storage failed",
                node.folder / "format.log",
                (answer.stdout + answer.stderr).splitlines()[-5:],
            )


def _properties(node: _Node, voters: str, brokers: int, listeners: Mapping[str, Listener]) -> str:
    replicas, in_sync = (3, 2) if brokers == 3 else (1, 1)
    plain = f"PLAINTEXT://127.0.0.1:{node.port}"
    ways_in = "".join(f",{name}://127.0.0.1:{port}" for name, port in node.listener_ports.items())
    protocols = "".join(f",{name}:{one.protocol}" for name, one in listeners.items())
    of_listeners = "\n".join(
        f"listener.name.{name.lower()}.{key}={value}"
        for name, one in listeners.items()
        for key, value in one.settings.items()
    )
    return f"""\
node.id={node.number}
process.roles=broker,controller
controller.quorum.voters={voters}
listeners={plain}{ways_in},CONTROLLER://127.0.0.1:{node.controller_port}
advertised.listeners={plain}{ways_in}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
{of_listeners}
log.dirs={node.data}

auto.create.topics.enable=false
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=3
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=1

group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A killed broker is missed after 4 s, not 9.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500

# Small on memory and disk.
log.cleaner.dedupe.buffer.size=16777216
log.index.size.max.bytes=1048576
"""
