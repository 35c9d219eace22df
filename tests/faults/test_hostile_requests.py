"""Fifty thousand hostile requests against a real front door, with good ones in between.

The seed is fixed; MOEBRIDGE_TEST_HOSTILE_REQUESTS and MOEBRIDGE_TEST_HOSTILE_SEED choose another run.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from hostile_by_schema import statuses
from hostile_run import Run, hostile
from ingest_process import KEY, SECRET, WORKSPACE, ingest_process, until
from rich.console import Console

from ingest.basic_auth import basic_header
from moebridge.topic_admin import create_topics

REQUESTS = int(os.environ.get("MOEBRIDGE_TEST_HOSTILE_REQUESTS", "50000"))
SEED = int(os.environ.get("MOEBRIDGE_TEST_HOSTILE_SEED", "50"))
MAX_BODY = 200_000
WARM_UP = 500
#: Memory of the process, in bytes: at its highest, beyond what it has after the good requests at the
#: start; at the end, beyond what it has in the middle, when whatever is cached is there. On a machine
#: that is busy the spool steps in at some time, and its buffers stay. One kilobyte that is kept of each
#: of 50,000 requests is too much.
PEAK_GROWTH = 48_000_000
LATE_GROWTH = 24_000_000
#: What the process may say in all, however many requests come; but for how the broker is.
LOG_LINES = 5
OF_THE_BROKER = ("ingest.publisher:", "ingest.spool.publisher:")
#: The statuses that are not of ours but of aiohttp, for an Expect that nobody can meet.
OF_AIOHTTP = {417}


@pytest.mark.broker
async def test_a_thousand_hostile_requests(
    broker, topic_prefix: str, tmp_path: Path, free_port: int
) -> None:
    await storm(1000, broker.connection, topic_prefix, tmp_path, free_port)


@pytest.mark.faults
@pytest.mark.timeout(1800)
async def test_fifty_thousand_hostile_requests(
    broker, topic_prefix: str, tmp_path: Path, free_port: int
) -> None:
    await storm(REQUESTS, broker.connection, topic_prefix, tmp_path, free_port)


async def storm(total: int, connection, prefix: str, folder: Path, port: int) -> None:
    """Nothing answered with 5xx, nothing that grows, no good request refused."""
    await create_topics(connection, prefix=prefix, partitions=4, replication=1, app_id=f"{prefix}app")
    settings = {
        "kafka.bootstrap_servers": connection["bootstrap_servers"],
        "kafka.topic_prefix": prefix,
        "ingest.max_body_bytes": str(MAX_BODY),
        "ingest.max_requests_per_source_s": "0",  # all of them come from here
        "ingest.spool_dir": str(folder / "spool"),
    }
    requests = hostile(SEED, total, max_body=MAX_BODY)
    async with ingest_process(settings, folder, port) as door:
        await door.start()

        async def ready() -> bool:
            async with door.session.get(f"{door.url}/readyz") as answer:
                return answer.status == 200 and (await answer.json())["status"] == "ready"

        await until(ready, "the front door has its broker")
        files = door.open_files()
        run = Run(port, door.resident_bytes)
        began = time.perf_counter()
        await run.play(requests, total, WARM_UP)
        took = time.perf_counter() - began
        before, *between, after = run.memory
        peak = door.resident_bytes("VmHWM")
        good, accepted = run.requests["good"], run.answers["good"][200]

        console = Console(width=160)
        console.print()
        console.print(run.table(f"{run.hostile_requests} hostile requests, seed {SEED}, {took:.0f} s"))
        console.print(f"good: {good} sent, {accepted} accepted")
        memory = ", ".join(f"{sample / 1e6:.1f}" for sample in between)
        console.print(
            f"memory in MB: {before / 1e6:.1f} before, {memory} meanwhile, {after / 1e6:.1f} after, "
            f"{peak / 1e6:.1f} at its highest"
        )

        assert run.hostile_requests == total
        assert door.process is not None
        assert door.process.returncode is None, door.log[-3000:]
        assert {status for status in run.statuses if status >= 500} == set()
        assert run.statuses <= statuses() | OF_AIOHTTP
        assert run.unanswered == []
        assert good > WARM_UP
        assert run.answers["good"] == {200: good}
        assert peak - before < PEAK_GROWTH
        assert after - between[len(between) // 2] < LATE_GROWTH

        async def idle() -> bool:
            return door.open_files() <= files and await door.metric("moebridge_ingest_in_flight") == 0

        await until(idle, f"connections are closed, {files} files open")
        await until(ready, "the front door is ready again")
        for secret in (SECRET, KEY, basic_header(WORKSPACE, KEY).removeprefix("Basic ")):
            assert secret not in door.log
        lines = door.log.splitlines()
        said = [line for line in lines if not any(name in line for name in OF_THE_BROKER)]
        assert len(said) <= LOG_LINES, said[:LOG_LINES]

    stored = await bodies(connection, f"{prefix}intercom.events")
    missing = [digest for digest, count in run.taken.items() if stored[digest] < count]
    assert missing == [], "answered with 200, and not there as it came"


async def bodies(connection, topic: str) -> Counter[str]:
    """The digests of everything on a topic."""
    found: Counter[str] = Counter()
    async with AIOKafkaConsumer(**connection, auto_offset_reset="earliest") as consumer:
        cluster = await consumer._client.fetch_all_metadata()
        places = [TopicPartition(topic, number) for number in cluster.partitions_for_topic(topic)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)

        async def all_read() -> bool:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found.update(sha256(record.value).hexdigest() for record in records)
            return all([await consumer.position(place) >= ends[place] for place in places])

        await until(all_read, f"all of {topic} was read")
    return found
