"""Notifications as Intercom writes them, of people who do not exist."""

from __future__ import annotations

from typing import Any

BEGAN = 1_790_000_000  # epoch seconds of the first of them


def notification(topic: str, item: dict[str, Any], *, id: str, at: int) -> dict[str, Any]:
    """The envelope around an item; ``at`` in seconds after BEGAN."""
    return {
        "type": "notification_event",
        "id": id,
        "app_id": "workspace",
        "topic": topic,
        "created_at": BEGAN + at,
        "data": {"type": "notification_event_data", "item": item},
    }


def contact(
    number: int, *, at: int = 0, companies: tuple[str, ...] = (), **fields: Any
) -> dict[str, Any]:
    """A user."""
    return {
        "type": "contact",
        "id": f"contact-{number:05d}",
        "external_id": f"user-{number:05d}",
        "role": "user",
        "email": f"user{number}@example.com",
        "name": f"User {number}",
        "updated_at": BEGAN + at,
        "companies": {
            "type": "list",
            "data": [{"type": "company", "id": company} for company in companies],
            "has_more": False,
        },
        **fields,
    }


def contact_updated(number: int, *, id: str, at: int = 0, **fields: Any) -> dict[str, Any]:
    """contact.user.updated."""
    return notification("contact.user.updated", contact(number, at=at, **fields), id=id, at=at)


def company_updated(company_id: str, name: str, *, id: str, at: int = 0) -> dict[str, Any]:
    """company.updated."""
    item = {"type": "company", "id": company_id, "company_id": f"own-{company_id}", "name": name,
            "plan": {"type": "plan", "id": "1", "name": "Pro"}, "updated_at": BEGAN + at}  # fmt: skip
    return notification("company.updated", item, id=id, at=at)


def ticket_moved(
    number: int, contact_number: int, state: str, *, id: str, at: int = 0, before: str = "submitted"
) -> dict[str, Any]:
    """ticket.state.updated, with the part that tells of the change."""
    item = {
        "type": "ticket",
        "id": f"ticket-{number:05d}",
        "ticket_id": str(number),
        "category": "Customer",
        "ticket_attributes": {"_default_title_": "It does not start", "Platform": "Linux"},
        "ticket_state": {
            "type": "ticket_state", "id": f"id-{state}", "category": state,
            "internal_label": state.title(), "external_label": state.title(),
        },
        "ticket_type": {"type": "ticket_type", "id": "1", "name": "Bug"},
        "contacts": {"type": "contact.list", "contacts": [
            {"type": "contact", "id": f"contact-{contact_number:05d}",
             "external_id": f"user-{contact_number:05d}"},
        ]},
        "created_at": BEGAN,
        "updated_at": BEGAN + at,
        "ticket_parts": {"type": "ticket_part.list", "ticket_parts": [
            {"type": "ticket_part", "id": f"part-{id}", "part_type": "ticket_state_updated_by_admin",
             "ticket_state": state, "previous_ticket_state": before,
             "created_at": BEGAN + at, "updated_at": BEGAN + at},
        ]},
    }  # fmt: skip
    return notification("ticket.state.updated", item, id=id, at=at)
