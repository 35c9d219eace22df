"""A ticket of a contact that nothing has told of: MoEngage gets the user, with e-mail and company."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import payloads
import pytest
from bridge import Bridge, bridge, until

from intercom.sandbox.app import create_app
from intercom.sandbox.config import SandboxConfig

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

TOKEN = "token-of-the-tests"


@pytest.fixture
async def intercom_url(aiohttp_server: Any) -> str:
    """Intercom's sandbox, with the company acme and contact 1 in it, and nobody else."""
    server = await aiohttp_server(create_app(SandboxConfig(access_token=TOKEN)))
    url = str(server.make_url("")).rstrip("/")
    company = {"id": "acme", "company_id": "own-acme", "name": "Acme", "updated_at": payloads.BEGAN}
    contact = {
        "id": "contact-00001", "external_id": "user-00001", "email": "ada@example.com", "name": "Ada",
        "updated_at": payloads.BEGAN, "company_ids": ["acme"],
    }  # fmt: skip
    async with aiohttp.ClientSession() as session:
        for name, document in (("companies", company), ("contacts", contact)):
            async with session.post(f"{url}/sandbox/{name}", json=document) as answer:
                assert answer.status == 200
    return url


def asking(url: str, token: str = TOKEN) -> dict[str, str]:
    return {"MOEBRIDGE_INTERCOM__ACCESS_TOKEN": token, "MOEBRIDGE_INTERCOM__BASE_URL": url}


async def calls(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/sandbox/stats") as answer:
        return int((await answer.json())["requests"])


async def metrics(one: Bridge) -> str:
    async with one.session.get(f"{one.workers[-1].url}/metrics") as answer:
        return await answer.text()


async def test_an_unknown_tickets_contact_is_completed_and_asked_for_once(
    broker, topic_prefix: str, tmp_path: Path, intercom_url: str
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await one.start_worker(**asking(intercom_url))
        await one.post(payloads.ticket_moved(1, 1, "resolved", id="notif_1"))
        await one.arrived(["notif_1"])
        [event] = await one.events("user-00001")
        assert event["attributes"]["company_name"] == "Acme"
        user = await one.attributes("user-00001") or {}
        assert (user["u_em"], user["u_n"]) == ("ada@example.com", "Ada")
        assert (user["company_id"], user["company_name"]) == ("own-acme", "Acme")
        assert await calls(intercom_url) == 2  # the contact and its companies

        await one.post(payloads.ticket_moved(2, 1, "resolved", id="notif_2", at=5))
        await one.arrived(["notif_2"])
        assert await calls(intercom_url) == 2

        # The membership was told, so a change of the company reaches the contact as ever.
        await one.post(payloads.company_updated("acme", "Acme AG", id="notif_acme", at=10))

        async def renamed() -> bool:
            return (await one.attributes("user-00001") or {})["company_name"] == "Acme AG"

        await until(renamed, "the company's new name reached the contact")
        assert 'moebridge_enrichment_contacts_total{outcome="found"} 1.0' in await metrics(one)


@pytest.mark.parametrize("way", ["no token", "a wrong token", "nobody answers", "unknown there too"])
async def test_without_an_answer_the_event_is_mapped_with_what_is_there(
    broker, topic_prefix: str, tmp_path: Path, intercom_url: str, unused_tcp_port: int, way: str
) -> None:
    env = {
        "no token": {},
        "a wrong token": asking(intercom_url, "wrong"),
        "nobody answers": asking(f"http://127.0.0.1:{unused_tcp_port}"),
        "unknown there too": asking(intercom_url),
    }[way]
    number = 9 if way == "unknown there too" else 1
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        worker = await one.start_worker(**env)
        await one.post(payloads.ticket_moved(1, number, "resolved", id="notif_1"))
        await one.arrived(["notif_1"])
        [event] = await one.events(f"user-{number:05d}")
        assert event["attributes"]["state_to"] == "resolved"
        assert "company_name" not in event["attributes"]
        assert await one.attributes(f"user-{number:05d}") in (None, {})
        assert worker.process.returncode is None
        shouted = "intercom.access_token: check the token" in worker.log.read_text()
        assert shouted is (way == "a wrong token")
        assert "ada" not in worker.log.read_text()
