"""Method 1, approach A, and method 2: bodies that a data connector or a Series webhook posts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from guide_bridge import Guide
from heard import Event, User
from intercom_says import Body, iso
from payloads import BEGAN
from people import Person

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="session")]


def guides_body(someone: Person, **own: Any) -> Body:
    """The body of MoEngage's page, with placeholders filled in as Intercom does."""
    return {
        "type": "user",
        "u_fn": "Ada",
        "u_ln": "",
        "u_mb": "+44 20 7946 0018",
        "customer_id": someone.customer_id,
        "intercom_id": someone.contact_id,
        "createdate": iso(0, "000+00:00"),
        "modified_at": BEGAN + 60,
        **own,
    }


USER = {
    "u_fn": "Ada",
    "u_mb": "442079460018",
    "intercom_created_at": iso(0),
    "intercom_updated_at": iso(60),
}


@pytest.mark.parametrize("kind", ["user", "user/", "users", "users/"])
async def test_connector_user_body(guide: Guide, someone: Person, kind: str) -> None:
    assert await guide.connector(kind, guides_body(someone)) == 200
    assert await guide.news(someone) == [User(USER | {"intercom_id": someone.contact_id})]


@pytest.mark.parametrize("kind", ["event", "event/", "events", "events/"])
async def test_connector_event_body(guide: Guide, someone: Person, kind: str) -> None:
    body = guides_body(someone, type="event", event_name="asked for a call", topic="price")
    assert await guide.connector(kind, body) == 200
    user, event = await guide.news(someone)
    assert user == User(USER | {"intercom_id": someone.contact_id})
    assert event == Event("asked_for_a_call", {"topic": "price"})


@pytest.mark.parametrize("kind", ["users", "events"])
async def test_connector_sister_form(guide: Guide, someone: Person, kind: str) -> None:
    """The groups of MoEngage's other pages; the endpoint makes no difference to them."""
    body = {
        "customer_id": someone.customer_id,
        "u_fn": "Ada",
        "u_ln": None,
        "u_em": someone.email,
        "updated_at": iso(60),
        "user_attributes": {"tier": "A", "Seats": 12},
        "event_attributes": {"event_name": "Survey.Answered", "csat": 5, "answers": ["yes", "no"]},
    }
    assert await guide.connector(kind, body) == 200
    news = await guide.connector_news(someone.customer_id)
    user = {
        "u_fn": "Ada",
        "u_em": someone.email,
        "tier": "A",
        "Seats": 12,
        "intercom_updated_at": iso(60),
    }
    assert news == [User(user), Event("Survey_Answered", {"csat": 5, "answers": ["yes", "no"]})]


async def test_connector_answers_and_refusals(guide: Guide, someone: Person) -> None:
    """A connector maps the answer, so it is always the same small object; what is bad is refused."""
    assert await guide.connector("users", guides_body(someone), key="guessed") == 401
    assert await guide.connector("users", b'{"u_fn": }') == 400  # an empty placeholder without quotes
    assert await guide.connector("users", guides_body(someone)) == 200
    assert sorted(json.loads(guide.answer)) == ["description", "name", "request_id", "status"]
    [user] = await guide.news(someone)
    assert user.attributes["u_fn"] == "Ada"


OWN_KEYS = {
    "Plan": "pro",
    "seats": 12,
    "score": 4.5,
    "active": True,
    "trial_ends": "2026-12-01T09:30:00.000+01:00",
    "renewed_at": 1790000000,
    "tags of mine": ["a", "b"],
    "mixed": ["a", 1],
    "order": {"id": "3434", "total": 59.5},
    "zip": "01069",
    "status": "kept by MoEngage",
    "empty": "",
    "nothing": None,
}
TYPED = {
    "Plan": "pro",
    "seats": 12,
    "score": 4.5,
    "active": True,
    "trial_ends": "2026-12-01T08:30:00Z",
    "renewed_at": iso(0),
    "tags_of_mine": ["a", "b"],
    "mixed": ["a", "1"],
    "order_id": "3434",
    "order_total": 59.5,
    "zip": "01069",
    "intercom_status": "kept by MoEngage",
}


async def test_custom_tracked_attributes_of_an_event(guide: Guide, someone: Person) -> None:
    body = {"customer_id": someone.customer_id, "event_name": "tracked", **OWN_KEYS}
    assert await guide.connector("events", body) == 200
    assert await guide.connector_news(someone.customer_id) == [Event("tracked", TYPED)]


async def test_custom_tracked_attributes_of_a_user(guide: Guide, someone: Person) -> None:
    assert await guide.connector("users", {"customer_id": someone.customer_id, **OWN_KEYS}) == 200
    assert await guide.connector_news(someone.customer_id) == [User(TYPED)]


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_series_webhook_about_a_user(guide: Guide, someone: Person, method: str) -> None:
    assert await guide.connector("users", guides_body(someone), method=method) == 200
    assert await guide.news(someone) == [User(USER | {"intercom_id": someone.contact_id})]


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_series_webhook_about_an_event(guide: Guide, someone: Person, method: str) -> None:
    """In the form of MoEngage's own API, whose events have times of their own."""
    actions = [{"action": "webinar joined", "attributes": {"minutes": 12}, "current_time": iso(30)}]
    body = {"type": "event", "customer_id": someone.customer_id, "actions": actions}
    assert await guide.connector("events", body, method=method) == 200
    [event] = await guide.connector_news(someone.customer_id)
    assert event == Event("webinar_joined", {"minutes": 12})
    assert isinstance(event, Event)
    assert event.at == iso(30)
