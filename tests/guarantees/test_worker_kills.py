"""A worker that is killed, that fails, or that is stopped and started loses nothing."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import payloads
import pytest
from bridge import Bridge, bridge, until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]


def ticket_events(count: int, run: str = "") -> list[dict]:
    """Every second event is a new ticket's change of state, the others are updates of contacts."""
    events = []
    for number in range(count // 2):
        customer = number % 200
        events.append(
            payloads.contact_updated(
                customer, id=f"notif_c{run}{number}", at=number, custom_attributes={"seats": number}
            )
        )
        ticket = payloads.ticket_moved(
            number, customer, "resolved", id=f"notif_t{run}{number}", at=number
        )
        ticket["data"]["item"]["id"] += run
        events.append(ticket)
    return events


def state_changes(events: list[dict]) -> list[str]:
    return [event["id"] for event in events if event["topic"] == "ticket.state.updated"]


async def check_order_and_users(one: Bridge, events: list[dict]) -> None:
    """Every contact's last update is what MoEngage has, and a customer's events are in order."""
    seats: dict[str, int] = {}
    for event in events:
        item = event["data"]["item"]
        if event["topic"] == "contact.user.updated":
            seats[item["external_id"]] = item["custom_attributes"]["seats"]

    async def all_current() -> bool:
        users = {user["customer_id"]: user for user in (await one.sandbox("users?limit=100000"))["users"]}
        return all(
            users.get(customer, {"attributes": {}})["attributes"].get("seats") == seat
            for customer, seat in seats.items()
        )

    await until(all_current, "every user is as last updated", 60)


async def report(one: Bridge, events: list[dict], what: str) -> Counter[str]:
    twice = Counter(await one.event_ids())
    again = sum(times - 1 for times in twice.values())
    print(f"\n{what}: events in {len(events)}, state changes {len(state_changes(events))}, "
          f"lost {len(set(state_changes(events)) - set(twice))}, delivered twice {again}")  # fmt: skip
    return twice


async def test_sigkill_in_the_middle_of_2000_events(
    kafka_broker, topic_prefix: str, tmp_path: Path
) -> None:
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        events = ticket_events(2000)
        worker = await one.start_worker()
        posting = asyncio.create_task(one.post(*events))

        async def some_arrived() -> bool:
            return (await one.sandbox("stats"))["events"] >= 100

        await until(some_arrived, "the first events arrived")
        await worker.kill()
        arrived_before = (await one.sandbox("stats"))["events"]
        await posting
        assert arrived_before < len(state_changes(events)), "it was all over before the kill"

        await one.start_worker()
        await one.arrived(state_changes(events))
        await check_order_and_users(one, events)
        await report(one, events, "SIGKILL of the worker")


@pytest.mark.parametrize(
    "failpoint",
    [
        "route:before_step:2", "route:after_outputs:2",
        "contacts:before_step:2", "contacts:after_outputs:2",
        "contacts:after_changelog:2", "contacts:after_store:2",
        "companies:after_outputs:1",
        "deliver:before_step:2", "deliver:after_outputs:2", "deliver:after_store:2",
    ],
)  # fmt: skip
async def test_an_exception_inside_a_stage(
    kafka_broker, topic_prefix: str, tmp_path: Path, failpoint: str
) -> None:
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        events = ticket_events(400)
        events.append(
            payloads.contact_updated(
                1, id="notif_joins", at=900, custom_attributes={"seats": 1}, companies=("acme",)
            )
        )
        events.append(payloads.company_updated("acme", "Acme", id="notif_acme", at=900))
        failing = await one.start_worker(failpoints=failpoint)
        # In small portions, so that there are several chunks to fail in.
        for first in range(0, len(events), 100):
            await one.post(*events[first : first + 100])
        assert await failing.ended() == 1, failing.log.read_text()[-3000:]
        assert "InjectedFailure" in failing.log.read_text()

        await one.start_worker()
        await one.arrived(state_changes(events))
        await check_order_and_users(one, events)

        async def joined() -> bool:
            return ((await one.attributes("user-00001")) or {}).get("company_name") == "Acme"

        await until(joined, "the company reached its member")
        await report(one, events, failpoint)


async def test_ten_stops_and_starts_with_a_backlog_and_a_fresh_folder(
    kafka_broker, topic_prefix: str, tmp_path: Path
) -> None:
    """Plain Faust loses about one in a hundred here: docs/decisions/0002-chunk-transport.md."""
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        every: list[dict] = []
        worker = await one.start_worker()
        await one.post(*ticket_events(100, "warm"))
        for turn in range(10):
            assert await worker.stop() == 0, worker.log.read_text()[-3000:]
            events = ticket_events(1000, f"r{turn}-")
            every += events
            await one.post(*events)
            if turn == 5:
                shutil.rmtree(tmp_path / "w")  # the tables come back from their changelogs
            worker = await one.start_worker()
        await one.arrived(state_changes(every))
        twice = await report(one, every, "ten stops and starts")
        assert max(twice.values()) == 1, "a plain stop delivers nothing twice"


async def test_a_second_worker_joins_and_the_first_is_killed(
    kafka_broker, topic_prefix: str, tmp_path: Path
) -> None:
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        events = ticket_events(2000)
        first = await one.start_worker("w1")
        posting = asyncio.create_task(one.post(*events))
        await one.start_worker("w2")
        await first.kill()
        await posting
        await one.arrived(state_changes(events))
        await check_order_and_users(one, events)
        await report(one, events, "a second worker joins, the first is killed")
