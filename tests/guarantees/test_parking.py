"""With delivery.after_refusal = park, a customer's later elements wait behind the refused one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import payloads
import pytest
from bridge import bridge, until
from test_redrive import REFUSED, fault, letters, moves_of, story

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

PARK = {"MOEBRIDGE_DELIVERY__AFTER_REFUSAL": "park"}


async def test_a_parked_customer_waits_over_a_restart_until_all_of_it_was_redriven(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        worker = await one.start_worker(**PARK)
        first, *later = story(1)
        await fault(one, "POST", kind="refuse", customer_id=REFUSED)
        await one.post(first)

        async def dead(*event_ids: str) -> bool:
            return {letter["event_id"] for letter in await letters(one)} >= set(event_ids)

        await until(lambda: dead(first["id"]), "the first element is refused", 60)
        await fault(one, "DELETE")
        assert await worker.stop() == 0
        await one.start_worker(**PARK)  # MoEngage would take all of it by now

        await one.post(*later, at_once=1)
        await one.post(*story(2), at_once=1)
        await one.arrived(moves_of(2))
        await until(lambda: dead(*(event["id"] for event in later)), "what came later is parked", 60)
        assert await one.events(REFUSED) == []
        reasons = [letter["reason"] for letter in await letters(one)]
        parked = reasons.count("parked")
        assert parked == len(reasons) - 1

        # They are dead letters, so nothing is missing that a replay should bring again.
        what = ("--topic", "moengage.deliveries", "--from-offset", "0", "--only-missing")
        told = json.loads(await one.command("replay", *what, "--json"))["totals"]
        assert told["chosen"] == 0
        left_out = told["left_out"]
        assert (left_out["refused"], left_out["parked"]) == (1, parked)

        await one.command("dead-letters", "redrive", "--customer-id", REFUSED, "--execute")
        await one.arrived(moves_of(1))
        after = payloads.ticket_moved(1, 1, "in_progress", before="resolved", id="notif_after", at=50)
        await one.post(after)
        await one.arrived(["notif_after"])
        ids = [event["attributes"]["intercom_event_id"] for event in await one.events(REFUSED)]
        assert ids == [*moves_of(1), "notif_after"]
        user = await one.attributes(REFUSED)
        assert user is not None
        assert user["seats"] == 3
