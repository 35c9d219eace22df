"""Method 1, approach B: an event of somebody unknown is completed from Intercom's REST API first."""

from __future__ import annotations

from typing import Any

import pytest
from guide_bridge import Guide
from heard import Event, User
from intercom_says import Body, ticket
from payloads import BEGAN
from people import Person, new_person

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="session")]


def brook_of(someone: Person) -> Body:
    """A company as REST has it: times are epoch seconds."""
    return {
        "id": f"brook-{someone.contact_id}", "company_id": f"own-{someone.contact_id}", "name": "Brook",
        "plan": {"type": "plan", "id": "3", "name": "Gold"}, "size": 40, "updated_at": BEGAN,
        "custom_attributes": {"Tier": "A"},
    }  # fmt: skip


async def know(guide: Guide, someone: Person, **fields: Any) -> None:
    """Let Intercom know the contact and its company; nothing tells moebridge."""
    brook = brook_of(someone)
    contact = someone.at_rest(name="Ada King", companies=(brook["id"],), **fields)
    await guide.seed(contact, companies=(brook,))


def completed(user: User, someone: Person) -> None:
    """Check that the user is as Intercom has it, with its company."""
    expected = {
        "u_n": "Ada King",
        "u_em": someone.email,
        "intercom_id": someone.contact_id,
        "intercom_external_id": someone.customer_id,
        "company_id": f"own-{someone.contact_id}",
        "company_name": "Brook",
        "company_plan": "Gold",
        "company_size": 40,
        "company_tier": "A",
        "company_count": 1,
    }
    assert expected.items() <= user.attributes.items()


async def test_enrichment_by_intercom_id(guide: Guide, someone: Person) -> None:
    """A ticket only refers to its contact; the contact is asked for, then its companies, once."""
    await know(guide, someone)
    await guide.webhook("ticket.created", ticket([someone], someone.contact_id, "submitted"))
    user, event = await guide.news(someone)
    assert isinstance(user, User)
    completed(user, someone)
    assert event.attributes["company_name"] == "Brook"
    await guide.webhook("ticket.created", ticket([someone], f"{someone.contact_id}-2", "submitted"))
    [second] = await guide.news(someone)
    assert second.attributes["company_plan"] == "Gold"
    path = f"/contacts/{someone.contact_id}"
    assert [call.path for call in guide.intercom.about(someone.contact_id)] == [path, f"{path}/companies"]


async def test_enrichment_by_external_id(guide: Guide, someone: Person) -> None:
    await know(guide, someone)
    body = {"customer_id": someone.customer_id, "event_name": "asked for a call", "topic": "price"}
    assert await guide.connector("events", body) == 200
    user, event = await guide.connector_news(someone.customer_id)
    assert isinstance(user, User)
    completed(user, someone)
    assert event == Event("asked_for_a_call", {"topic": "price"})


async def test_enrichment_by_email(guide: Guide, someone: Person) -> None:
    """The event is that of the user as whom MoEngage knows the contact."""
    await know(guide, someone)
    body = {"u_em": someone.email, "event_name": "asked for a call", "topic": "price"}
    assert await guide.connector("events", body) == 200
    user, event, again = await guide.connector_news(someone.customer_id, u_em=someone.email)
    assert again == User({"u_em": someone.email})  # of the body that ends the news
    assert isinstance(user, User)
    completed(user, someone)
    assert event == Event("asked_for_a_call", {"topic": "price"})
    assert guide.moengage.of(someone.email) == []


async def test_enrichment_asks_with_the_guides_or_query(guide: Guide, someone: Person) -> None:
    """One search for both; of several hits the one whose external id it is, else the first."""
    namesake = new_person()
    await guide.seed(namesake.at_rest(email=someone.email, name="A lead of the same address"))
    await know(guide, someone)
    body = {"customer_id": someone.customer_id, "u_em": someone.email, "event_name": "called"}
    assert await guide.connector("events", body) == 200
    user, event = await guide.connector_news(someone.customer_id)
    assert isinstance(user, User)
    completed(user, someone)
    assert event == Event("called", {})
    [search, companies] = guide.intercom.about(someone.email, someone.contact_id)
    assert search.path == "/contacts/search"
    assert search.body["query"] == {
        "operator": "OR",
        "value": [
            {"field": "email", "operator": "=", "value": someone.email},
            {"field": "external_id", "operator": "=", "value": someone.customer_id},
        ],
    }
    assert companies.path == f"/contacts/{someone.contact_id}/companies"


async def test_enrichment_remembers_misses(guide: Guide, someone: Person) -> None:
    """Intercom has nobody: the event is mapped with what it tells, and nobody is asked again."""
    for topic in ("price", "delivery"):
        body = {"customer_id": someone.customer_id, "event_name": "called", "topic": topic}
        assert await guide.connector("events", body) == 200
        [event] = await guide.connector_news(someone.customer_id)
        assert event == Event("called", {"topic": topic})
    [call] = guide.intercom.about(someone.customer_id)
    assert (call.path, call.status) == ("/contacts/search", 200)


async def test_enrichment_honours_the_rate_limit(guide: Guide, someone: Person) -> None:
    """After a 429 nothing is asked before the time that its header tells; then the event is completed."""
    await know(guide, someone)
    await guide.fault({"kind": "status", "status": 429, "call": "GET /contacts/{id}", "reset_after": 0.5})
    asked_before = len(guide.intercom.calls)
    await guide.webhook("ticket.created", ticket([someone], someone.contact_id, "submitted"))
    user, event = await guide.news(someone)
    assert isinstance(user, User)
    completed(user, someone)
    assert event.attributes["company_name"] == "Brook"
    limited, *later = guide.intercom.calls[asked_before:]
    assert [call.status for call in (limited, *later)] == [429, 200, 200]
    assert limited.reset_at > limited.at
    assert min(call.at for call in later) >= limited.reset_at


async def test_enrichment_bounds_how_many_are_asked_for_at_once(guide: Guide) -> None:
    people = [new_person() for _ in range(24)]
    for person in people:
        await know(guide, person)
    guide.intercom.most_at_once = 0
    guide.intercom.latency_s = 0.05
    await guide.webhook("ticket.created", ticket(people, people[0].contact_id, "submitted"))
    for person in people:
        user, event = await guide.news(person)
        assert isinstance(user, User)
        completed(user, person)
        assert event.attributes["company_name"] == "Brook"
    guide.intercom.latency_s = 0.0
    assert 1 < guide.intercom.most_at_once <= 8


async def test_enrichment_without_a_token(own: Guide, someone: Person) -> None:
    """Nobody is asked, and the event is mapped with what is there."""
    await know(own, someone)
    await own.webhook("ticket.created", ticket([someone], someone.contact_id, "submitted"))
    [event] = await own.news(someone)
    assert event.attributes["ticket_number"] == someone.contact_id
    assert "company_name" not in event.attributes
    assert own.intercom.about(someone.contact_id, someone.customer_id, someone.email) == []
