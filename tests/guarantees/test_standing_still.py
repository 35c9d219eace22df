"""A worker that stands still is found out and replaced, and then everything is delivered."""

from __future__ import annotations

import time
from pathlib import Path

import payloads
import pytest
from bridge import PARTITIONS, Bridge, WorkerProcess, bridge, until

from events.topics import EVENTS
from streams.lag.broker import LagReader
from streams.lag.look import watched
from streams.waiting import BROKER

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

#: As short as it may be; what is on its way to MoEngage must fit into half of it.
QUICK = {"MOEBRIDGE_WORKER__STALL_S": "8", "MOEBRIDGE_MOENGAGE__TIMEOUT_S": "2",
         "MOEBRIDGE_WORKER__SHUTDOWN_S": "2"}  # fmt: skip


def long(*values: object) -> object:
    """One more of the kind: make test-faults."""
    return pytest.param(*values, marks=pytest.mark.faults)


def tickets(first: int, last: int) -> list[dict]:
    return [
        payloads.ticket_moved(n, n % 50, "resolved", id=f"notif_{n}", at=n) for n in range(first, last)
    ]


def ids(events: list[dict]) -> list[str]:
    return [event["id"] for event in events]


async def replaced(one: Bridge, worker: WorkerProcess, reason: str) -> None:
    """It says what stands still, and ends with an error."""
    told: list[str] = []

    async def stalled() -> bool:
        health = await worker.health(one.session)
        if health is not None and health["status"] == "stalled":
            told.extend(health["stalled"])
        return worker.process.returncode is not None

    await until(stalled, "it ended", 90)
    log = worker.log.read_text()
    assert worker.process.returncode == 1, log[-3000:]
    assert any(reason in one for one in told), (told, log[-3000:])
    assert f"standing still: {told[0][:20]}" in log


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"failpoints": "contacts:before_step:1:hang"}, "intercom.contacts["),
        long({"failpoints": "route:after_outputs:1:hang"}, "intercom.events["),
        ({"failpoints": "deliver:before_step:1:hang"}, "moengage.deliveries["),
        ({"failpoints": "contacts:after_outputs:1:block"}, "the event loop is blocked"),
        ({"sabotage": "thread_ends"}, "the consumer's thread has ended"),
        long({"sabotage": "fetch_loop_ends"}, "Faust's fetch loop has ended"),
        long({"sabotage": "fetching_ends"}, "the consumer's fetching has ended"),
        long({"sabotage": "polls_hang"}, "the consumer has not polled"),
        ({"sabotage": "commit_hangs"}, "not committed"),
        long({"sabotage": "join_hangs"}, "joining the group has not come to an end"),
    ],
    ids=lambda value: "-".join(value.values()).replace(":", "_") if isinstance(value, dict) else "",
)
async def test_a_worker_that_stands_still_is_replaced(
    kafka_broker, topic_prefix: str, tmp_path: Path, how: dict[str, str], reason: str
) -> None:
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        worker = await one.start_worker(**how, **QUICK)
        events = tickets(0, 300)
        for first in range(0, 300, 50):
            await one.post(*events[first : first + 50])
        await replaced(one, worker, reason)
        await one.start_worker(**QUICK)
        await one.arrived(ids(events))


async def test_a_recovery_that_never_ends(kafka_broker, topic_prefix: str, tmp_path: Path) -> None:
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        events = tickets(0, 20)
        await one.post(*events)
        worker = await one.start_worker(sabotage="recovery_hangs", ready=False, **QUICK)
        await replaced(one, worker, "the recovery of tables has stood still")
        await one.start_worker(**QUICK)
        await one.arrived(ids(events))


async def routed_for_good(one: Bridge) -> None:
    """Wait until what was routed is committed; else the next worker would route some of it again."""
    group = watched(f"{one.prefix}moebridge", one.prefix)
    connection = {"bootstrap_servers": one.bootstrap_servers}
    async with LagReader(connection, group, now_ms=lambda: time.time_ns() // 1_000_000) as reader:

        async def committed() -> bool:
            look = await reader.look()
            of_route = [one for place, one in look.partitions.items() if place.topic.endswith(EVENTS)]
            return bool(of_route) and not any(one.waiting for one in of_route)

        await until(committed, "what was routed is committed")


@pytest.mark.parametrize("sabotage", ["lost_chunk", "lost_records"])
async def test_what_gets_lost_with_nothing_after_it_is_fetched_again(
    kafka_broker, topic_prefix: str, tmp_path: Path, sabotage: str
) -> None:
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        events = tickets(0, 150)
        # Routed and no further, so that every partition of contacts has one chunk, and nothing after it.
        first = await one.start_worker(failpoints="contacts:before_step:1:hang")
        await one.post(*events)
        await first.counts(one.session, 'moebridge_stage_records_total{stage="route"} 150.0')
        await routed_for_good(one)
        await first.kill()
        worker = await one.start_worker(sabotage=sabotage)
        await one.arrived(ids(events))
        assert len(await one.event_ids()) == 150
        assert worker.process.returncode is None
        assert "lost on the way" in worker.log.read_text()


async def test_an_error_of_the_group_that_faust_never_asks_for(
    kafka_broker, topic_prefix: str, tmp_path: Path
) -> None:
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        worker = await one.start_worker(sabotage="join_fails_once")
        events = tickets(0, 150)
        for first in range(0, 150, 50):
            await one.post(*events[first : first + 50])
        await one.arrived(ids(events))
        assert worker.process.returncode is None
        assert "an error that nobody expects" in worker.log.read_text()


async def test_a_broker_that_is_away_for_longer_replaces_nobody(
    kafka_broker, topic_prefix: str, tmp_path: Path
) -> None:
    async with (
        type(kafka_broker.server)(tmp_path / "broker") as own,
        bridge(own.bootstrap_servers, topic_prefix, tmp_path) as one,
    ):
        await one.faults(kind="status", status=503, count=1_000_000)
        worker = await one.start_worker(**QUICK)
        events = tickets(0, 100)
        await one.post(*events)
        await worker.counts(one.session, 'moebridge_stage_records_total{stage="contacts"} 100.0')
        await own.stop()
        await one.faults()  # what is in hand is delivered, and cannot be committed
        seen: list[dict] = []

        async def long_enough() -> bool:
            health = await worker.health(one.session)
            assert health is not None
            assert health["status"] == "alive", health
            if BROKER in health["waiting"]:
                seen.append(health)
            return len(seen) > 200  # so many times 0.05 s, and more

        await until(long_enough, "it waits for the broker", 60)
        await own.start()
        await one.arrived(ids(events))

        async def moves_again() -> bool:
            health = await worker.health(one.session)
            return health is not None and health["broker"] == "answers" and not health["waiting"]

        await until(moves_again, "it has committed", 60)
        assert worker.process.returncode is None


@pytest.mark.faults
async def test_a_worker_without_partitions_is_alive(
    kafka_broker, topic_prefix: str, tmp_path: Path
) -> None:
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        workers = [await one.start_worker(f"w{n}", **QUICK) for n in range(PARTITIONS + 1)]
        events = tickets(0, 300)
        for first in range(0, 300, 10):
            await one.post(*events[first : first + 10])
            await one.arrived(ids(events[: first + 10]))
            for worker in workers:
                health = await worker.health(one.session)
                assert health is not None
                assert health["status"] == "alive", health
        assert not any("standing still" in worker.log.read_text() for worker in workers)
