"""50,000 hostile requests against a real front door, with good traffic in between."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections import Counter, defaultdict
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from hostile import Hostile
from ingest_process import KEY, SECRET, WORKSPACE, ingest_process, until, webhook
from raw_http import Connection, Request, http

from ingest.basic_auth import basic_header
from ingest.signature import HEADER, sign
from moebridge.topic_admin import create_topics

SEED = 50_000
TOTAL = 50_000
BY_SCHEMATHESIS = 1_500
SLOW = 300
SENDERS = 32
MAX_BODY = 200_000
#: Memory of the process beyond what it had after its first good requests, in bytes: at its highest, and
#: when all is over. What bodies in work may take at once is 64 MB (ingest.max_in_flight_bytes).
PEAK_GROWTH = 96_000_000
FINAL_GROWTH = 48_000_000


def good(number: int) -> Request:
    """What Intercom sends: webhooks and, every third time, a connector's body."""
    headers = [("Content-Type", "application/json")]
    if number % 3:
        body = webhook(number % 40, number)
        path, auth = "/intercom/webhooks", (HEADER, sign(body, SECRET))
    else:
        body = json.dumps({"customer_id": f"u-{number}", "u_fn": "Ann"}).encode()
        path, auth = "/v1/partner/intercom/user", ("Authorization", basic_header(WORKSPACE, KEY))
    return Request("good", (http("POST", path, [*headers, auth], body),), body=body)


class Run:
    """What was answered, by kind; and the bodies that were taken."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.statuses: dict[str, Counter[int]] = defaultdict(Counter)
        self.taken: Counter[str] = Counter()
        self.refused_good: list[int] = []
        self.over = asyncio.Event()

    async def send(self, connection: Connection, request: Request) -> int:
        replies = await connection.send(request)
        for reply in replies:
            self.statuses[request.kind][reply.status] += 1
        if request.body is not None and replies[0].status == 200 and b'"accepted"' in replies[0].body:
            self.taken[sha256(request.body).hexdigest()] += 1
        return replies[0].status

    async def hostile(self, requests) -> None:
        with closing(Connection(self.port)) as connection:
            for request in requests:
                await self.send(connection, request)

    async def good(self, numbers) -> None:
        with closing(Connection(self.port)) as connection:
            while not self.over.is_set():
                status = await self.send(connection, good(next(numbers)))
                if status != 200:
                    self.refused_good.append(status)


@pytest.mark.faults
@pytest.mark.timeout(1800)
async def test_fifty_thousand_hostile_requests(
    broker, topic_prefix: str, tmp_path: Path, free_port: int
) -> None:
    await create_topics(
        broker.connection, prefix=topic_prefix, partitions=4, replication=1, app_id=f"{topic_prefix}app"
    )
    settings = {
        "kafka.bootstrap_servers": broker.bootstrap_servers,
        "kafka.topic_prefix": topic_prefix,
        "ingest.max_body_bytes": str(MAX_BODY),
        "ingest.max_requests_per_source_s": "0",  # all of them come from here
        "ingest.spool_dir": str(tmp_path / "spool"),
    }
    source = Hostile(SEED, secret=SECRET, workspace=WORKSPACE, key=KEY, max_body=MAX_BODY)
    began = time.perf_counter()
    made = source.by_schemathesis(BY_SCHEMATHESIS) + source.slow(SLOW)
    made_s = time.perf_counter() - began
    random.Random(SEED).shuffle(made)
    hostile = iter([*made, *itertools.islice(source, TOTAL - len(made))])

    async with ingest_process(settings, tmp_path, free_port) as door:
        await door.start()

        async def ready() -> bool:
            async with door.session.get(f"{door.url}/readyz") as answer:
                return answer.status == 200 and (await answer.json())["status"] == "ready"

        await until(ready, "the front door has its broker")
        run = Run(free_port)
        numbers = itertools.count()
        with closing(Connection(free_port)) as first:
            for _ in range(500):
                assert await run.send(first, good(next(numbers))) == 200
        before = door.resident_bytes()

        began = time.perf_counter()
        with_good = [asyncio.create_task(run.good(numbers)) for _ in range(2)]
        await asyncio.gather(*(run.hostile(hostile) for _ in range(SENDERS)))
        run.over.set()
        await asyncio.gather(*with_good)
        took = time.perf_counter() - began
        peak, after = door.resident_bytes("VmHWM"), door.resident_bytes()

        sent = sum(sum(counts.values()) for kind, counts in run.statuses.items() if kind != "good")
        report = ["", f"{'kind':<20}" + "".join(f"{name:>8}" for name in ("sent", *_STATUSES, "other"))]
        for kind, counts in sorted(run.statuses.items()):
            other = sum(count for status, count in counts.items() if status not in _STATUSES)
            cells = [sum(counts.values()), *(counts[status] for status in _STATUSES), other]
            report.append(f"{kind:<20}" + "".join(f"{cell:>8}" for cell in cells))
        report += [
            f"hostile {sent} in {took:.0f} s ({made_s:.0f} s to make {len(made)} of them), "
            f"good {sum(run.statuses['good'].values())}, of them refused {len(run.refused_good)}",
            f"memory: {before / 1e6:.0f} MB before, {peak / 1e6:.0f} MB at its highest, "
            f"{after / 1e6:.0f} MB after",
        ]
        print("\n".join(report))

        assert sent >= TOTAL
        assert door.process is not None
        assert door.process.returncode is None
        await until(ready, "the front door is ready again")
        every = Counter(itertools.chain.from_iterable(run.statuses.values()))
        assert [status for status in every if status >= 500] == []
        assert 410 not in every
        assert run.refused_good == []
        assert peak - before < PEAK_GROWTH
        assert after - before < FINAL_GROWTH
        assert "Traceback" not in door.log
        assert SECRET not in door.log
        assert KEY not in door.log

    stored = await bodies(broker.connection, f"{topic_prefix}intercom.events")
    assert run.taken.keys() <= stored.keys(), (
        "something was answered with 200 and is not there as it came"
    )
    assert all(stored[body] >= count for body, count in run.taken.items())


_STATUSES = (0, 200, 400, 401, 404, 405, 408, 413, 415, 417, 429)


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
