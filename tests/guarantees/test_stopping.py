"""SIGTERM ends a worker in bounded time whatever it is at; what it had in hand is finished or given back.

Exit code 0 says that it was the worker that ended in order, not the bound that ended it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import payloads
import pytest
from bridge import Bridge, WorkerProcess, bridge, until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SHORT = {"MOEBRIDGE_WORKER__SHUTDOWN_S": "2"}

Saboteur = Callable[[Bridge, list[dict]], Awaitable[WorkerProcess]]


def long(at: Saboteur) -> object:
    """One more of the kind: make test-faults."""
    return pytest.param(at, marks=pytest.mark.faults)


def tickets(count: int) -> list[dict]:
    return [payloads.ticket_moved(n, n % 50, "resolved", id=f"notif_{n}", at=n) for n in range(count)]


async def phase(one: Bridge, worker: WorkerProcess, name: str) -> None:
    """Wait until the worker is at this."""

    async def there() -> bool:
        health = await worker.health(one.session)
        return health is not None and health["phase"] == name

    await until(there, name)


async def waits(one: Bridge, worker: WorkerProcess, reason: str) -> None:
    """Wait until the worker says that it waits for this."""

    async def there() -> bool:
        health = await worker.health(one.session)
        return health is not None and any(reason in known for known in health["waiting"])

    await until(there, f"it waits: {reason}", 60)


@asynccontextmanager
async def silence() -> AsyncIterator[str]:
    """A server that takes connections and never says anything; its URL."""

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(quiet, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def limited(one: Bridge, events: list[dict]) -> WorkerProcess:
    await one.faults(kind="status", status=429, count=1_000_000, retry_after=3600)
    worker = await one.start_worker(**SHORT)
    await one.post(*events)
    await waits(one, worker, "MoEngage limits the rate")
    return worker


async def refused(one: Bridge, events: list[dict]) -> WorkerProcess:
    await one.faults(kind="status", status=401, count=1_000_000)
    worker = await one.start_worker(**SHORT)
    await one.post(*events)
    await waits(one, worker, "MoEngage refuses")
    return worker


async def hanging(one: Bridge, events: list[dict]) -> WorkerProcess:
    await one.faults(kind="timeout", seconds=3600, count=1_000_000)
    worker = await one.start_worker(MOEBRIDGE_MOENGAGE__TIMEOUT_S="120", **SHORT)
    await one.post(*events)
    await worker.counts(one.session, 'moebridge_stage_records_total{stage="contacts"} 200.0')
    return worker


async def recovering(one: Bridge, events: list[dict]) -> WorkerProcess:
    await (await one.start_worker("before")).stop()
    await one.post(*events)
    worker = await one.start_worker(sabotage="recovery_hangs", ready=False, **SHORT)
    await phase(one, worker, "recovering tables")
    return worker


async def rejoining(one: Bridge, events: list[dict]) -> WorkerProcess:
    worker = await one.start_worker(sabotage="join_hangs", **SHORT)
    for first in range(0, len(events), 50):
        await one.post(*events[first : first + 50])
    await phase(one, worker, "joining the group")
    return worker


async def starting(one: Bridge, events: list[dict]) -> WorkerProcess:
    await (await one.start_worker("before")).stop()
    await one.post(*events)
    worker = await one.start_worker(ready=False, **SHORT)
    await phase(one, worker, "starting")
    return worker


async def stuck(one: Bridge, events: list[dict]) -> WorkerProcess:
    worker = await one.start_worker(failpoints="contacts:before_step:1:hang", **SHORT)
    await one.post(*events)
    await worker.counts(one.session, 'moebridge_stage_records_total{stage="route"} 200.0')
    return worker


@pytest.mark.parametrize(
    "at",
    [limited, long(refused), hanging, recovering, rejoining, long(starting), long(stuck)],
    ids=lambda at: at.__name__,
)
async def test_a_stop_is_bounded_and_after_it_nothing_is_missing_or_comes_twice(
    kafka_broker, topic_prefix: str, tmp_path: Path, at
) -> None:
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        events = tickets(200)
        worker = await at(one, events)
        assert await worker.stop() == 0, worker.log.read_text()[-3000:]
        await one.faults()
        await one.start_worker()
        await one.arrived([event["id"] for event in events])
        assert max(Counter(await one.event_ids()).values()) == 1


async def test_a_stop_while_intercom_is_asked_and_does_not_answer(
    kafka_broker, topic_prefix: str, tmp_path: Path
) -> None:
    async with (
        silence() as intercom,
        bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one,
    ):
        events = tickets(200)
        asking = {
            "MOEBRIDGE_INTERCOM__ACCESS_TOKEN": "token",
            "MOEBRIDGE_INTERCOM__BASE_URL": intercom,
        }
        worker = await one.start_worker(**asking, **SHORT)
        await one.post(*events)
        await waits(one, worker, "Intercom")
        assert await worker.stop() == 0, worker.log.read_text()[-3000:]
        await one.start_worker()
        await one.arrived([event["id"] for event in events])
        assert max(Counter(await one.event_ids()).values()) == 1


async def test_a_stop_while_the_broker_is_away(kafka_broker, topic_prefix: str, tmp_path: Path) -> None:
    async with (
        type(kafka_broker.server)(tmp_path / "broker") as own,
        bridge(own.bootstrap_servers, topic_prefix, tmp_path) as one,
    ):
        events = tickets(200)
        worker = await one.start_worker(**SHORT)
        await one.post(*events[:100])
        await one.arrived([event["id"] for event in events[:100]])
        await own.stop()

        async def away() -> bool:
            health = await worker.health(one.session)
            return health is not None and health["broker"] == "does not answer"

        await until(away, "the worker knows", 60)
        assert await worker.stop() == 0, worker.log.read_text()[-3000:]
        await own.start()

        async def back() -> bool:
            async with one.session.get(f"{one.front_url}/readyz") as answer:
                return answer.status == 200

        await until(back, "the front door has its broker again", 60)
        await one.start_worker()
        await one.post(*events[100:])
        await one.arrived([event["id"] for event in events])


async def test_a_stop_while_another_worker_joins(kafka_broker, topic_prefix: str, tmp_path: Path) -> None:
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        events = tickets(200)
        # A request has no answer, so that the rebalance waits for it, for so long.
        await one.faults(kind="timeout", count=1_000_000, seconds=3600)
        first = await one.start_worker(
            "w1", MOEBRIDGE_WORKER__SHUTDOWN_S="10", MOEBRIDGE_MOENGAGE__TIMEOUT_S="60"
        )
        await one.post(*events)

        async def asked() -> bool:
            return bool((await one.sandbox("stats"))["requests"])

        await until(asked, "a request is out", 60)
        second = await one.start_worker("w2", ready=False, **SHORT)
        await phase(one, first, "joining the group")
        assert await first.stop() == 0, first.log.read_text()[-3000:]
        await one.faults()
        await second.ready(one.session)
        await one.arrived([event["id"] for event in events])
        assert max(Counter(await one.event_ids()).values()) == 1
