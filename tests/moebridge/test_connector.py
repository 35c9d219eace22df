"""``moebridge connector``: what it prints is taken by the front door, and becomes what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result
from in_process_door import front_door
from yarl import URL

from events.elements import EventElement, UserElement
from ingest.signature import sign
from intercom.sandbox.app import create_app as intercom_sandbox
from intercom.sandbox.config import SandboxConfig
from moebridge.cli import main
from moebridge.connector.guide import METHODS
from moebridge.settings_source import load
from moebridge.wiring import rules

PUBLIC = "https://bridge.example.com"
SECRETS = {
    "MOEBRIDGE_INTERCOM__WEBHOOK_SECRETS": "hush-hook",
    "MOEBRIDGE_INTERCOM__WORKSPACE_ID": "ws-1",
    "MOEBRIDGE_INTERCOM__DATA_KEY": "hush-key",
    "MOEBRIDGE_INTERCOM__ACCESS_TOKEN": "hush-token",
}

#: The person of these tests, as Intercom would fill its attributes in.
MIRA = {
    "user_id": "cust-77", "contact_id": "65a1", "first_name": "Mira", "last_name": "van Dijk",
    "email": "mira@brook.example", "phone": "+44 20 7946 0018", "created_at": "1768035600",
    "updated_at": "2026-01-10T10:00:00Z", "company_name": "Brook", "ticket_id": "42",
    "ticket_state": "resolved",
}  # fmt: skip
AS_USER = {"u_em": "mira@brook.example", "u_mb": "442079460018"}
TIMES = {
    "intercom_created_at": "2026-01-10T09:00:00Z",
    "intercom_updated_at": "2026-01-10T10:00:00Z",
}
NAMES = {"u_fn": "Mira", "u_ln": "van Dijk"}
ID = {"intercom_id": "65a1"}
TICKET = {"ticket_id": "42", "ticket_state": "resolved"}


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["connector", *arguments])


def printed(method: str, *arguments: str) -> Any:
    """The guide, with its secrets."""
    result = invoke("--method", method, "--url", PUBLIC, "--json", "--show-secrets", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def filled(request: Any, values: Mapping[str, str]) -> bytes:
    """The body as Intercom sends it."""
    text = json.dumps(request["body"])
    for placeholder in request["placeholders"]:
        text = text.replace(placeholder, values.get(placeholder.strip("{}"), ""))
    assert "{{" not in text
    return text.encode()


def signed(body: bytes) -> dict[str, str]:
    """The headers of Intercom's webhooks."""
    return {"Content-Type": "application/json", "X-Hub-Signature": sign(body, "hush-hook")}


def request_of(guide: Any, title: str) -> Any:
    [found] = [request for request in guide["requests"] if request["title"] == title]
    return found


def of_events(elements: list[Any]) -> list[Any]:
    """Elements without what every event carries, and when it was."""
    return [
        UserElement(one.customer_id, one.attributes)
        if isinstance(one, UserElement)
        else EventElement(
            one.customer_id,
            one.name,
            {
                name: value
                for name, value in one.attributes.items()
                if name not in ("intercom_event_id", "intercom_topic")
            },
            0,
        )
        for one in elements
    ]


EXPECTED = {
    "A user or lead": [
        UserElement("cust-77", {**ID, **NAMES, **AS_USER, **TIMES, "company_name": "Brook"})
    ],
    "An event": [
        UserElement("cust-77", {**ID, **NAMES, **AS_USER}),
        EventElement("cust-77", "ticket_update", TICKET, 0),
    ],
    "Both at once": [
        UserElement("cust-77", {**ID, **NAMES, **AS_USER, "company_name": "Brook"}),
        EventElement("cust-77", "ticket_update", TICKET, 0),
    ],
}


@pytest.mark.parametrize(
    ("method", "verb"), [("workflow", "POST"), ("series", "POST"), ("series", "PUT")]
)
@pytest.mark.parametrize("title", EXPECTED)
async def test_what_is_printed_is_taken_and_mapped(method: str, verb: str, title: str) -> None:
    request = request_of(printed(method), title)
    assert verb in request["methods"]
    assert request["url"].startswith(f"{PUBLIC}/")
    settings = load().settings
    async with front_door(settings) as (door, taken):
        answer = await door.request(
            verb, URL(request["url"]).relative(), data=filled(request, MIRA), headers=request["headers"]
        )
        assert (answer.status, (await answer.json())["status"]) == (200, "success")
        made = of_events(taken.mapped(rules(settings.mapping)))
    if method == "series":  # it tells of no ticket
        expected = [
            EventElement(one.customer_id, "series_step",
                         {**{k: v for k, v in one.attributes.items() if k not in TICKET},
                          "company_name": "Brook"}, 0)
            if isinstance(one, EventElement) else one
            for one in EXPECTED[title]
        ]  # fmt: skip
    else:
        expected = EXPECTED[title]
    assert made == expected


@pytest.mark.parametrize("title", EXPECTED)
@pytest.mark.parametrize("identity", ["external_id,intercom_id", "email,intercom_id", "intercom_id"])
async def test_the_customer_id_is_that_of_the_webhooks(
    monkeypatch: pytest.MonkeyPatch, title: str, identity: str
) -> None:
    monkeypatch.setenv("MOEBRIDGE_MAPPING__IDENTITY", identity)
    request = request_of(printed("workflow"), title)
    contact = {
        "type": "contact", "id": "65a1", "external_id": "cust-77", "email": "mira@brook.example"
    }  # fmt: skip
    notification = {"topic": "contact.user.created", "id": "n1", "data": {"item": contact}}
    settings = load().settings
    async with front_door(settings) as (door, taken):
        path = URL(request["url"]).relative()
        await door.post(path, data=filled(request, MIRA), headers=request["headers"])
        [by_connector] = {one.customer_id for one in taken.mapped(rules(settings.mapping))}
        body = json.dumps(notification).encode()
        await door.post("/intercom/webhooks", data=body, headers=signed(body))
        [by_webhook] = {one.customer_id for one in taken.mapped(rules(settings.mapping))}
    assert by_connector == by_webhook


@pytest.mark.parametrize("method", ["workflow", "series"])
@pytest.mark.parametrize("title", EXPECTED)
async def test_somebody_without_any_attribute_but_an_id(method: str, title: str) -> None:
    request = request_of(printed(method), title)
    settings = load().settings
    async with front_door(settings) as (door, taken):
        body = filled(request, {"contact_id": "65a1"})
        path = URL(request["url"]).relative()
        answer = await door.post(path, data=body, headers=request["headers"])
        assert answer.status == 200
        assert {one.customer_id for one in taken.mapped(rules(settings.mapping))} == {"intercom:65a1"}


@pytest.mark.parametrize("title", EXPECTED)
async def test_the_advanced_method_looks_up_and_tells(
    monkeypatch: pytest.MonkeyPatch, title: str
) -> None:
    server = TestServer(intercom_sandbox(SandboxConfig(access_token="hush-token")))
    await server.start_server()
    base = str(server.make_url("")).rstrip("/")
    monkeypatch.setenv("MOEBRIDGE_INTERCOM__BASE_URL", base)
    guide = printed("advanced")
    contact = {
        "id": "65a1", "external_id": "cust-77", "email": "mira@brook.example", "name": "Mira van Dijk",
        "phone": "+44 20 7946 0018", "created_at": 1768035600, "updated_at": 1768039200,
    }  # fmt: skip
    settings = load().settings
    async with aiohttp.ClientSession() as session, front_door(settings) as (door, taken):
        await session.post(f"{base}/sandbox/contacts", json=contact)
        lookup = guide["requests"][0]
        body = filled(lookup, {"email": "mira@brook.example"})
        async with session.post(lookup["url"], data=body, headers=lookup["headers"]) as answer:
            assert answer.status == 200
            [hit] = (await answer.json())["data"]
        found = {f"data.0.{name}": str(value) for name, value in hit.items() if value is not None}
        request = request_of(guide, title)
        body = filled(request, {**found, **{name: MIRA[name] for name in TICKET}})
        path = URL(request["url"]).relative()
        answer = await door.post(path, data=body, headers=request["headers"])
        assert answer.status == 200
        user, *events = of_events(taken.mapped(rules(settings.mapping)))
    await server.close()
    assert user.customer_id == "cust-77"
    assert {**AS_USER, "u_n": "Mira van Dijk"}.items() <= user.attributes.items()
    assert user.attributes.get("role") == (None if title == "An event" else "user")
    if title == "A user or lead":
        assert {**ID, **TIMES}.items() <= user.attributes.items()
        assert events == []
    else:
        assert events == [EventElement("cust-77", "ticket_update", TICKET, 0)]


async def test_a_webhook_to_the_printed_endpoint_is_taken_and_mapped() -> None:
    guide = printed("webhook")
    assert {"topic": "ticket.created", "permissions": ["Read tickets"], "for": "ticket_created"} in guide[
        "topics"
    ]
    [request] = guide["requests"]
    assert (request["headers"], request["body"]) == ({}, None)
    item = {
        "id": "9001", "ticket_id": "42", "ticket_state": "submitted",
        "contacts": {"contacts": [{"id": "65a1", "external_id": "cust-77"}]},
    }  # fmt: skip
    body = json.dumps({"topic": "ticket.created", "id": "n1", "data": {"item": item}}).encode()
    settings = load().settings
    async with front_door(settings) as (door, taken):
        path = URL(request["url"]).relative()
        assert (await door.head(path)).status == 200
        assert (await door.post(path, data=body, headers=signed(body))).status == 200
        [event] = taken.mapped(rules(settings.mapping))
    assert isinstance(event, EventElement)
    assert (event.customer_id, event.name) == ("cust-77", "ticket_created")


def test_topics_are_those_of_the_users_own_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own.yaml").write_text("rules:\n  - {name: tracked, when: intercom_event, event: e}\n")
    monkeypatch.setenv("MOEBRIDGE_MAPPING__PATH", "own.yaml")
    guide = printed("webhook")
    topics = {topic["topic"]: topic["for"] for topic in guide["topics"]}
    assert topics["event.created"] == "tracked"
    assert topics["contact.deleted"] == "what rules read of the contact"
    assert not [topic for topic in topics if topic.startswith(("ticket.", "conversation."))]
    [permissions] = [step for step in guide["steps"] if "permissions" in step]
    assert "“Read events”" in permissions
    assert "Read tickets" not in permissions


@pytest.mark.parametrize("method", METHODS)
def test_the_terminal_shows_the_same(method: str) -> None:
    guide = printed(method)
    text = invoke("--method", method, "--url", PUBLIC, "--show-secrets").stdout
    headers = [
        f"  header  {name}: {value}"
        for request in guide["requests"]
        for name, value in request["headers"].items()
    ]
    assert re.findall(r"^  header  .*$", text, re.MULTILINE) == headers
    assert re.findall(r"^  URL     (.*)$", text, re.MULTILINE) == [
        one["url"] for one in guide["requests"]
    ]
    bodies = [json.loads(body) for body in re.findall(r"^\{$.*?^\}$", text, re.MULTILINE | re.DOTALL)]
    assert bodies == [one["body"] for one in guide["requests"] if one["body"] is not None]
    for request in guide["requests"]:
        for placeholder, meaning in request["placeholders"].items():
            assert re.search(rf"^  {re.escape(placeholder)} +{re.escape(meaning)}$", text, re.MULTILINE)
    for topic in guide["topics"]:
        assert f"    {topic['topic']} " in text


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_secrets_are_hidden_unless_asked_for(method: str, form: tuple[str, ...]) -> None:
    hidden = invoke("--method", method, "--url", PUBLIC, *form)
    assert hidden.exit_code == 0
    assert "hush" not in hidden.output
    assert "aHVzaC" not in hidden.output  # "hush", in base64
    assert "d3Mt" not in hidden.output  # "ws-", with which the credentials begin
    if method != "webhook":
        assert "Basic ***" in hidden.output


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_is_not_set_is_said(monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]) -> None:
    monkeypatch.delenv("MOEBRIDGE_INTERCOM__DATA_KEY")
    shown = invoke("--method", "series", "--url", PUBLIC, *form)
    assert shown.exit_code == 0
    assert "Basic <not set: intercom.data_key>" in shown.output
    refused = invoke("--method", "series", "--url", PUBLIC, "--show-secrets", *form)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "MOEBRIDGE_INTERCOM__DATA_KEY" in refused.stderr


def test_where_the_public_address_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = invoke("--method", "webhook")
    assert "https://YOUR-HOST/intercom/webhooks" in nowhere.stdout
    assert "MOEBRIDGE_INGEST__PUBLIC_URL" in nowhere.stderr
    monkeypatch.setenv("MOEBRIDGE_INGEST__PUBLIC_URL", f"{PUBLIC}/bridge/")
    assert f"  URL     {PUBLIC}/bridge/intercom/webhooks\n" in invoke("--method", "webhook").stdout
    given = invoke("--method", "webhook", "--url", "https://other.example.com/")
    assert "  URL     https://other.example.com/intercom/webhooks\n" in given.stdout
    assert invoke("--method", "webhook", "--url", "bridge.example.com").exit_code == 2


def test_the_configuration_is_in_the_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBRIDGE_INGEST__CONFIG_NAME", "mine")
    urls = [request["url"] for request in printed("workflow", "--config-name", "mine")["requests"]]
    assert all(url.endswith("?configName=mine") for url in urls)
    unknown = invoke("--method", "workflow", "--config-name", "other")
    assert unknown.exit_code == 2
    assert "only mine" in unknown.stderr


def test_it_needs_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name)
    assert [invoke("--method", method).exit_code for method in METHODS] == [0, 0, 0, 0]


async def test_a_further_configuration_has_its_own_credentials_identity_and_topics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("own.yaml").write_text("rules: [{name: tracked, when: intercom_event, event: e}]\n")
    for name, value in {
        "INTERCOM__WEBHOOK_SECRETS": "hush-eu-hook",
        "INTERCOM__WORKSPACE_ID": "ws-eu",
        "INTERCOM__DATA_KEY": "hush-eu-key",
        "MAPPING__IDENTITY": "email,intercom_id",
        "MAPPING__PATH": "own.yaml",
    }.items():
        monkeypatch.setenv(f"MOEBRIDGE_CONFIGURATIONS__EU__{name}", value)
    request = request_of(printed("workflow", "--config-name", "EU"), "A user or lead")
    assert request["url"].endswith("/user?configName=eu")
    async with front_door(load().settings) as (door, taken):
        path, body = URL(request["url"]).relative(), filled(request, MIRA)
        answer = await door.post(path, data=body, headers=request["headers"])
        assert answer.status == 200
        [envelope] = taken.envelopes
    assert (envelope.config, envelope.workspace) == ("eu", "ws-eu")
    assert json.loads(body)["customer_id"] == MIRA["email"]
    topics = {topic["topic"] for topic in printed("webhook", "--config-name", "eu")["topics"]}
    assert "event.created" in topics
    assert "ticket.created" not in topics
    monkeypatch.delenv("MOEBRIDGE_CONFIGURATIONS__EU__INTERCOM__DATA_KEY")
    unset = invoke("--method", "workflow", "--url", PUBLIC, "--config-name", "eu")
    assert "Basic <not set: configurations.eu.intercom.data_key>" in unset.stdout
