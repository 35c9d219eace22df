"""Bodies in the shapes that Intercom documents. Times are seconds after BEGAN."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from payloads import BEGAN

if TYPE_CHECKING:
    from people import Person

Body = dict[str, Any]

#: The states that a workspace begins with: category to id and the two labels.
STATES = {
    "submitted": ("11", "New", "Sent"),
    "in_progress": ("12", "Looking", "At it"),
    "waiting_on_customer": ("13", "Asked back", "Your turn"),
    "resolved": ("14", "Fixed", "Done"),
}
#: Who works here, and what is said in confidence; none of it may ever leave.
STAFF = "Staff Person"
SECRET = "words between two people"
AUTHOR = {"type": "admin", "id": "811", "name": STAFF, "email": "staff.person@example.com"}


def iso(at: int, ending: str = "") -> str:
    """A time as MoEngage has it, or as Intercom writes it with ``000+00:00``."""
    text = datetime.fromtimestamp(BEGAN + at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ending}" if ending else f"{text}Z"


def state(category: str, *, id: str = "", label: str = "", external: str = "") -> Body:
    """A ticket's state as API versions from 2.12 on write it."""
    known = STATES.get(category, ("", category.title(), category.title()))
    return {
        "type": "ticket_state", "id": id or known[0], "category": category,
        "internal_label": label or known[1], "external_label": external or known[2],
    }  # fmt: skip


def ticket(whose: Iterable[Person], number: int | str, now: Any, *, at: int = 0, **fields: Any) -> Body:
    """A ticket in the state ``now``: a category of STATES, or the whole state as it is written."""
    return {
        "type": "ticket",
        "id": f"ticket-{number}",
        "ticket_id": f"{number}",
        "category": "Customer",
        "ticket_type": {"type": "ticket_type", "id": "5", "name": "Return"},
        "ticket_state": state(now) if isinstance(now, str) and now in STATES else now,
        "ticket_attributes": {"_default_title_": "It is too small", "_default_description_": SECRET},
        "contacts": {"type": "contact.list", "contacts": [one.reference() for one in whose]},
        "admin_assignee_id": "0",
        "team_assignee_id": "0",
        "company_id": None,
        "open": now != "resolved",
        "created_at": BEGAN,
        "updated_at": BEGAN + at,
        "ticket_parts": {"type": "ticket_part.list", "ticket_parts": [], "total_count": 0},
        "linked_objects": {"type": "list", "data": [], "total_count": 0, "has_more": False},
        "is_shared": True,
        **fields,
    }  # fmt: skip


def moved(before: str, now: str, *, at: int) -> Body:
    """The parts of a ticket that tell of a move; they tell categories alone."""
    part = {
        "type": "ticket_part", "id": f"part-{at}", "part_type": "ticket_state_updated_by_admin",
        "ticket_state": now, "previous_ticket_state": before, "author": AUTHOR, "body": None,
        "created_at": BEGAN + at, "updated_at": BEGAN + at,
    }  # fmt: skip
    return {"type": "ticket_part.list", "ticket_parts": [part], "total_count": 1}


def with_part(of: Body, part_type: str) -> Body:
    """A ticket beside the part that the notification is about."""
    part = {
        "type": "ticket_part", "id": "9", "part_type": part_type, "body": f"<p>{SECRET}</p>",
        "author": AUTHOR, "created_at": of["updated_at"], "updated_at": of["updated_at"],
    }  # fmt: skip
    return {"type": "ticket_ticket_part", "ticket": of, "ticket_part": part}


def older_ticket(number: int, now: str) -> Body:
    """A ticket as ticket.contact.attached and ticket.contact.detached write it."""
    _, internal, external = STATES[now]
    return {
        "type": "ticket",
        "id": number,
        "url": f"https://app.intercom.com/a/apps/workspace/conversations/{number}",
        "custom_attributes": {
            "_default_title_": {"value": "It is too small", "type": "string"},
            "Root cause?": {"value": "size chart", "type": "string"},
        },
        "state": now,
        "ticket_type": "Return",
        "ticket_custom_state_admin_label": internal,
        "ticket_custom_state_user_label": external,
    }


def company(company_id: str, name: str | None, *, at: int = 0, **fields: Any) -> Body:
    """A company as company.created and company.updated carry it."""
    return {
        "type": "company", "id": company_id, "company_id": f"own-{company_id}", "app_id": "workspace",
        "name": name, "plan": {}, "created_at": iso(0, "000+00:00"), "updated_at": iso(at, "000+00:00"),
        "monthly_spend": 0, "session_count": 3, "user_count": 1, "tag_ids": [], "custom_attributes": {},
        **fields,
    }  # fmt: skip


def tie(whose: Body, to: Body) -> Body:
    """The item of company.contact.attached and detached: their company has no plan, size or industry."""
    short = {name: value for name, value in to.items() if name in _OF_A_TIE}
    return {"company": {**short, "plan_id": None}, "contact": whose}


_OF_A_TIE = frozenset(
    {"type", "id", "company_id", "app_id", "name", "created_at", "updated_at", "monthly_spend"}
    | {"session_count", "user_count", "tag_ids", "custom_attributes"}
)


def conversation(whose: Iterable[Person], *, at: int = 0, **fields: Any) -> Body:
    """A conversation."""
    return {
        "type": "conversation",
        "id": "2154",
        "created_at": BEGAN,
        "updated_at": BEGAN + at,
        "source": {"type": "conversation", "subject": "", "body": f"<p>{SECRET}</p>", "author": AUTHOR},
        "contacts": {"type": "contact.list", "contacts": [one.reference() for one in whose]},
        "admin_assignee_id": None,
        "open": True,
        "state": "open",
        "read": False,
        "priority": "not_priority",
        "tags": {"type": "tag.list", "tags": []},
        "conversation_rating": None,
        "custom_attributes": {},
        "teammates": {"type": "admin.list", "admins": [AUTHOR]},
        "conversation_parts": {"type": "conversation_part.list", "conversation_parts": [
            {"type": "conversation_part", "part_type": "comment", "body": SECRET, "author": AUTHOR},
        ]},
        **fields,
    }  # fmt: skip


def custom_event(whose: Person, name: str, *, at: int = 0, **metadata: Any) -> Body:
    """The item of event.created."""
    return {
        "event_name": name, "id": f"event-{name}-{at}", "intercom_user_id": whose.contact_id,
        "user_id": whose.customer_id, "email": whose.email, "created_at": BEGAN + at,
        "metadata": metadata,
    }  # fmt: skip
