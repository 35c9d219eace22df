"""Test and activate: what moebridge prints for Intercom is what works, and the doctor finds it so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from guide_bridge import Guide
from heard import Event, User
from payloads import BEGAN, notification
from people import Person

from ingest.signature import HEADER, sign

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="session")]


async def printed(guide: Guide, method: str) -> Any:
    """What to enter in Intercom."""
    code, shown = await guide.command(
        "connector", "--method", method, "--url", guide.one.front_url, "--show-secrets"
    )
    assert code == 0
    return shown


async def sent(guide: Guide, request: Any, values: dict[str, Any], method: str = "POST") -> Any:
    """Send a request as Intercom does, its places filled in; the answer. What has no value is empty."""
    text = json.dumps(request["body"])
    for place in request["placeholders"]:
        text = text.replace(place, str(values.get(place.strip("{}")) or ""))
    assert "{{" not in text
    async with guide.one.session.request(
        method, request["url"], data=text.encode(), headers=request["headers"]
    ) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


def about(someone: Person) -> dict[str, Any]:
    """Intercom's attributes of a person, as its editors name them."""
    return {
        "user_id": someone.customer_id, "contact_id": someone.contact_id, "email": someone.email,
        "first_name": "Ada", "created_at": BEGAN, "updated_at": BEGAN, "ticket_state": "resolved",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "verb"), [("workflow", "POST"), ("series", "POST"), ("series", "PUT")]
)
async def test_printed_connectors_work(guide: Guide, someone: Person, method: str, verb: str) -> None:
    shown = await printed(guide, method)
    assert all(verb in request["methods"] for request in shown["requests"])
    for request in shown["requests"]:
        assert (await sent(guide, request, about(someone), verb))["status"] == "success"
    news = await guide.news(someone)
    users = [element for element in news if isinstance(element, User)]
    events = [element for element in news if isinstance(element, Event)]
    assert len(users) == len(shown["requests"])
    for user in users:
        expected = {"u_fn": "Ada", "u_em": someone.email, "intercom_id": someone.contact_id}
        assert expected.items() <= user.attributes.items()
    assert len(events) == len(shown["requests"]) - 1  # one is about the user alone


async def test_printed_connectors_with_a_lookup_work(guide: Guide, someone: Person) -> None:
    """The first one asks Intercom; the others carry what it found."""
    await guide.seed(someone.at_rest(name="Ada King"))
    lookup, *others = (await printed(guide, "advanced"))["requests"]
    answer = await sent(guide, lookup, about(someone))
    found = {f"data.0.{name}": value for name, value in answer["data"][0].items()}
    for request in others:
        await sent(guide, request, found | {"ticket_state": "resolved"})
    news = await guide.news(someone)
    for user in (element for element in news if isinstance(element, User)):
        assert (user.attributes["u_n"], user.attributes["u_em"]) == ("Ada King", someone.email)
    assert len([element for element in news if isinstance(element, Event)]) == len(others) - 1


async def test_printed_webhooks_work(guide: Guide, someone: Person) -> None:
    shown = await printed(guide, "webhook")
    topics = {each["topic"] for each in shown["topics"]}
    needed = {
        "contact.user.created", "contact.lead.signed_up", "contact.merged", "company.contact.attached",
        "company.updated", "ticket.state.updated", "conversation.admin.closed", "event.created",
    }  # fmt: skip
    assert needed <= topics
    [endpoint] = shown["requests"]
    async with guide.one.session.head(endpoint["url"]) as answer:
        assert answer.status == 200  # Intercom's check of the URL
    told = notification("contact.user.created", someone.contact(), id="notif_guide_printed", at=0)
    body = json.dumps(told).encode()
    headers = {HEADER: sign(body, guide.configuration.secret), "Content-Type": "application/json"}
    async with guide.one.session.post(endpoint["url"], data=body, headers=headers) as answer:
        assert answer.status == 200
    [user] = await guide.news(someone)
    assert user.attributes["u_em"] == someone.email


async def test_the_doctor_finds_the_chain_well(guide: Guide) -> None:
    code, report = await guide.command("doctor", "--url", guide.one.front_url)
    assert [check for check in report["checks"] if check["level"] in ("problem", "skipped")] == []
    assert (code, report["healthy"]) == (0, True)
    looked_at = {check["check"] for check in report["checks"]}
    assert looked_at >= {
        "settings", "mapping", "MoEngage", "Intercom", "broker", "topics", "workers", "front door",
        "connectors", "round trip",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"MOEBRIDGE_MOENGAGE__API_KEY": "wrong"}, "MoEngage"),
        ({"MOEBRIDGE_INTERCOM__ACCESS_TOKEN": "wrong"}, "Intercom"),
        ({"MOEBRIDGE_INTERCOM__WEBHOOK_SECRETS": "wrong"}, "round trip"),
        ({"MOEBRIDGE_KAFKA__PARTITIONS": "8"}, "topics"),
    ],
)
async def test_the_doctor_names_what_is_wrong(guide: Guide, changed: dict[str, str], check: str) -> None:
    code, report = await guide.command("doctor", "--url", guide.one.front_url, **changed)
    assert (code, report["healthy"]) == (1, False)
    assert {each["check"] for each in report["checks"] if each["level"] == "problem"} == {check}
    assert all(each["remedy"] for each in report["checks"] if each["level"] == "problem")
