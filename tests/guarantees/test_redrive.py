"""What MoEngage refused is delivered after all, once and in order, when the fault is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import payloads
import pytest
from bridge import Bridge, bridge, until

from moebridge.dead_letters import survey
from moebridge.dead_letters.reading import dead_letter_log
from moebridge.dead_letters.selection import Selection
from moebridge.dead_letters.shown import line

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

REFUSED = "user-00001"


async def letters(one: Bridge) -> list[dict[str, Any]]:
    """The open ones, as ``list --json --show-personal`` has them."""
    async with dead_letter_log({"bootstrap_servers": one.bootstrap_servers}, one.prefix) as log:
        everything = Selection()
        return [
            line(found.letter, None, personal=True)
            async for found in survey.found(log, await survey.spans(log, everything), everything)
            if found.settlement is None
        ]


async def fault(one: Bridge, method: str, **what: str) -> None:
    """Make the sandbox refuse, or mend it."""
    async with one.session.request(method, f"{one.sandbox_url}/sandbox/faults", json=what) as answer:
        assert answer.status == 200


def story(customer: int) -> list[dict[str, Any]]:
    """A customer's day: three updates, and a ticket that moves after each."""
    moves = ("submitted", "in_progress", "waiting_on_customer", "resolved")
    events = []
    for step in range(1, 4):
        update = payloads.contact_updated(
            customer, id=f"notif_u{customer}-{step}", at=10 * step, custom_attributes={"seats": step}
        )
        move = payloads.ticket_moved(
            customer, customer, moves[step], before=moves[step - 1],
            id=f"notif_t{customer}-{step}", at=10 * step + 5,
        )  # fmt: skip
        events += [update, move]
    return events


def moves_of(customer: int) -> list[str]:
    return [f"notif_t{customer}-{step}" for step in range(1, 4)]


async def test_refused_mended_redriven(broker: Any, topic_prefix: str, tmp_path: Path) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await one.start_worker()
        await fault(one, "POST", kind="refuse", customer_id=REFUSED)
        refused, others = story(1), story(2)
        for pair in zip(refused, others, strict=True):
            await one.post(*pair, at_once=1)
        await one.arrived(moves_of(2))

        async def all_refused() -> bool:
            return {letter["event_id"] for letter in await letters(one)} >= {e["id"] for e in refused}

        await until(all_refused, "all that was refused is a dead letter", 60)
        found = await letters(one)
        assert {letter["whose"] for letter in found} == {REFUSED}
        assert {letter["answer_status"] for letter in found} == {400}
        assert await one.events(REFUSED) == []

        await fault(one, "DELETE")
        assert "would be redriven" in await one.command(
            "dead-letters", "redrive", "--customer-id", REFUSED
        )
        assert await one.events(REFUSED) == []
        said = await one.command("dead-letters", "redrive", "--customer-id", REFUSED, "--execute")
        assert f"{len(found)} redriven by run " in said

        await one.arrived([*moves_of(1), *moves_of(2)])
        # A later event is behind all of them: what is there now is all there will be.
        after = payloads.ticket_moved(1, 1, "in_progress", before="resolved", id="notif_after", at=50)
        await one.post(after)
        await one.arrived(["notif_after"])
        ids = [event["attributes"]["intercom_event_id"] for event in await one.events(REFUSED)]
        assert ids == [*moves_of(1), "notif_after"]
        user = await one.attributes(REFUSED)
        assert user is not None
        assert user["seats"] == 3
        assert "0 open" in await one.command("dead-letters", "list")
        assert "0 would be redriven" in await one.command("dead-letters", "redrive")


async def test_what_is_refused_again_is_a_letter_again_and_tells_of_the_first(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await one.start_worker()
        await fault(one, "POST", kind="refuse", action="ticket_state_changed")
        await one.post(payloads.ticket_moved(1, 1, "resolved", id="notif_1", at=5))

        async def a_letter() -> bool:
            return len(await letters(one)) == 1

        await until(a_letter, "the event is a dead letter", 60)
        [first] = await letters(one)
        await one.command("dead-letters", "redrive", "--execute")

        async def another() -> bool:
            return [letter["redriven_before"] for letter in await letters(one)] == [1]

        await until(another, "it is one again", 60)
        [second] = await letters(one)
        assert second["id"] != first["id"]
        assert f"once before, last from {first['id']} at " in await one.command(
            "dead-letters", "show", second["id"]
        )
        await fault(one, "DELETE")
        await one.command("dead-letters", "redrive", "--execute")
        await one.arrived(["notif_1"])
        assert len(await one.events()) == 1
