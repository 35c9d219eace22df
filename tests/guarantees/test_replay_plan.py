"""A dry run states what a replay delivers: compared with what the workers make of the records chosen."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import payloads
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from bridge import Bridge, bridge, until

from events.configurations import ONE_CONFIGURATION
from events.elements import Delivery
from events.receipts import Receipt
from events.topics import COMPANIES, CONTACTS, DELIVERIES, EVENTS, RECEIPTS, TopicName, topic_name
from mappings.rules import load
from streams.publishing import BatchPublisher, Outgoing
from streams.replay.choosing import ReplayConfig, choosing
from streams.replay.reading import reading
from streams.replay.request import ReplayRequest

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

CUSTOMERS = range(6)


def story() -> list[dict[str, Any]]:
    """Everybody's updates, tickets that move, and a company that changes; some of it comes twice."""
    moves = ("submitted", "in_progress", "resolved")
    events = []
    for customer in CUSTOMERS:
        companies = ("acme",) if customer % 2 else ()
        for step in range(1, 3):
            events.append(
                payloads.contact_updated(
                    customer, id=f"u{customer}-{step}", at=10 * step, name=f"Name {step}",
                    companies=companies,
                )
            )  # fmt: skip
            move = payloads.ticket_moved(
                customer, customer, moves[step], before=moves[step - 1],
                id=f"t{customer}-{step}", at=10 * step + 5,
            )  # fmt: skip
            events += [move, move] if customer == 3 else [move]
    for step in range(2):
        events.append(payloads.company_updated("acme", f"Acme {step}", id=f"c{step}", at=100 + step))
    return events


async def planned(one: Bridge, *arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        await one.command("replay", "--json", "--from-offset", "0", *arguments)
    )
    return told


async def records(one: Bridge, name: TopicName) -> list[Any]:
    topic = topic_name(name, one.prefix)
    async with reading({"bootstrap_servers": one.bootstrap_servers}) as reader:
        return [record async for record in reader.read(topic, await reader.held(topic))]


async def at_rest(one: Bridge) -> None:
    """Wait until the workers have nothing in front of them."""
    topics = [topic_name(name, one.prefix) for name in (EVENTS, CONTACTS, COMPANIES, DELIVERIES)]
    connection = {"bootstrap_servers": one.bootstrap_servers}
    admin = AIOKafkaAdminClient(**connection)
    await admin.start()
    try:
        async with reading(connection) as reader:

            async def nothing_waits() -> bool:
                ends = {
                    (topic, partition): end
                    for topic in topics
                    for partition, (_, end) in (await reader.held(topic)).items()
                    if end
                }
                told = await admin.list_consumer_group_offsets(f"{one.prefix}moebridge")
                committed = {(p.topic, p.partition): c.offset for p, c in told.items()}
                return all(committed.get(place) == end for place, end in ends.items())

            await until(nothing_waits, "the workers are at rest", 60)
            assert await nothing_waits()
    finally:
        await admin.close()


async def replay_by_hand(one: Bridge, request: dict[str, Any]) -> list[Delivery]:
    """Publish what a request chooses; what the workers hand on for it, after all of it is delivered."""
    connection = {"bootstrap_servers": one.bootstrap_servers}
    config = ReplayConfig(
        connection, one.prefix, f"{one.prefix}moebridge", ONE_CONFIGURATION, load(), False
    )
    asked = ReplayRequest.read(request)
    now_ms = time.time_ns() // 1_000_000
    async with choosing(config, asked, now_ms=now_ms) as chosen:
        out = [
            outgoing
            async for record in chosen.chosen({})
            for [fresh] in [await chosen.fresh([record])]
            for outgoing in fresh.outgoing
        ]
    async with AIOKafkaProducer(**connection) as producer:
        await BatchPublisher(producer).publish(out, now_ms)
    await at_rest(one)
    found = [Delivery.from_record(r.key, r.value, r.headers) for r in await records(one, DELIVERIES)]
    return [each for each in found if each.replayed is not None and each.replayed.id == asked.id]


def counts(deliveries: Sequence[Delivery]) -> tuple[int, dict[str, int]]:
    events = Counter(one.name for one in deliveries if one.kind == "event")
    return sum(one.kind == "user" for one in deliveries), dict(sorted(events.items()))


def stated(plan: dict[str, Any]) -> tuple[int, dict[str, int]]:
    return plan["totals"]["users"], plan["totals"]["events"]


async def test_a_dry_run_states_what_a_replay_delivers(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await one.start_worker()
        await one.post(*story(), at_once=1)
        await at_rest(one)
        live = counts(
            [Delivery.from_record(r.key, r.value, r.headers) for r in await records(one, DELIVERIES)]
        )

        plan = await planned(one)
        assert plan["totals"]["records"] == plan["totals"]["chosen"] == len(story())
        assert stated(plan)[1] == live[1]
        assert plan["totals"]["already_delivered"] > 0
        assert counts(await replay_by_hand(one, plan["replay"])) == stated(plan)
        for customer in CUSTOMERS:
            attributes = await one.attributes(f"user-{customer:05d}")
            assert attributes is not None
            assert attributes["moebridge_replay"] == plan["replay"]["id"]
            assert attributes["u_n"] == "Name 2"

        some = await planned(one, "--contact", "contact-00003", "--event-topic", "ticket.*")
        assert some["totals"]["chosen"] == 4
        assert some["totals"]["by_topic"] == {"ticket.state.updated": 4}
        assert counts(await replay_by_hand(one, some["replay"])) == stated(some)

        again = await planned(one, "--topic", DELIVERIES)
        assert again["totals"]["left_out"]["overtaken"] > 0
        assert again["totals"]["users"] == len(CUSTOMERS)
        assert stated(again)[1] == live[1]
        assert counts(await replay_by_hand(one, again["replay"])) == stated(again)


@pytest.mark.parametrize("topic", [EVENTS, DELIVERIES])
async def test_only_what_is_missing_is_replayed(
    broker: Any, topic_prefix: str, tmp_path: Path, topic: TopicName
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await one.start_worker()
        await one.post(*story(), at_once=1)
        await at_rest(one)
        untouched = await planned(one, "--only-missing", "--topic", topic)
        assert untouched["totals"]["chosen"] == untouched["totals"]["elements"] == 0
        assert untouched["totals"]["left_out"]["delivered"] > 0

        told = [Delivery.from_record(r.key, r.value, r.headers) for r in await records(one, DELIVERIES)]
        lost = sorted(
            {d.delivery_id for d in told if d.kind == "event" and d.event_id in ("t1-2", "t4-1")}
        )
        assert len(lost) >= 2
        void = Receipt("void", time.time_ns() // 1_000_000, "default", 0, "", {"v": tuple(lost)})
        async with AIOKafkaProducer(bootstrap_servers=one.bootstrap_servers) as producer:
            record = Outgoing(topic_name(RECEIPTS, one.prefix), b"lost", void.value())
            await BatchPublisher(producer).publish([record], void.at)

        plan = await planned(one, "--only-missing", "--topic", topic)
        assert plan["totals"]["elements"] == len(lost)
        repaired = await replay_by_hand(one, plan["replay"])
        assert sorted(each.delivery_id for each in repaired) == lost
        afterwards = await planned(one, "--only-missing", "--topic", topic)
        assert afterwards["totals"]["elements"] == 0
