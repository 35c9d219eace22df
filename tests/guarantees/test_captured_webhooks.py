"""Every captured webhook can be posted to a running bridge, and is mapped or stored without an error."""

from __future__ import annotations

import json
from pathlib import Path

import payloads
import pytest
from aiokafka import AIOKafkaConsumer
from bridge import bridge, until

from events.topics import DEAD_LETTERS, EVENTS, topic_name

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]


async def test_every_captured_webhook_is_mapped_or_stored(
    broker, topic_prefix: str, tmp_path: Path, samples_dir: Path
) -> None:
    samples = {path.name: path.read_bytes() for path in sorted(samples_dir.glob("*.json"))}
    assert len(samples) >= 20
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        worker = await one.start_worker()
        for name, body in samples.items():
            assert await one.post_raw(body) == 200, name
        markers = [payloads.contact_updated(n, id=f"notif_marker{n}", at=1) for n in range(40)]
        await one.post(*markers)  # enough to come after the samples in every partition

        async def markers_arrived() -> bool:
            users = await one.sandbox("users?limit=100000")
            ids = {user["customer_id"] for user in users["users"]}
            return all(f"user-{n:05d}" in ids for n in range(40))

        await until(markers_arrived, "everything went through")
        assert worker.process.returncode is None
        stored = await _values(broker.bootstrap_servers, topic_name(EVENTS, topic_prefix))
        for name, body in samples.items():
            ping = json.loads(body)["topic"] == "ping"
            assert (body in stored) is not ping, name
        dead = await _values(broker.bootstrap_servers, topic_name(DEAD_LETTERS, topic_prefix))
        assert dead == []
        user = await one.attributes("24")
        assert user is not None
        assert user["u_em"] == "user@example.com"


async def _values(bootstrap_servers: str, topic: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest",
        enable_auto_commit=False,
    )  # fmt: skip
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        values: list[bytes] = []
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                values += [record.value for record in records]
        return values
    finally:
        await consumer.stop()
