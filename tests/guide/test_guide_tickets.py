"""Modules: a ticket's topics and attributes are events of MoEngage."""

from __future__ import annotations

from typing import Any

import pytest
from guide_bridge import Guide
from heard import Event
from intercom_says import SECRET, STAFF, Body, company, iso, older_ticket, ticket, tie, with_part
from people import Person, new_person

from mappings.happenings import DOCUMENTED_TOPICS

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="session")]

#: How a ticket is told on each topic: alone, with a part, in an older shape, or wrapped (since 2.15).
TOPICS = {
    "ticket.created": ("alone", "ticket_created"),
    "ticket.state.updated": ("alone", "ticket_state_changed"),
    "ticket.resolved": ("alone", "ticket_state_changed"),
    "ticket.closed": ("wrapped", "ticket_state_changed"),
    "ticket.rating.provided": ("alone", "ticket_rated"),
    "ticket.admin.assigned": ("with a part", "ticket_assigned"),
    "ticket.team.assigned": ("with a part", "ticket_assigned"),
    "ticket.attribute.updated": ("with a part", "ticket_attribute_updated"),
    "ticket.note.created": ("with a part", "ticket_note_created"),
    "ticket.admin.replied": ("with a part", "ticket_admin_replied"),
    "ticket.contact.replied": ("with a part", "ticket_contact_replied"),
    "ticket.contact.attached": ("older", "ticket_contact_attached"),
    "ticket.contact.detached": ("older", "ticket_contact_detached"),
    "ticket.snoozed.some.day": ("alone", "ticket_snoozed_some_day"),  # a topic that is not known yet
}


def as_told(shape: str, someone: Person, number: str) -> Body:
    attributes = {
        "_default_title_": "It is too small",
        "_default_description_": SECRET,
        "Root cause?": "size chart",
    }
    whole = ticket([someone], number, "resolved", at=60, ticket_attributes=attributes)
    match shape:
        case "with a part":
            return with_part(whole, "comment")
        case "older":
            return {"ticket": older_ticket(int(number), "resolved"), "contact": someone.contact(at=60)}
        case "wrapped":
            return {"ticket": whole}
    return whole


def topics() -> list[str]:
    """Those above, and those that Intercom documents: one that is missing above fails."""
    return sorted({*TOPICS, *(topic for topic in DOCUMENTED_TOPICS if topic.startswith("ticket."))})


@pytest.mark.parametrize("topic", topics())
async def test_ticket_attributes_every_topic(guide: Guide, someone: Person, topic: str) -> None:
    shape, name = TOPICS[topic]
    number = someone.contact_id[-4:].lstrip("0")
    await guide.webhook(topic, as_told(shape, someone, number), at=60)
    news = await guide.news(someone)
    [event] = [element for element in news if isinstance(element, Event)]
    assert (event.name, event.topic) == (name, topic)
    state = "state_to" if name in ("ticket_created", "ticket_state_changed") else "ticket_state"
    expected = {
        "ticket_type": "Return",
        "ticket_title": "It is too small",
        "ticket_root_cause": "size chart",
        state: "resolved",
        f"{state}_label": "Fixed",
        f"{state}_external_label": "Done",
    }
    assert expected.items() <= event.attributes.items()
    if shape != "older":
        assert event.attributes["ticket_number"] == number
    assert SECRET not in str(news)
    assert STAFF not in str(news)


async def one_event(guide: Guide, someone: Person, attributes: dict[str, Any], **fields: Any) -> Event:
    """The event that a ticket with these attributes becomes."""
    changed = ticket([someone], someone.contact_id, "submitted", ticket_attributes=attributes, **fields)
    await guide.webhook(
        "ticket.attribute.updated", with_part(changed, "ticket_attribute_updated_by_admin")
    )
    [event] = await guide.news(someone)
    assert isinstance(event, Event)
    return event


async def test_ticket_attributes_by_their_display_names(guide: Guide, someone: Person) -> None:
    """Made safe: lower case, characters that MoEngage takes, and no name that is taken or reserved."""
    event = await one_event(
        guide,
        someone,
        {
            "_default_title_": "It is too small",
            "Root cause?": "size chart",
            "Größe (EU)": 42,
            "Price in €": 59.5,
            "Paid": False,
            "Bought on": "2026-09-01T10:00:00.000+02:00",
            "Colours": ["red", "blue"],
            "Type": "shoes",
            "Nothing": None,
            "Blank": "  ",
        },
    )
    assert event.attributes == {
        "ticket_id": f"ticket-{someone.contact_id}",
        "ticket_number": someone.contact_id,
        "ticket_category": "Customer",
        "ticket_type": "Return",
        "ticket_title": "It is too small",
        "ticket_open": True,
        "ticket_created_at": iso(0),
        "ticket_updated_at": iso(0),
        "ticket_state": "submitted",
        "ticket_state_label": "New",
        "ticket_state_external_label": "Sent",
        "ticket_root_cause": "size chart",
        "ticket_größe_eu": 42,
        "ticket_price_in": 59.5,
        "ticket_paid": False,
        "ticket_bought_on": "2026-09-01T08:00:00Z",
        "ticket_colours": ["red", "blue"],
        "intercom_ticket_type": "shoes",
    }


async def test_ticket_attributes_files_as_counts_and_names(guide: Guide, someone: Person) -> None:
    def file(name: str) -> Body:
        url = f"https://downloads.example/{name}?signature=1"
        return {"type": "upload", "name": name, "url": url, "content_type": "image/png", "filesize": 9}

    attributes = {
        "Photos": [file("front.png"), file("back.png")],
        "Receipt": file("receipt.pdf"),
        "None": [],
    }
    event = await one_event(guide, someone, attributes)
    files = {
        name: value for name, value in event.attributes.items() if name.endswith(("_count", "_names"))
    }
    assert files == {
        "ticket_photos_count": 2,
        "ticket_photos_names": ["front.png", "back.png"],
        "ticket_receipt_count": 1,
        "ticket_receipt_names": ["receipt.pdf"],
    }
    assert "downloads.example" not in str(event)


@pytest.mark.parametrize("nobody", ["0", 0, None])
async def test_ticket_attributes_assignees(guide: Guide, someone: Person, nobody: Any) -> None:
    """Ids, as text, never names; versions write nobody as "0", as 0 (from 2.16 on), or as null."""
    event = await one_event(guide, someone, {}, admin_assignee_id=811, team_assignee_id=nobody)
    assert event.attributes["ticket_admin_assignee_id"] == "811"
    assert "ticket_team_assignee_id" not in event.attributes
    assert STAFF not in str(event)


async def test_ticket_attributes_of_each_contact_with_its_company(guide: Guide, someone: Person) -> None:
    """A ticket refers to its contacts; each has the event, with what is known of its own company."""
    brook = company(f"brook-{someone.contact_id}", "Brook", plan={"id": "3", "name": "Gold"})
    await guide.webhook("company.created", brook)
    listed = someone.contact(at=10, companies=(brook["id"],))
    await guide.webhook("company.contact.attached", tie(listed, brook), at=10)
    await guide.arrives(someone, lambda e: e.attributes.get("company_plan") == "Gold", "the company")
    await guide.news(someone)
    other = new_person()
    both = ticket([someone, other], someone.contact_id, "submitted")
    await guide.webhook("ticket.created", both)
    [event] = await guide.news(someone)
    assert (event.attributes["company_name"], event.attributes["company_plan"]) == ("Brook", "Gold")
    [event] = await guide.news(other)
    assert event.attributes["ticket_number"] == someone.contact_id
    assert "company_name" not in event.attributes
