"""Two Intercom workspaces through one front door and one worker, each to its own MoEngage workspace."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import payloads
import pytest
from bridge import KEY, SECRET, WORKSPACE, Bridge, WorkerProcess, bridge, until

from ingest.basic_auth import basic_header
from moebridge.brokers.ports import free_ports
from moengage.sandbox.app import create_app
from moengage.sandbox.config import SandboxConfig

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

EU_RULES = """
extends: default
rules:
  - name: resolved in the eu
    when: ticket_state_changed
    on: {to: resolved}
    event: eu_resolved
    attributes: {ticket_number: ticket.number}
"""
SETTINGS = f"""
[intercom]
webhook_secrets = ["{SECRET}"]
workspace_id = "{WORKSPACE}"
data_key = "{KEY}"

[configurations.EU.intercom]
webhook_secrets = ["eu-secret", "eu-secret-before"]
workspace_id = "{WORKSPACE}"
data_key = "eu-data-key"
data_keys = ["eu-data-key-before"]

[configurations.EU.moengage]
workspace_id = "EU-WORKSPACE"
base_url = "%s"

[configurations.EU.mapping]
path = "eu-rules"
identity = ["email", "external_id"]
"""
SECRETS_OF_EU = {"MOEBRIDGE_CONFIGURATIONS__EU__MOENGAGE__API_KEY": "eu-api-key"}


@pytest.fixture
async def eu_url(aiohttp_server: Any, tmp_path: Path) -> str:
    """MoEngage's sandbox for the configuration eu; the settings that name it are in ``tmp_path``."""
    config = SandboxConfig(workspace_id="EU-WORKSPACE", api_key="eu-api-key")
    url = str((await aiohttp_server(create_app(config))).make_url("")).rstrip("/")
    (tmp_path / "eu-rules").mkdir()
    (tmp_path / "eu-rules" / "rules.yaml").write_text(EU_RULES)
    (tmp_path / "moebridge.toml").write_text(SETTINGS % url)
    return url


async def start_front_door(one: Bridge) -> Bridge:
    """The bridge behind a front door that is a process of its own, by the same settings."""
    [port] = free_ports(1)
    log = one.folder / "ingest.log"
    env = {
        "MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS": one.bootstrap_servers,
        "MOEBRIDGE_KAFKA__TOPIC_PREFIX": one.prefix,
        "MOEBRIDGE_INGEST__PORT": str(port),
    }
    with log.open("w") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "moebridge", "ingest",
            env={**os.environ, **env}, stdout=output, stderr=output, cwd=one.folder,
        )  # fmt: skip
    front = WorkerProcess(process, f"http://127.0.0.1:{port}", log)
    one.workers.append(front)  # stopped with the others
    await front.ready(one.session)
    return replace(one, front_url=front.url)


async def connector(one: Bridge, key: str, query: str, customer_id: str = "user-00007") -> int:
    """Send a connector's user; the status."""
    async with one.session.post(
        f"{one.front_url}/v1/partner/intercom/user{query}",
        json={"customer_id": customer_id, "u_fn": key},
        headers={"Authorization": basic_header(WORKSPACE, key)},
    ) as answer:
        assert b"default" not in await answer.read()
        return answer.status


async def customers(one: Bridge) -> set[str]:
    return {user["customer_id"] for user in (await one.sandbox("users?limit=1000"))["users"]}


async def company_is(one: Bridge, customer: str, name: str) -> None:
    async def there() -> bool:
        return (await one.attributes(customer) or {}).get("company_name") == name

    await until(there, f"{customer} is at {name}")


async def test_the_same_ids_in_two_workspaces_arrive_apart_each_by_its_own_mapping(
    broker, topic_prefix: str, tmp_path: Path, eu_url: str
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        here = await start_front_door(one)
        there = replace(here, sandbox_url=eu_url, secret="eu-secret")
        await here.start_worker(**SECRETS_OF_EU)

        # The same notification ids, contacts, company, tickets; the first customer's id is the same too.
        await here.post(
            payloads.contact_updated(1, id="notif_1", companies=("acme",), name="Here"),
            payloads.contact_updated(2, id="notif_2"),
            payloads.company_updated("acme", "Acme", id="notif_acme"),
            payloads.ticket_moved(1, 1, "resolved", id="notif_t1", at=5),
        )
        await there.post(
            payloads.contact_updated(1, id="notif_1", companies=("acme",), name="There", email=None),
            payloads.contact_updated(2, id="notif_2"),
            payloads.company_updated("acme", "Acme Europe", id="notif_acme"),
            payloads.ticket_moved(1, 1, "resolved", id="notif_t1", at=5),
        )
        await company_is(here, "user-00001", "Acme")
        await company_is(there, "user-00001", "Acme Europe")
        assert (await here.attributes("user-00001") or {})["u_n"] == "Here"
        assert (await there.attributes("user-00001") or {})["u_n"] == "There"

        async def all_users() -> bool:
            return await customers(here) == {"user-00001", "user-00002"} and await customers(there) == {
                "user-00001", "user2@example.com",
            }  # fmt: skip

        await until(all_users, "everybody arrived, by the identity of their configuration")

        async def all_events() -> bool:
            named = [sorted(event["action"] for event in await one.events()) for one in (here, there)]
            return named == [["ticket_state_changed"], ["eu_resolved", "ticket_state_changed"]]

        await until(all_events, "the ticket's events arrived, by the rules of their configuration")

        # A company's change is news in its own configuration alone.
        before = (await here.sandbox("stats"))["user_updates"]
        await there.post(payloads.company_updated("acme", "Acme AG", id="notif_acme2", at=10))
        await company_is(there, "user-00001", "Acme AG")
        await here.post(payloads.company_updated("acme", "Acme Inc.", id="notif_acme3", at=20))
        await company_is(here, "user-00001", "Acme Inc.")
        assert (await here.sandbox("stats"))["user_updates"] == before + 1
        assert (await there.attributes("user-00001") or {})["company_name"] == "Acme AG"


async def test_names_credentials_and_the_change_of_both(
    broker, topic_prefix: str, tmp_path: Path, eu_url: str
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        here = await start_front_door(one)
        there = replace(here, sandbox_url=eu_url, secret="eu-secret")
        await here.start_worker(**SECRETS_OF_EU)
        assert await connector(here, KEY, "?configName=US") == 404
        assert await connector(here, "guessed", "?configName=US") == 401
        assert await connector(here, "guessed", "?configName=EU") == 401
        assert await connector(here, KEY, "?configName=EU") == 401
        assert await connector(here, "eu-data-key", "") == 401
        assert await connector(here, KEY, "", "user-00001") == 200
        assert await connector(here, "eu-data-key", "?configName=EU", "user-00001") == 200
        # While secret and key are changed, those of before are taken too.
        assert await connector(here, "eu-data-key-before", "?configName=eu", "user-00002") == 200
        await replace(there, secret="eu-secret-before").post(
            payloads.contact_updated(3, id="notif_3", email=None)
        )
        await there.post(payloads.contact_updated(4, id="notif_4", email=None))
        stranger = replace(there, secret="some-secret")
        assert await stranger.post_raw(b'{"topic": "contact.deleted", "data": {"item": {}}}') == 401

        async def arrived() -> bool:
            return await customers(there) == {f"user-{n:05d}" for n in (1, 2, 3, 4)}

        await until(arrived, "everybody of the eu arrived there")
        assert (await there.attributes("user-00001") or {})["u_fn"] == "eu-data-key"
        assert (await here.attributes("user-00001") or {})["u_fn"] == KEY
        assert await customers(here) == {"user-00001"}


async def test_what_is_of_a_configuration_that_was_taken_out_is_kept_and_told(
    broker, topic_prefix: str, tmp_path: Path, eu_url: str
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        here = await start_front_door(one)
        there = replace(here, sandbox_url=eu_url, secret="eu-secret")
        (tmp_path / "moebridge.toml").unlink()  # the front door has read it, the worker will not
        worker = await here.start_worker()
        await there.post(payloads.contact_updated(1, id="notif_1"))
        await here.post(payloads.contact_updated(1, id="notif_1"))

        async def told() -> bool:
            async with one.session.get(f"{worker.url}/metrics") as answer:
                metrics = await answer.text()
            return 'moebridge_stage_outcomes_total{outcome="unknown_config",stage="route"} 1.0' in metrics

        await until(told, "the record went to the dead letters")

        async def arrived() -> bool:
            return await customers(here) == {"user-00001"}

        await until(arrived, "the default configuration goes on")
        assert "records of a configuration that is not in the settings" in worker.log.read_text()
        assert await customers(there) == set()
