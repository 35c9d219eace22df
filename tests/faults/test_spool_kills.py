"""A front door with a spool that is killed again and again while the broker comes and goes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from ingest_process import IngestProcess, Senders, ingest_process, outcome, until

from moebridge.brokers.apache_kafka import ApacheKafka
from moebridge.brokers.embedded import EmbeddedBroker
from moebridge.topic_admin import create_topics

PARTITIONS = 4


@asynccontextmanager
async def spooling(
    server: EmbeddedBroker | ApacheKafka, prefix: str, folder: Path, port: int
) -> AsyncIterator[tuple[IngestProcess, dict[str, str]]]:
    """Topics, and a front door that spools; not started."""
    connection = {"bootstrap_servers": server.bootstrap_servers}
    await create_topics(
        connection, prefix=prefix, partitions=PARTITIONS, replication=1, app_id=f"{prefix}moebridge"
    )
    settings = {
        "kafka.bootstrap_servers": server.bootstrap_servers,
        "kafka.topic_prefix": prefix,
        "ingest.spool_dir": str(folder / "spool"),
    }
    async with ingest_process(settings, folder, port) as door:
        yield door, connection


async def drained(door: IngestProcess) -> None:
    async def empty() -> bool:
        return await door.metric("moebridge_ingest_spool_bytes") == 0

    await until(empty, "the spool is empty")


@pytest.mark.broker
@pytest.mark.timeout(120)
async def test_sigkill_while_the_broker_is_away_loses_nothing_that_was_answered_with_200(
    broker, topic_prefix: str, tmp_path: Path, free_port: int
) -> None:
    async with (
        type(broker.server)(tmp_path / "broker") as own,
        spooling(own, topic_prefix, tmp_path, free_port) as (door, connection),
    ):
        senders = Senders(door, contacts=20)
        await own.stop()
        await door.start()
        for total in (150, 300, 450):
            sending = asyncio.create_task(senders.send(total + 100))

            async def taken(total: int = total) -> bool:
                return senders.total >= total

            await until(taken, f"{total} events were taken")
            await door.kill()  # with 20 requests in work
            await door.start()
            await sending
        assert senders.refused == 0
        assert senders.unanswered > 0, "nothing was in work when it was killed"
        assert await door.metric("moebridge_ingest_spool_events") >= senders.total
        await own.start()
        await drained(door)
        await senders.send(senders.total + 100)
        came = await outcome(connection, f"{topic_prefix}intercom.events", senders.answered)
        print(f"\nanswered with 200: {senders.total}; {came}")
        assert (came.lost, came.out_of_order) == (0, 0)


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_twenty_kills_of_the_front_door_while_the_broker_is_killed_and_started(
    topic_prefix: str, tmp_path: Path, free_port: int
) -> None:
    rng = random.Random(20)
    total, kills = 20_000, 20
    async with (
        ApacheKafka(tmp_path / "broker") as kafka,
        spooling(kafka, topic_prefix, tmp_path, free_port) as (door, connection),
    ):
        senders = Senders(door, contacts=64)
        await door.start()

        async def broker_weather() -> None:
            while True:
                await asyncio.sleep(rng.uniform(4, 12))
                await kafka.kill(1)
                await asyncio.sleep(rng.uniform(2, 6))
                await kafka.start(1)

        weather = asyncio.create_task(broker_weather())
        for number in range(1, kills + 1):
            sending = asyncio.create_task(senders.send(total * number // kills))
            target = total * number // kills - rng.randrange(64, total // kills)

            async def taken(target: int = target) -> bool:
                return senders.total >= target

            await until(taken, f"{target} events were taken", 120)
            await door.kill()
            await door.start()
            await sending
        weather.cancel()
        await asyncio.gather(weather, return_exceptions=True)
        await kafka.start()
        await drained(door)
        came = await outcome(connection, f"{topic_prefix}intercom.events", senders.answered)
        print(
            f"\n{'events in':>12}{'kills':>8}{'429':>8}{'no answer':>11}{'slowest s':>11}"
            f"{'lost':>6}{'twice':>8}{'out of order':>14}\n"
            f"{senders.total:>12}{kills:>8}{senders.refused:>8}{senders.unanswered:>11}"
            f"{senders.slowest_s:>11.2f}{came.lost:>6}{came.twice:>8}{came.out_of_order:>14}"
        )
        assert (came.lost, came.out_of_order) == (0, 0)
        assert senders.slowest_s < 2.0
