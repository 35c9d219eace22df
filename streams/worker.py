"""One worker: the Faust app with its stages and delivery, from start to stop, in the caller's loop."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faust
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.tables.recovery import ServiceStopped
from faust.types import TP
from prometheus_client import CollectorRegistry

from events.configurations import Configurations
from events.errors import MoebridgeError
from events.topics import DELIVERIES, RECEIPTS, TABLES, TopicName, topic_name
from intercom.config import IntercomConfig
from mappings.rules import RuleSet
from moengage.client import MoEngageClient, MoEngageConfig
from moengage.transport import AiohttpTransport
from streams.app import AppConfig, add_agent, make_app
from streams.chunks import Chunk, Place
from streams.data_folder import locked
from streams.delivery.config import DeliverConfig
from streams.delivery.deliver import NAME as DELIVER
from streams.delivery.deliver import Deliver
from streams.enrich import Enrichment, Looks, asking
from streams.errors import PartitionMismatch, StageFailed, StreamsError, WorkerStalled
from streams.facts import facts_of
from streams.failpoints import Failpoints
from streams.metrics import Metrics
from streams.progress import Facts, Phase
from streams.publishing import BatchPublisher
from streams.runner import Prepare, StageRunner
from streams.stages.companies import Companies
from streams.stages.contacts import Contacts
from streams.stages.route import Route
from streams.stages.stage import Stage
from streams.tables import ChunkTable, make_table
from streams.transport import ChunkConsumer

#: How often a worker tells what it is at, in seconds.
TELL_S = 1.0

#: How long the producer may take at a stop for what is on its way, in seconds.
CLOSE_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker needs.

    ``moengage`` and ``intercom`` are by configuration. ``moengage`` has all of them, the default one
    first; of one without ``intercom``, nobody is asked for contacts that are not known. ``rules`` gives a
    configuration's rules, once a chunk. ``real_time_action``: the configurations whose events carry it.
    ``shutdown_s``: how long a stop may take before work is given back.
    """

    app: AppConfig
    moengage: Mapping[str, MoEngageConfig]
    rules: Callable[[str], RuleSet]
    intercom: Mapping[str, IntercomConfig] = field(default_factory=dict)
    deliver: DeliverConfig = field(default_factory=DeliverConfig)
    shutdown_s: float = 10.0
    max_batch_bytes: int = 900_000
    real_time_action: frozenset[str] = frozenset()
    failpoints: tuple[str, ...] = ()

    @property
    def configurations(self) -> Configurations:
        """Their names."""
        return Configurations(tuple(self.moengage))


class Worker:
    """Runs until told to stop, or until something failed."""

    def __init__(self, config: WorkerConfig, registry: CollectorRegistry | None = None) -> None:
        self.config = config
        self.metrics = Metrics(registry or CollectorRegistry())
        self._serving = False
        self._app: faust.App | None = None
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._failpoints = Failpoints.parse(config.failpoints)
        self._consumer: ChunkConsumer | None = None
        self._runners: dict[str, StageRunner] = {}
        self._deliver: Deliver | None = None
        self._deliveries = 1  # partitions of moengage.deliveries
        self._started = self._stopping = False
        self._beats = 0
        #: What the worker tells of itself, a second old at most; a value that is only ever exchanged.
        self.facts = Facts()
        #: The partitions that were assigned last, changelogs among them; exchanged likewise.
        self.assigned: frozenset[Place] = frozenset()

    @property
    def troubles(self) -> dict[str, str]:
        """By configuration, why nothing of it is delivered until a person looks. Safe to show."""
        return {} if self._deliver is None else self._deliver.troubles

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned and tables recovered; not while they move or it stops."""
        return self._serving and self._app is not None and bool(self._app.tables.actives_ready)

    def stalled(self, reasons: Sequence[str]) -> None:
        """It stands still: give back what can be given back, and raise WorkerStalled out of ``run``."""
        if not self._failure.done():
            self._failure.set_exception(WorkerStalled("; ".join(reasons)))
            if self._consumer is not None:
                self._consumer.grace_s = 0.0

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Run until ``stop`` is set. Raises StreamsError where the worker cannot go on."""
        async with AsyncExitStack() as stack:
            beating = asyncio.create_task(self._tell())
            stack.callback(beating.cancel)
            stack.enter_context(locked(Path(self.config.app.data_dir)))
            producer = await self._producer(stack)
            workspaces = dict.fromkeys(self.config.moengage.values())  # two may share one
            transport = AiohttpTransport(connections=len(workspaces) * self.config.deliver.in_flight)
            stack.push_async_callback(transport.close)
            made = {config: MoEngageClient(config, transport, time.time) for config in workspaces}
            clients = {name: made[config] for name, config in self.config.moengage.items()}
            looks: dict[str, Looks] = {
                name: await stack.enter_async_context(asking(config, self.metrics))
                for name, config in self.config.intercom.items()
            }
            publisher = BatchPublisher(producer, self.config.max_batch_bytes)
            app, deliver = self._build(publisher, clients, looks)
            await self._check_partitions(producer)
            await self._serve(app, deliver, stop, on_ready)

    async def _tell(self) -> None:
        """Once a second: what the worker is at, and what got lost on the way is fetched again."""
        try:
            while True:
                self._beats += 1
                self.facts = self._facts()
                await asyncio.sleep(TELL_S)
        except Exception as error:  # noqa: BLE001  # everything stops the worker
            self._fail("facts", error)

    def _facts(self) -> Facts:
        app, consumer, deliver = self._app, self._consumer, self._deliver
        if self._stopping:
            return Facts(Phase.STOPPING, self._beats)
        if app is None or consumer is None or deliver is None or not self._started:
            return Facts(Phase.STARTING, self._beats)
        try:
            consumer.find_lost(time.monotonic())
            return facts_of(
                app, consumer, self._runners.values(), deliver, self.config.app.prefix,
                beats=self._beats, serving=self._serving,
            )  # fmt: skip
        except ConsumerNotStarted:
            return Facts(Phase.STARTING, self._beats)

    async def _producer(self, stack: AsyncExitStack) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.config.app.bootstrap_servers,
            **self.config.app.security,
            acks="all",
            enable_idempotence=True,
            max_batch_size=self.config.max_batch_bytes,
            max_request_size=2 * self.config.max_batch_bytes,
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise StreamsError(
                f"kafka.bootstrap_servers: no broker at {self.config.app.bootstrap_servers} ({error!r})"
            ) from error
        stack.push_async_callback(_close, producer)
        return producer

    def _build(
        self,
        publisher: BatchPublisher,
        clients: Mapping[str, MoEngageClient],
        looks: Mapping[str, Looks],
    ) -> tuple[faust.App, Deliver]:
        config, configurations = self.config.app, self.config.configurations
        self._app = app = make_app(config, self.config.shutdown_s)
        contacts = Contacts(
            self.config.rules,
            config.prefix,
            configurations=configurations,
            real_time_action=self.config.real_time_action,
        )
        stages: list[Stage] = [
            Route(config.prefix, configurations=configurations),
            contacts,
            Companies(config.prefix, configurations=configurations),
        ]
        prepares: dict[str, Prepare] = {}
        if looks:
            prepares[contacts.name] = Enrichment(contacts, looks, self.metrics).prepare
        tables: dict[str, ChunkTable] = {name: make_table(app, name) for name in TABLES}
        self._watch_recovery(app)
        self._consumer = consumer = _consumer(app)
        consumer.grace_s = self.config.shutdown_s
        consumer.linger_s = config.poll_linger_s
        for stage in stages:
            runner = StageRunner(
                stage,
                tables[stage.table] if stage.table else None,
                publisher,
                now_ms=_now_ms,
                metrics=self.metrics,
                failpoints=self._failpoints,
                group_records=config.chunk_records,
                prepare=prepares.get(stage.name),
            )
            self._runners[stage.name] = runner
            self._agent(app, stage.name, stage.source, runner.take)
        deliver = Deliver(
            clients, publisher, consumer, self.config.deliver,
            configurations=configurations, parked=tables["parked"],
            max_record_bytes=self.config.max_batch_bytes, prefix=config.prefix, now_ms=_now_ms,
            metrics=self.metrics, failpoints=self._failpoints,
            fail=lambda error: self._fail(DELIVER, error),
        )  # fmt: skip
        consumer.on_drain, consumer.on_drop = deliver.drain, deliver.drop
        consumer.on_commit = deliver.ahead
        consumer.on_lost = lambda: self.metrics.count("moebridge_chunks_lost_total")
        self._deliver = deliver
        self._agent(app, DELIVER, DELIVERIES, deliver.take)
        app.on_partitions_assigned.connect(self._check_assignment(app), weak=False)
        app.on_partitions_assigned.connect(self._share_budgets(), weak=False)
        return app, deliver

    def _agent(self, app: faust.App, name: str, source: TopicName, take: Callable[[Chunk], None]) -> None:
        async def handle(chunk: Chunk) -> None:
            if self._consumer is not None:
                self._consumer.arrived(chunk)
            take(chunk)

        async def fail(error: BaseException) -> None:
            self._fail(name, error)
            await asyncio.Event().wait()  # not one chunk further; the stop cancels this

        add_agent(app, name, source, self.config.app.prefix, handle, fail)

    async def _run_stage(self, name: str, runner: StageRunner, consumer: ChunkConsumer) -> None:
        try:
            await runner.run(consumer)
        except Exception as error:  # noqa: BLE001  # everything stops the worker
            self._fail(name, error)

    def _watch_recovery(self, app: faust.App) -> None:
        """Faust's recovery ends quietly, for good, where a broker does not answer it in time."""
        tables: Any = app.tables
        recovery = tables.recovery
        wait = recovery._wait

        async def watched(*args: Any, **kwargs: Any) -> None:
            try:
                await wait(*args, **kwargs)
            except ServiceStopped:
                if not recovery.should_stop and not app.should_stop:
                    error = StreamsError("the broker did not answer in time while tables were recovered")
                    self._fail("recovery", error)
                raise

        recovery._wait = watched

    def _fail(self, stage: str, error: BaseException) -> None:
        if not self._failure.done():
            # An exception that is not ours may quote what it met, a name or an address.
            said = f": {error}" if isinstance(error, MoebridgeError) else ""
            failure = StageFailed(f"stage {stage}: {type(error).__name__}{said}")
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s; nothing of its chunk was acknowledged\n%s", failure, where)
            failure.__cause__ = error
            self._failure.set_exception(failure)
            if self._consumer is not None:
                self._consumer.grace_s = 0.0  # what failed will not finish, however long one waits

    async def _serve(
        self, app: faust.App, deliver: Deliver, stop: asyncio.Event, on_ready: Callable[[], None]
    ) -> None:
        app.finalize()
        self._started = True
        stages = [
            asyncio.create_task(self._run_stage(name, runner, _consumer(app)))
            for name, runner in self._runners.items()
        ]
        starting = asyncio.create_task(app.start())
        stopping = asyncio.create_task(stop.wait())
        crashed = asyncio.create_task(app._crashed.wait())
        enders: set[asyncio.Future[Any]] = {stopping, crashed, self._failure}
        try:
            await asyncio.wait({starting, *enders}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done() and not any(one.done() for one in enders):
                await starting
                self._serving = True
                on_ready()
                log.info("worker ready")
                await asyncio.wait(enders, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._serving = False
            self._stopping = True
            stopping.cancel()
            crashed.cancel()
            await self._stop(app, deliver, [starting, *stages])
        if self._failure.done():
            await self._failure
        self._failure.cancel()
        if app.crashed:
            reason = getattr(app, "_crash_reason", None)
            raise StreamsError(f"Faust stopped: {reason!r}") from reason

    async def _stop(
        self, app: faust.App, deliver: Deliver, tasks: Sequence[asyncio.Task[object]]
    ) -> None:
        """Stop Faust within the time that a stop may take, and a little more for its threads."""
        try:
            async with asyncio.timeout(self.config.shutdown_s + 5):
                await app.stop()
        except TimeoutError:
            log.warning("Faust did not stop in time; leaving it to the end of the process")
        await deliver.drop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _check_partitions(self, producer: AIOKafkaProducer) -> None:
        """The receipts are there, and a table and its topic have equal partitions."""
        cluster = await producer.client.fetch_all_metadata()
        config = self.config.app
        deliveries = topic_name(DELIVERIES, config.prefix)
        self._deliveries = len(cluster.partitions_for_topic(deliveries) or (0,))
        receipts = topic_name(RECEIPTS, config.prefix)
        if not cluster.partitions_for_topic(receipts):  # found out before MoEngage takes something
            raise PartitionMismatch(_missing(receipts))
        for table, source in TABLES.items():
            names = (topic_name(source, config.prefix), f"{config.app_id}-{table}-changelog")
            counts = [len(cluster.partitions_for_topic(name) or ()) for name in names]
            if 0 in counts:
                missing = names[counts.index(0)]
                raise PartitionMismatch(_missing(missing))
            if counts[0] != counts[1]:
                raise PartitionMismatch(
                    f"topics {names[0]} ({counts[0]} partitions) and {names[1]} ({counts[1]}): must be "
                    "equal; create them anew with `moebridge topics create`"
                )

    def _share_budgets(self) -> Callable[..., Awaitable[None]]:
        """Budgets are shared by partitions: so nobody has to tell the workers of each other."""
        deliveries = topic_name(DELIVERIES, self.config.app.prefix)

        async def share(_app: faust.App, assigned: set[TP], **_: object) -> None:
            here = sum(tp.topic == deliveries for tp in assigned)
            if self._deliver is not None and here:
                self._deliver.set_share(here / self._deliveries)

        return share

    def _check_assignment(self, app: faust.App) -> Callable[..., Awaitable[None]]:
        config = self.config.app

        async def check(_app: faust.App, assigned: set[TP], **_: object) -> None:
            self.assigned = frozenset(Place(*tp) for tp in assigned)
            for table, source in TABLES.items():
                reads = {tp.partition for tp in assigned if tp.topic == topic_name(source, config.prefix)}
                changelog = f"{config.app_id}-{table}-changelog"
                keeps = {tp.partition for tp in app.assignor.assigned_actives() if tp.topic == changelog}
                if reads != keeps:
                    error = PartitionMismatch(
                        f"{table}: reads partitions {sorted(reads)}, keeps the state of {sorted(keeps)}"
                    )
                    self._fail(table, error)

        return check


def _missing(topic: str) -> str:
    return f"topic {topic}: missing; run `moebridge topics create`"


def _consumer(app: faust.App) -> ChunkConsumer:
    consumer = app.consumer
    assert isinstance(consumer, ChunkConsumer)
    return consumer


async def _close(producer: AIOKafkaProducer) -> None:
    """Stop the producer; what a broker that is away does not take by then was never acknowledged."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await producer.stop()
    except TimeoutError:
        log.warning("the producer did not stop within %.0f s; leaving it", CLOSE_S)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
