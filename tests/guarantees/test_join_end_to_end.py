"""A company's change reaches its members and nobody else."""

from __future__ import annotations

from pathlib import Path

import payloads
import pytest
from bridge import Bridge, bridge, until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

MEMBERS = ("user-00001", "user-00002", "user-00003")


async def company_is(one: Bridge, customers: tuple[str, ...], name: str) -> None:
    async def everywhere() -> bool:
        found = [await one.attributes(customer) for customer in customers]
        return all(attributes and attributes.get("company_name") == name for attributes in found)

    await until(everywhere, f"{customers} are at {name}")


async def test_a_renamed_company_updates_its_three_users_and_nobody_else(
    broker, topic_prefix: str, tmp_path: Path
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await one.start_worker()
        await one.post(
            *(payloads.contact_updated(n, id=f"notif_in{n}", companies=("acme",)) for n in (1, 2, 3)),
            payloads.contact_updated(4, id="notif_in4", companies=("other",)),
            payloads.company_updated("acme", "Acme", id="notif_acme"),
            payloads.company_updated("other", "Other", id="notif_other"),
        )
        await company_is(one, MEMBERS, "Acme")
        await company_is(one, ("user-00004",), "Other")
        before = (await one.sandbox("stats"))["user_updates"]

        await one.post(payloads.company_updated("acme", "Acme & Daughters", id="notif_acme2", at=10))
        await company_is(one, MEMBERS, "Acme & Daughters")
        assert (await one.sandbox("stats"))["user_updates"] == before + 3

        # The same name again sends nothing: what comes after it in the same partition is the proof.
        await one.post(
            payloads.company_updated("acme", "Acme & Daughters", id="notif_acme3", at=20),
            payloads.company_updated("acme", "Acme AG", id="notif_acme4", at=30),
            at_once=1,
        )
        await company_is(one, MEMBERS, "Acme AG")
        assert (await one.sandbox("stats"))["user_updates"] == before + 6
        assert (await one.attributes("user-00004") or {})["company_name"] == "Other"
