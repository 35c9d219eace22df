"""Modules: conversation attributes and tags are on the events of MoEngage; so is whatever is tracked."""

from __future__ import annotations

import pytest
from guide_bridge import Guide
from heard import Event
from intercom_says import SECRET, STAFF, conversation, custom_event, iso
from people import Person

from mappings.happenings import DOCUMENTED_TOPICS

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="session")]

TOPICS = [topic for topic in DOCUMENTED_TOPICS if topic.startswith("conversation.")]
OWN_NAMES = {
    "conversation.admin.closed": "conversation_closed",
    "conversation.rating.added": "conversation_rated",
}


@pytest.mark.parametrize("topic", [*TOPICS, "conversation.something.new"])
async def test_conversation_attributes_every_topic(guide: Guide, someone: Person, topic: str) -> None:
    custom = {
        "Reason for contact": "parcel",
        "AI confidence (%)": 87.5,
        "Copilot used": False,
        "Other": None,
    }
    item = conversation([someone], at=60, custom_attributes=custom)
    if ".contact." in topic:
        item = {"conversation": item, "contact": someone.contact(at=60)}
    await guide.webhook(topic, item, at=60)
    news = await guide.news(someone)
    [event] = [element for element in news if isinstance(element, Event)]
    assert (event.name, event.topic) == (OWN_NAMES.get(topic, topic.replace(".", "_")), topic)
    assert event.attributes == {
        "conversation_id": "2154",
        "conversation_state": "open",
        "conversation_open": True,
        "conversation_priority": "not_priority",
        "conversation_created_at": iso(0),
        "conversation_updated_at": iso(60),
        "conversation_reason_for_contact": "parcel",
        "conversation_ai_confidence": 87.5,
        "conversation_copilot_used": False,
    }
    assert SECRET not in str(news)
    assert STAFF not in str(news)


async def test_conversation_tags_and_rating(guide: Guide, someone: Person) -> None:
    tags = [{"type": "tag", "id": "7", "name": "parcel"}, {"type": "tag", "id": "8", "name": "VIP"}]
    rating = {"rating": 4, "remark": SECRET, "contact": someone.reference(), "teammate": {"id": "811"}}
    rated = conversation(
        [someone], tags={"type": "tag.list", "tags": tags}, conversation_rating=rating, priority="urgent"
    )
    await guide.webhook("conversation.rating.added", rated)
    [event] = await guide.news(someone)
    assert event.attributes["conversation_tags"] == ["parcel", "VIP"]
    assert event.attributes["conversation_rating"] == 4
    assert event.attributes["conversation_priority"] == "urgent"  # as API version 2.16 has it
    assert SECRET not in str(event)


async def test_tracked_events_with_their_metadata(guide: Guide, someone: Person) -> None:
    """A custom event that was tracked in Intercom, with Intercom's rich kinds of metadata."""
    metadata = {
        "Order number": {"value": "3434", "url": "https://shop.example/3434"},
        "price": {"amount": 239, "currency": "usd"},
        "express": True,
        "weight": 1.5,
        "ordered_at": 1790000000,
        "id": "moebridge may not send this name as it is",
    }
    await guide.webhook("event.created", custom_event(someone, "placed.order", at=60, **metadata), at=65)
    [event] = await guide.news(someone)
    assert (event.name, event.at) == ("placed_order", iso(60))
    assert event.attributes == {
        "order_number_value": "3434",
        "order_number_url": "https://shop.example/3434",
        "price_amount": 239,
        "price_currency": "usd",
        "express": True,
        "weight": 1.5,
        "ordered_at": iso(0),
        "intercom_id": "moebridge may not send this name as it is",
    }
