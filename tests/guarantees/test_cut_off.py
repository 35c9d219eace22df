"""A worker that was stopped long enough to lose its partitions, and goes on where it was."""

from __future__ import annotations

import os
import signal
from collections import Counter, defaultdict
from pathlib import Path

import payloads
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from bridge import PARTITIONS, Bridge, WorkerProcess, bridge, until

from streams.ownership import Owner, owner_of

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

CUSTOMERS = 40


def moves(run: str, state: str, before: str, at: int) -> list[dict]:
    """One ticket of each customer comes into another state."""
    return [
        payloads.ticket_moved(n, n, state, id=f"notif_{run}{n}", at=at, before=before)
        for n in range(CUSTOMERS)
    ]


def ids(events: list[dict]) -> list[str]:
    return [event["id"] for event in events]


async def stopped(worker: WorkerProcess) -> None:
    """Wait until it has stopped itself (Linux)."""

    async def stands() -> bool:
        return Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    await until(stands, "it has stopped itself", 60)


async def owners(one: Bridge) -> dict[int, list[Owner]]:
    """Who wrote each record of the contacts' changelog, by partition, in the order of the log."""
    topic = f"{one.prefix}moebridge-contacts-changelog"
    partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(bootstrap_servers=one.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    found: dict[int, list[Owner]] = defaultdict(list)
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    owner = owner_of(record.headers)
                    assert owner is not None
                    found[partition.partition].append(owner)
    finally:
        await consumer.stop()
    return found


def came_late(found: dict[int, list[Owner]]) -> int:
    """Records behind one of a younger owner."""
    return sum(
        owner < max(before)
        for log in found.values()
        for turn, owner in enumerate(log)
        if (before := log[:turn])
    )


@pytest.mark.parametrize("sabotage", ["", "no_lease"], ids=["asks its group", "does not ask"])
async def test_its_successors_rows_stand(
    kafka_broker, topic_prefix: str, tmp_path: Path, sabotage: str
) -> None:
    """It stops between its outputs and its changelog; the other takes over and writes; it goes on.

    As it is, it asks its group first and writes nothing. Where it does not ask, its rows come behind its
    successor's: it finds that out and ends, and they count for nothing at the next recovery.
    """
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        held = await one.start_worker("w1", failpoints="contacts:after_outputs:1:stop", sabotage=sabotage)
        first = moves("a", "in_progress", "submitted", 10)
        await one.post(*first)
        await stopped(held)
        other = await one.start_worker("w2")
        await one.arrived(ids(first))
        second = moves("b", "resolved", "in_progress", 20)
        await one.post(*second)
        await one.arrived(ids(second))

        os.kill(held.process.pid, signal.SIGCONT)
        if sabotage:
            assert await held.ended() == 1
            assert "are another worker's; rows are recovered anew" in held.log.read_text()
        else:
            await again_at_work(one, held)
        late = came_late(await owners(one))
        assert bool(late) is (sabotage == "no_lease"), late

        # Whatever the two know by now: a third knows only what is on the changelog.
        for worker in (held, other):
            if worker.process.returncode is None:
                await worker.kill()
        before = Counter(await one.event_ids())
        await one.start_worker("w3")
        await one.post(*first, *second)  # all of them duplicates
        third = moves("c", "submitted", "resolved", 30)
        await one.post(*third)
        await one.arrived(ids(third))
        after = Counter(await one.event_ids())
        assert {id: after[id] for id in ids(first + second)} == {
            id: before[id] for id in ids(first + second)
        }
        assert all(after[id] == 1 for id in ids(second + third))
        # What had gone out before it stopped has come again from its successor, with the same ids.
        assert max(after.values()) <= 2


async def again_at_work(one: Bridge, worker: WorkerProcess) -> None:
    """Wait until it has found out and joined again."""

    async def found_out() -> bool:
        return "local member_id was not recognized" in worker.log.read_text()

    await until(found_out, "it has found out", 60)
    await worker.ready(one.session)
    health = await worker.health(one.session)
    assert health is not None
    assert health["status"] == "alive"
