"""Leads that sign up or are merged, and contacts that are deleted: one MoEngage user each, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import payloads
import pytest
from bridge import Bridge, bridge, until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

PEOPLE = 12


def lead(number: int, at: int) -> dict[str, Any]:
    item = payloads.contact(number, at=at, role="lead", external_id=f"uuid-{number}", name=None)
    return payloads.notification("contact.lead.created", item, id=f"notif_lead{number}", at=at)


def ticket(number: int, contact: int, at: int) -> dict[str, Any]:
    moved = payloads.ticket_moved(number, contact, "resolved", id=f"notif_t{number}", at=at)
    for reference in moved["data"]["item"]["contacts"]["contacts"]:
        del reference["external_id"]
    return moved


async def users(one: Bridge) -> dict[str, dict[str, Any]]:
    return {user["customer_id"]: user for user in (await one.sandbox("users?limit=1000"))["users"]}


async def users_are(one: Bridge, wanted: set[str]) -> None:
    async def so() -> bool:
        return set(await users(one)) == wanted

    await until(so, f"the users are {sorted(wanted)}", 60)


async def test_leads_that_sign_up_or_are_merged_are_one_user_with_their_events(
    broker, topic_prefix: str, tmp_path: Path
) -> None:
    """Ids of both sides lie in all partitions."""
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await one.start_worker()
        await one.post(*(lead(n, at=0) for n in range(PEOPLE)), at_once=1)
        await one.post(*(ticket(n, n, at=5) for n in range(PEOPLE)), at_once=1)
        await users_are(one, {f"uuid-{n}" for n in range(PEOPLE)})

        # The first half sign up; those of the second half are merged into them.
        for n in range(PEOPLE // 2):
            user = payloads.contact(n, at=10)
            await one.post(
                payloads.notification("contact.lead.signed_up", user, id=f"notif_up{n}", at=10),
                payloads.notification(
                    "contact.merged",
                    {**user, "merged_from": {"type": "contact", "id": f"contact-{n + PEOPLE // 2:05d}"}},
                    id=f"notif_merged{n}", at=20,
                ),
                at_once=1,
            )  # fmt: skip
        await users_are(one, {f"user-{n:05d}" for n in range(PEOPLE // 2)})

        # What is told of a contact that is gone is told of the one that is left.
        await one.post(ticket(99, PEOPLE - 1, at=30))
        await one.arrived([f"notif_t{n}" for n in (*range(PEOPLE), 99)])
        for n in range(PEOPLE // 2):
            events = await one.events(f"user-{n:05d}")
            assert len(events) == (3 if n == PEOPLE // 2 - 1 else 2)
            assert (await one.attributes(f"user-{n:05d}") or {})["u_n"] == f"User {n}"
        await users_are(one, {f"user-{n:05d}" for n in range(PEOPLE // 2)})


@pytest.mark.parametrize("deletes", ["true", "false"])
async def test_a_contact_that_is_deleted(broker, topic_prefix: str, tmp_path: Path, deletes: str) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await one.start_worker(MOEBRIDGE_MAPPING__DELETES=deletes)
        gone = {"type": "contact", "id": "contact-00001", "deleted": True}
        await one.post(
            payloads.contact_updated(1, id="notif_1"),
            payloads.notification("contact.deleted", gone, id="notif_2", at=10),
            payloads.contact_updated(1, id="notif_3", at=20, name="Late"),
            payloads.contact_updated(2, id="notif_4"),
            at_once=1,
        )
        await users_are(one, {"user-00001", "user-00002"})
        metric = 'moebridge_stage_records_total{stage="deliver"}'
        handed_on = 3 if deletes == "true" else 2

        async def all_done() -> bool:
            async with one.session.get(f"{one.workers[0].url}/metrics") as answer:
                return f"{metric} {handed_on}.0" in await answer.text()

        await until(all_done, "everything is delivered")
        found = (await users(one))["user-00001"]
        assert (found["delete_at"] is not None) is (deletes == "true")
        assert found["attributes"]["u_n"] == "User 1"
