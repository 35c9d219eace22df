"""``moebridge receipts`` on a broker."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from click.testing import CliRunner, Result
from processes import SETTINGS, moebridge

from events.receipts import Receipt
from events.topics import RECEIPTS, topic_name
from moebridge.cli import main
from moebridge.receipts import delivery_ids, voids
from moebridge.topic_admin import admin_client, create_topics, expected_topics
from streams.publishing import BatchPublisher, Outgoing

#: Of late, for the topic is kept for a time.
BEGAN = time.time_ns() // 1_000_000 - 60_000


def taken(at: int, *ids: str, outcome: Any = "taken", status: int = 200) -> Receipt:
    return Receipt(outcome, BEGAN + at, "default", status, f"r{at}", {"v1": ids})


async def installation(servers: str, prefix: str, *receipts: Receipt) -> None:
    """Topics of its own, with these receipts."""
    await create_topics(
        {"bootstrap_servers": servers}, prefix=prefix, partitions=3, replication=1, app_id=f"{prefix}app"
    )
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        publisher = BatchPublisher(producer)
        topic = topic_name(RECEIPTS, prefix)
        for one in receipts:
            [ids, *_] = one.deliveries.values()
            await publisher.publish([Outgoing(topic, ids[0].encode(), one.value())], one.at)
        await publisher.publish([Outgoing(topic, b"x", b"no receipt")], BEGAN)


@pytest.mark.broker
def test_an_events_receipts_and_what_is_voided_of_them(broker: Any, topic_prefix: str) -> None:
    servers = broker.bootstrap_servers

    def command(*arguments: str, given: str = "") -> Result:
        env = {
            "MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS": servers,
            "MOEBRIDGE_KAFKA__TOPIC_PREFIX": topic_prefix,
        }
        result = CliRunner().invoke(main, ["receipts", *arguments], env=env, input=given)
        assert result.exit_code == 0, result.output
        return result

    def outcomes(event_id: str) -> list[tuple[str, str, int]]:
        found = map(json.loads, command("show", event_id, "--json").stdout.splitlines())
        return [(one["delivery_id"], one["outcome"], one["status"]) for one in found]

    asyncio.run(
        installation(
            servers, topic_prefix,
            taken(1, "e1/c/0", "e1/c/1", "e10/c/0"),
            taken(2, "e2/c/0", outcome="refused", status=400),
            taken(3, "e1/c/0"),
            taken(4, "e4/c/0", outcome="parked", status=0),
        )
    )  # fmt: skip
    first = [("e1/c/0", "taken", 200), ("e1/c/1", "taken", 200), ("e1/c/0", "taken", 200)]
    assert outcomes("e1") == first
    shown = command("show", "e2").stdout
    day = datetime.fromtimestamp((BEGAN + 2) / 1000, UTC).date().isoformat()
    assert all(part in shown for part in ("refused", "400", "r2", "v1", "e2/c/0", f"{day}T"))
    assert "no receipt of it" in command("show", "e3").stdout

    listed = "e1/c/0\n\ne2/c/0\ne4/c/0\ne1/c/0\ne7/c/0\n"
    dry = command("void", "-", given=listed).stdout
    assert "1 would be voided" in dry
    assert "1 left as they are: refused" in dry
    assert "1 left as they are: parked" in dry
    assert "1 left as they are: unknown" in dry
    assert dry.endswith("nothing was done; --execute does it\n")
    assert outcomes("e1") == first

    assert command("void", "-", "--execute", given=listed).stdout.endswith("1 voided\n")
    assert outcomes("e1") == [*first, ("e1/c/0", "void", 0)]
    again = command("void", "-", "--execute", given=listed).stdout
    assert "1 left as they are: voided before" in again
    assert len(outcomes("e1")) == 4


@pytest.mark.broker
async def test_without_their_topic_no_worker_starts(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    """It would find that out once MoEngage had taken something, and again after each restart."""
    missing = topic_name(RECEIPTS, topic_prefix)
    names = [one.name for one in expected_topics(topic_prefix, f"{topic_prefix}moebridge")]
    async with admin_client({"bootstrap_servers": broker.bootstrap_servers}) as admin:
        await admin.create_topics([NewTopic(name, 1, 1) for name in names if name != missing])
    settings = {
        **SETTINGS,
        "kafka.bootstrap_servers": broker.bootstrap_servers,
        "kafka.topic_prefix": topic_prefix,
        "worker.http_port": "0",
    }
    async with moebridge("worker", settings=settings, folder=tmp_path) as worker:
        assert await worker.ends() == 1
        assert f"topic {missing}: missing; run `moebridge topics create`" in worker.text


def test_ids_of_a_further_configuration_stand_behind_its_name() -> None:
    assert delivery_ids(["e1/c/0\r\n", "eu\x1fe1/c/0\n", "eu\x1fe2/c/0"], "eu") == [
        "eu\x1fe1/c/0", "eu\x1fe2/c/0",
    ]  # fmt: skip
    with pytest.raises(click.UsageError, match="line 2: of another configuration"):
        delivery_ids(["e1/c/0", "eu\x1fe1/c/0"], "")


def test_voids_go_out_in_batches() -> None:
    ids = [f"e{n}/c/0" for n in range(250)]
    batches = list(voids(ids, "eu", "p.", lambda: BEGAN))
    receipts = [Receipt.read(one.value) for [one] in batches]
    assert [len(one.deliveries[""]) for one in receipts] == [100, 100, 50]
    assert [i for one in receipts for i in one.deliveries[""]] == ids
    assert {(one.outcome, one.config, one.at) for one in receipts} == {("void", "eu", BEGAN)}
