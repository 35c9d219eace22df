"""MoEngage away for many poll intervals: nobody leaves the group, nobody is replaced, all arrives.

The poll interval is shortened from 1000 s to 6 s, the outage likewise from more than an hour to half a
minute; a worker may stand still for 8 s. Here fetches of other topics keep a worker in its group as well;
one that fetches nothing at all is in tests/streams/test_chunk_transport.py. What waited drains at the
speed of the budget.
"""

from __future__ import annotations

import asyncio
from bisect import bisect
from collections import Counter
from pathlib import Path

import payloads
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from bridge import Bridge, WorkerProcess, bridge, until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

#: The same in other ways: make test-faults.
LONG = pytest.mark.faults

AWAY_S = 30.0

SHORT = {
    "MOEBRIDGE_WORKER__STALL_S": "8",
    "MOEBRIDGE_WORKER__CHUNK_RECORDS": "20",
    "MOEBRIDGE_MOENGAGE__TIMEOUT_S": "2",
}


def tickets(first: int, last: int) -> list[dict]:
    return [
        payloads.ticket_moved(n, n % 100, "resolved", id=f"notif_{n}", at=n) for n in range(first, last)
    ]


async def members(one: Bridge) -> set[str]:
    """The group's members. Who leaves and comes back has another name."""
    admin = AIOKafkaAdminClient(bootstrap_servers=one.bootstrap_servers)
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([f"{one.prefix}moebridge"])
        [group] = answer.groups
        assert group[0] == 0
        return {member[0] for member in group[5]}
    finally:
        await admin.close()


async def all_wait(one: Bridge, workers: list[WorkerProcess], reason: str) -> None:
    """Wait until every worker says that it waits for this."""

    async def waiting() -> bool:
        told = [await worker.health(one.session) for worker in workers]
        return all(health is not None and reason in " ".join(health["waiting"]) for health in told)

    await until(waiting, f"all wait: {reason}", 60)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "status", "status": 503}, "does not answer, or is in trouble"),
        pytest.param(
            {"kind": "timeout", "seconds": 3600}, "does not answer, or is in trouble", marks=LONG
        ),
        pytest.param({"kind": "status", "status": 429, "retry_after": 5}, "limits the rate", marks=LONG),
        pytest.param({"kind": "status", "status": 401}, "refuses credentials or workspace", marks=LONG),
    ],
    ids=["503", "silence", "429", "401"],
)
async def test_nobody_leaves_its_group_and_nobody_is_replaced(
    kafka_broker, topic_prefix: str, tmp_path: Path, fault: dict, reason: str
) -> None:
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        workers = [
            await one.start_worker(f"w{n}", sabotage="short_poll_interval", **SHORT) for n in range(3)
        ]
        events = tickets(0, 2000)
        await one.post(*events[:200])
        await one.arrived([event["id"] for event in events[:200]])
        before = await members(one)
        assert len(before) == 3

        await one.faults(count=1_000_000, **fault)
        await one.post(*events[200:])
        owners = [worker for worker in workers if await delivers(one, worker)]
        await all_wait(one, owners, reason)
        async with asyncio.timeout(AWAY_S + 60):
            over = asyncio.get_running_loop().time() + AWAY_S
            while asyncio.get_running_loop().time() < over:
                for worker in workers:
                    health = await worker.health(one.session)
                    assert health is not None
                    assert health["status"] == "alive", health
                await asyncio.sleep(1)
        assert await members(one) == before

        await one.faults()
        await one.arrived([event["id"] for event in events])
        assert await members(one) == before
        assert [worker.process.returncode for worker in workers] == [None] * 3
        if fault.get("kind") == "status":  # then nothing was sent that nobody answered
            assert max(Counter(await one.event_ids()).values()) == 1
        for worker in workers:
            assert "standing still" not in worker.log.read_text()


@LONG
async def test_a_backlog_drains_at_the_speed_of_the_budget(
    kafka_broker, topic_prefix: str, tmp_path: Path
) -> None:
    per_s, workers = 100, 2
    budget = {"MOEBRIDGE_MOENGAGE__EVENTS_PER_MINUTE": f"{60 * per_s}"}
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        started = [await one.start_worker(f"w{n}", **SHORT, **budget) for n in range(workers)]
        await one.faults(kind="status", status=503, count=1_000_000)
        events = tickets(0, 3000)
        await one.post(*events)
        await all_wait(one, started, "does not answer, or is in trouble")
        await one.faults()
        await one.arrived([event["id"] for event in events], timeout=180)

        times = sorted(event["received_at"] / 1000 for event in await one.events())
        assert len(times) == len(events)
        most = max(bisect(times, begin + 10) - number for number, begin in enumerate(times))
        print(f"\n{len(times)} events in {times[-1] - times[0]:.1f} s, at most {most} in 10 s")
        # A worker may save up one second, and its last request may be a whole one.
        assert most <= 10 * per_s + workers * (per_s / workers + 100)
        # The workers have as many partitions, not as much to do: who is through first leaves its share.
        assert len(times) / (times[-1] - times[0]) > per_s / 2
        assert [worker.process.returncode for worker in started] == [None] * workers


async def delivers(one: Bridge, worker: WorkerProcess) -> bool:
    """Whether the worker has partitions of deliveries, so that it waits when they do."""
    async with one.session.get(f"{worker.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return any(line.startswith('moebridge_stage_records_total{stage="deliver"}') for line in lines)
