"""What MoEngage took and forgot is found by its receipts and delivered again: exactly that, once."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import payloads
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from bridge import PARTITIONS, Bridge, bridge, until

from events.elements import Delivery
from events.receipts import Receipt
from events.replays import Replayed
from events.topics import DELIVERIES, RECEIPTS, TopicName, topic_name

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

#: Events to deliver; each customer has two, one that makes a user and one that makes an event.
EVENTS = int(os.environ.get("MOEBRIDGE_TEST_FORGOTTEN_OF", "1000"))


async def records_of(one: Bridge, name: TopicName) -> list[Any]:
    """All records of a topic; those of one partition in order."""
    found: list[Any] = []
    async with AIOKafkaConsumer(
        bootstrap_servers=one.bootstrap_servers, auto_offset_reset="earliest"
    ) as consumer:
        for partition in range(PARTITIONS):
            place = TopicPartition(topic_name(name, one.prefix), partition)
            end = (await consumer.end_offsets([place]))[place]
            if not end:
                continue  # a consumer that stops right after it was assigned something may hang
            consumer.assign([place])
            consumer.seek(place, 0)
            while await consumer.position(place) < end:
                found += (await consumer.getmany(place, timeout_ms=1000)).get(place, [])
    return found


async def deliveries(one: Bridge) -> list[tuple[Delivery, Replayed | None]]:
    """What stands on moengage.deliveries, and of which replay it is."""
    return [
        (
            Delivery.from_record(record.key, record.value, record.headers),
            Replayed.from_headers(record.headers),
        )
        for record in await records_of(one, DELIVERIES)
    ]


async def taken(one: Bridge) -> Counter[str]:
    """How often each delivery has a receipt that it was taken."""
    counts: Counter[str] = Counter()
    for record in await records_of(one, RECEIPTS):
        receipt = Receipt.read(record.value)
        if receipt.outcome == "taken":
            counts.update(one_id for ids in receipt.deliveries.values() for one_id in ids)
    return counts


async def settled(one: Bridge, elements: int) -> None:
    """Wait until MoEngage has taken so many elements in all, and each has its receipt."""

    async def all_taken() -> bool:
        return int((await one.sandbox("stats"))["elements"]) >= elements

    async def all_told() -> bool:
        return (await taken(one)).total() >= elements

    await until(all_taken, f"{elements} elements are at MoEngage", 300)
    await until(all_told, f"{elements} elements have their receipts", 60)


def story() -> list[dict[str, Any]]:
    """Customers who are updated and whose ticket moves; the events' times are all different."""
    events: list[dict[str, Any]] = []
    for number in range(EVENTS // 2):
        events.append(payloads.contact_updated(number, id=f"notif_u{number}", at=number))
        events.append(payloads.ticket_moved(number, number, "resolved", id=f"notif_t{number}", at=number))
    return events


async def forgotten(one: Bridge) -> set[str]:
    """The delivery ids of what MoEngage forgot, which it knows by customer, name and time alone."""
    by_what: dict[tuple[str, str, str, int | None], str] = {}
    for delivery, _ in await deliveries(one):
        at = delivery.occurred_at if delivery.kind == "event" else None
        what = delivery.customer_id, delivery.kind, delivery.name, at
        assert by_what.setdefault(what, delivery.delivery_id) == delivery.delivery_id
    listed = (await one.sandbox("forgotten"))["forgotten"]
    found = [
        by_what[lost["customer_id"], lost["kind"], lost["action"], lost["occurred_at"]] for lost in listed
    ]
    assert len(set(found)) == len(found)
    return set(found)


@pytest.mark.parametrize("topic", ["moengage.deliveries", "intercom.events"])
async def test_what_moengage_forgot_comes_again_exactly_and_nothing_else_does(
    broker: Any, topic_prefix: str, tmp_path: Path, topic: str
) -> None:
    replay = ("replay", "--topic", topic, "--only-missing", "--by-duration", "PT1H", "--execute")
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await one.start_worker()
        await one.faults(kind="forget", share=0.05, seed=7)
        await one.post(*story())
        await settled(one, EVENTS)
        await one.faults()
        before = await deliveries(one)
        assert len(before) == EVENTS
        assert not any(replayed for _, replayed in before)

        # MoEngage has said of each that it took it: nothing is missing.
        await one.command(*replay)
        assert len(await deliveries(one)) == EVENTS

        missing = await forgotten(one)
        assert 0.02 * EVENTS < len(missing) < 0.1 * EVENTS
        (tmp_path / "lost.txt").write_text("".join(f"{lost}\n" for lost in sorted(missing)))
        await one.command("receipts", "void", "lost.txt", "--execute")

        await one.command(*replay)
        await settled(one, EVENTS + len(missing))
        again = [(d.delivery_id, r) for d, r in await deliveries(one) if r is not None]
        assert sorted(delivery_id for delivery_id, _ in again) == sorted(missing)
        [replay_id] = {replayed.id for _, replayed in again if replayed}
        tail = ("tail", "--since", "PT1H", "--no-follow", "--stage", "delivered", "--json")
        shown = await one.command(*tail, "--replay", replay_id, "--show-personal")
        seen = [json.loads(line)["delivery_id"] for line in shown.splitlines()]
        assert sorted(seen) == sorted(missing)

        # At MoEngage: everything is there, each event once, each user told of once.
        stats = await one.sandbox("stats")
        assert stats["elements"] == EVENTS + len(missing)
        assert stats["duplicate_events"] == 0
        there = Counter(await one.event_ids())
        assert there == Counter(f"notif_t{number}" for number in range(EVENTS // 2))
        users = (await one.sandbox("users"))["users"]
        assert len(users) == EVENTS // 2
        assert {user["updates"] for user in users} == {1}
        # And the times are those of then.
        assert {event["occurred_at"] for event in await one.events()} == {
            delivery.occurred_at for delivery, _ in before if delivery.kind == "event"
        }

        # What was repaired is not missing any more.
        await one.command(*replay)
        assert len(await deliveries(one)) == EVENTS + len(missing)
        assert (await one.sandbox("stats"))["elements"] == EVENTS + len(missing)
