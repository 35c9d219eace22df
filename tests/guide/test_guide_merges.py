"""Modules: who signs up, is merged or is deleted in Intercom is one MoEngage user, or none."""

from __future__ import annotations

import pytest
from guide_bridge import END, Guide
from heard import Deleted, Element, Event, Merged
from intercom_says import Body, iso, ticket
from people import Person, new_person

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="session")]


async def merged(guide: Guide, kept: Person, other: str) -> None:
    """Wait until the user ``other`` was merged into the contact's."""

    def wanted(element: Element) -> bool:
        return element == Merged(other)

    await guide.arrives(kept, wanted, f"{other} was merged into {kept.customer_id}")


async def a_lead_with_a_ticket(guide: Guide, lead: Person, customer_id: str) -> None:
    """Under an id that Intercom made up; MoEngage has the user and the event."""
    await guide.webhook("contact.lead.created", lead.contact(role="lead", external_id=customer_id))
    body = ticket([lead], lead.contact_id, "submitted")
    del body["contacts"]["contacts"][0]["external_id"]
    await guide.webhook("ticket.created", body)
    assert [type(element) for element in await guide.news_of(customer_id, lead)][1:] == [Event]


async def names_of_events(guide: Guide, customer_id: str) -> list[str]:
    """Of the events that MoEngage has of a customer."""
    return [event["action"] for event in await guide.one.events(customer_id) if event["action"] != END]


async def test_leads_signed_up_are_one_user_with_their_past(guide: Guide, someone: Person) -> None:
    made_up = f"made-by-intercom-{someone.contact_id}"
    await a_lead_with_a_ticket(guide, someone, made_up)
    signed_up = someone.contact(at=60, signed_up_at=iso(60, "000+00:00"))
    await guide.webhook("contact.lead.signed_up", signed_up, at=60)
    await merged(guide, someone, made_up)
    assert await guide.user(made_up) is None
    assert await names_of_events(guide, someone.customer_id) == ["ticket_created"]
    assert (await guide.user(someone.customer_id) or {})["intercom_role"] == "user"


def survivor(kept: Person, lead: Person, at: int) -> Body:
    """The item of contact.merged."""
    return kept.contact(at=at, merged_from={"type": "contact", "id": lead.contact_id})


async def test_users_merged(guide: Guide, someone: Person) -> None:
    """What still comes of the contact that went is the other one's."""
    lead = new_person()
    made_up = f"made-by-intercom-{lead.contact_id}"
    await a_lead_with_a_ticket(guide, lead, made_up)
    await guide.webhook("contact.user.created", someone.contact())
    await guide.webhook("contact.merged", survivor(someone, lead, at=60), at=60)
    await merged(guide, someone, made_up)
    assert await guide.user(made_up) is None
    late = ticket([lead], f"{lead.contact_id}-late", "submitted")
    await guide.webhook("ticket.created", late, at=90)
    await guide.news_of(someone.customer_id, lead)
    assert await names_of_events(guide, someone.customer_id) == ["ticket_created", "ticket_created"]
    assert await guide.user(made_up) is None


async def test_users_merged_from_nobody_that_is_known(guide: Guide, someone: Person) -> None:
    """Intercom may leave out who went; then nothing is merged, and the one that is left is updated."""
    await guide.webhook("contact.user.created", someone.contact())
    await guide.webhook("contact.merged", someone.contact(at=60, name="Ada"), at=60)
    created, updated = await guide.news(someone)
    assert "u_n" not in created.attributes
    assert updated.attributes["u_n"] == "Ada"


async def test_users_merged_or_not_as_set(own: Guide, someone: Person) -> None:
    """With mapping.merges off, the user of the lead's id stays as it was."""
    made_up = f"made-by-intercom-{someone.contact_id}"
    await a_lead_with_a_ticket(own, someone, made_up)
    await own.webhook("contact.lead.signed_up", someone.contact(at=60), at=60)
    [user] = await own.news(someone)
    assert user.attributes["intercom_role"] == "user"
    # A merge would have its turn behind an element of the one user, then behind one of the other.
    await own.connector_news(made_up)
    assert await own.news(someone) == []
    assert (await own.user(made_up) or {})["intercom_role"] == "lead"


async def deleted_and_updated_late(guide: Guide, someone: Person) -> list[Element]:
    """What MoEngage hears when a contact is deleted, and an older update comes after that."""
    await guide.webhook("contact.user.created", someone.contact())
    await guide.news(someone)
    gone = {
        "type": "contact",
        "id": someone.contact_id,
        "external_id": someone.customer_id,
        "deleted": True,
    }
    await guide.webhook("contact.deleted", gone, at=60)
    await guide.webhook("contact.user.updated", someone.contact(at=30, name="Late"), at=61)
    await guide.webhook("ticket.created", ticket([someone], someone.contact_id, "submitted"), at=62)
    # Nothing of a deleted contact can end the news; somebody else's, which takes the same way, does.
    await guide.news(someone.neighbour())
    return guide.unread(someone)


async def test_users_deleted(guide: Guide, someone: Person) -> None:
    """MoEngage keeps the user, and nothing more is sent of it."""
    assert await deleted_and_updated_late(guide, someone) == []
    assert (await guide.user(someone.customer_id) or {})["u_em"] == someone.email


async def test_users_deleted_in_moengage_if_set(own: Guide, someone: Person) -> None:
    """With mapping.deletes, once and last."""
    assert await deleted_and_updated_late(own, someone) == [Deleted()]
    user = await own.one.sandbox(f"users/{someone.customer_id}")
    assert user["delete_at"] is not None
