"""Modules: users and leads of Intercom are users of MoEngage."""

from __future__ import annotations

import pytest
from guide_bridge import Guide
from heard import Merged, User
from intercom_says import Body, iso
from payloads import BEGAN
from people import Person

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="session")]


async def test_users_created(guide: Guide, someone: Person) -> None:
    contact = someone.contact(
        name="Ada King Noel",
        phone="+44 20 7946 0018",
        language_override="en",
        location={"type": "location", "country": "United Kingdom", "region": None, "city": "London"},
        custom_attributes={
            "Seats used": 12,
            "trial_ends_at": 1768640400,
            "status": "active",
            "note": None,
        },
    )
    await guide.webhook("contact.user.created", contact)
    assert await guide.news(someone) == [
        User(
            {
                "u_n": "Ada King Noel",
                "u_fn": "Ada",
                "u_ln": "King Noel",
                "u_em": someone.email,
                "u_mb": "442079460018",
                "moe_unsubscribe": False,
                "moe_hard_bounce": False,
                "moe_spam": False,
                "intercom_id": someone.contact_id,
                "intercom_external_id": someone.customer_id,
                "intercom_role": "user",
                "intercom_language": "en",
                "intercom_country": "United Kingdom",
                "intercom_city": "London",
                "intercom_created_at": iso(0),
                "intercom_tag_count": 0,
                "company_count": 0,
                "seats_used": 12,
                "trial_ends_at": "2026-01-17T09:00:00Z",
                "intercom_status": "active",
            }
        )
    ]


@pytest.mark.parametrize("role", ["user", "lead"])
async def test_users_updated(guide: Guide, someone: Person, role: str) -> None:
    def contact(at: int, name: str, seats: int) -> Body:
        return someone.contact(at=at, role=role, name=name, custom_attributes={"Seats": seats})

    topic = f"contact.{role}.updated"
    await guide.webhook(topic, contact(10, "Ada", 1), at=10)
    await guide.webhook(topic, contact(30, "Ada King", 2), at=30)
    await guide.webhook(topic, contact(30, "Ada King", 2), at=31)  # nothing new
    await guide.webhook(topic, contact(20, "Ada Byron", 1), at=20)  # overtaken on its way
    news = await guide.news(someone)
    assert [(user.attributes["u_n"], user.attributes["seats"]) for user in news] == [
        ("Ada", 1),
        ("Ada King", 2),
    ]
    assert {user.attributes["intercom_role"] for user in news} == {role}


async def test_users_email_changed(guide: Guide, someone: Person) -> None:
    await guide.webhook("contact.user.created", someone.contact())
    await guide.news(someone)
    moved = someone.contact(at=60, email="new." + someone.email)
    await guide.webhook("contact.email.updated", moved, at=60)
    await guide.webhook("contact.user.updated", moved, at=60)  # one change, told twice
    [user] = await guide.news(someone)
    assert user.attributes["u_em"] == "new." + someone.email


@pytest.mark.parametrize("role", ["user", "lead"])
async def test_users_tags(guide: Guide, someone: Person, role: str) -> None:
    def tagged(*ids: str, at: int) -> Body:
        tags = {"type": "list", "data": [{"type": "tag", "id": each} for each in ids]}
        contact = someone.contact(at=at, role=role, tags={**tags, "total_count": len(ids)})
        return {
            "type": "contact_tag",
            "tag": {"type": "tag", "id": "7", "name": "VIP"},
            "contact": contact,
        }

    await guide.webhook(f"contact.{role}.tag.created", tagged("7", at=10), at=10)
    [user] = await guide.news(someone)
    assert user.attributes["intercom_last_tag_added"] == "VIP"
    assert user.attributes["intercom_tag_count"] == 1
    assert user.attributes["intercom_tags"] == ["VIP"]
    await guide.webhook(f"contact.{role}.tag.deleted", tagged(at=20), at=20)
    [user] = await guide.news(someone)
    assert user.attributes["intercom_last_tag_removed"] == "VIP"
    assert user.attributes["intercom_tag_count"] == 0
    assert not {"intercom_last_tag_added", "intercom_tags"} & user.attributes.keys()


async def test_users_subscriptions(guide: Guide, someone: Person) -> None:
    def chose(at: int, unsubscribed: bool) -> Body:
        kinds = [{"type": "subscription", "id": "4", "default_translation": {"name": "Newsletter"}}]
        return {
            "type": "contact_unsubscribe",
            "contact": someone.contact(at=at, unsubscribed_from_emails=unsubscribed),
            "subscription_types": {"type": "list", "data": kinds},
            "created_at": BEGAN + at,
        }

    async def told(topic: str, at: int, unsubscribed: bool) -> Body:
        await guide.webhook(topic, chose(at, unsubscribed), at=at)
        [user] = await guide.news(someone)
        assert isinstance(user, User)
        return user.attributes

    left = await told("contact.unsubscribed", 10, True)
    assert left["moe_unsubscribe"] is True
    assert left["intercom_last_unsubscribed_from"] == ["Newsletter"]
    back = await told("contact.subscribed", 20, False)
    assert back["moe_unsubscribe"] is False
    assert back["intercom_last_subscribed_to"] == ["Newsletter"]
    one_kind = await told("granular.unsubscribe", 30, False)
    assert one_kind["moe_unsubscribe"] is False
    assert one_kind["intercom_last_unsubscribed_from"] == ["Newsletter"]
    again = await told("granular.subscribe", 40, False)
    assert again["intercom_last_subscribed_to"] == ["Newsletter"]


async def test_users_archived_and_unarchived(guide: Guide, someone: Person) -> None:
    await guide.webhook("contact.user.created", someone.contact())
    await guide.news(someone)
    gone = {"type": "contact", "id": someone.contact_id, "external_id": someone.customer_id}
    await guide.webhook("contact.archived", {**gone, "archived": True}, at=60)
    await guide.webhook("contact.unarchive", someone.contact(at=120), at=120)  # so spelled by Intercom
    archived, back = await guide.news(someone)
    assert archived.attributes["intercom_archived"] is True
    assert archived.attributes["u_em"] == someone.email  # what else is known is still told
    assert back.attributes["intercom_archived"] is False


async def test_leads_created_updated_and_given_an_email(guide: Guide, someone: Person) -> None:
    lead = {"role": "lead", "email": None}
    await guide.webhook("contact.lead.created", someone.contact(**lead))
    await guide.webhook("contact.lead.updated", someone.contact(at=10, name="Ada", **lead), at=10)
    known = someone.contact(at=20, name="Ada", role="lead")
    await guide.webhook("contact.lead.added_email", known, at=20)
    created, updated, reachable = await guide.news(someone)
    assert created.attributes["intercom_role"] == "lead"
    assert updated.attributes["u_n"] == "Ada"
    assert "u_em" not in updated.attributes
    assert reachable.attributes["u_em"] == someone.email


async def test_leads_signed_up(guide: Guide, someone: Person) -> None:
    """The lead had an id that Intercom made; the user has the customer's own."""
    uuid = f"made-by-intercom-{someone.contact_id}"
    await guide.webhook("contact.lead.created", someone.contact(role="lead", external_id=uuid))
    signed_up = someone.contact(at=60, signed_up_at=iso(60, "000+00:00"))
    await guide.webhook("contact.lead.signed_up", signed_up, at=60)
    # The merge with the lead's user takes a way of its own, so it may come before the end of news.
    [user] = [element for element in await guide.news(someone) if element != Merged(uuid)]
    assert user.attributes["intercom_role"] == "user"
    assert user.attributes["intercom_signed_up_at"] == iso(60)
    assert user.attributes["u_em"] == someone.email


async def test_visitors_signed_up(guide: Guide, someone: Person) -> None:
    """An older shape, in which the customer's own id is user_id."""
    visitor = someone.contact(at=60, signed_up_at=iso(60, "000+00:00"), type="user", anonymous=False)
    visitor["user_id"] = visitor.pop("external_id")
    visitor["location_data"] = {
        "type": "location_data",
        "city_name": "Utrecht",
        "country_name": "Netherlands",
    }
    del visitor["role"], visitor["location"]
    await guide.webhook("visitor.signed_up", visitor, at=60)
    [user] = await guide.news(someone)
    assert user.attributes["intercom_signed_up_at"] == iso(60)
    assert user.attributes["u_em"] == someone.email
    assert user.attributes["intercom_city"] == "Utrecht"
