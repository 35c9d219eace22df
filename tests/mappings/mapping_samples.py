"""Payloads and moments that the mapping's tests are made of."""

from __future__ import annotations

import json
from typing import Any

from events.envelope import Envelope, Source
from events.rows import ContactRow, Membership, TicketState
from mappings.moment import Moment, TicketView
from mappings.tickets import ticket_view

RECEIVED_AT = 1_764_000_010_000
OCCURRED_AT = 1_764_000_005_000

CONTACT: dict[str, Any] = {
    "type": "contact",
    "id": "aa10",
    "external_id": "cust-77",
    "role": "user",
    "email": "mira@brook.example",
    "phone": "+44 20 7946 0018",
    "name": "Mira van Dijk",
    "has_hard_bounced": False,
    "unsubscribed_from_emails": True,
    "created_at": "2025-02-03T04:05:06.789+00:00",
    "last_seen_at": 1_763_900_000,
    "language_override": "",
    "browser_language": "nl",
    "location": {"type": "location", "country": "Netherlands", "city": "Utrecht"},
    "custom_attributes": {
        "Seats used": 12,
        "company_name": "typed by hand",
        "status": "active",
        "trial_ends_at": 1_764_100_000,
        "signed": "2025-01-01T10:00:00+02:00",
        "note": "  ",
    },
    "tags": {"type": "list", "data": [{"id": "7"}], "total_count": 1},
    "companies": {"type": "list", "data": [{"id": "c1"}]},
}

COMPANY: dict[str, Any] = {
    "id": "c1",
    "company_id": "brook",
    "name": "Brook Ltd",
    "plan": {"id": "p", "name": "Gold"},
    "size": 40,
    "monthly_spend": 99.5,
    "custom_attributes": {"tier": "A", "Plan": "own plan"},
}

TICKET: dict[str, Any] = {
    "type": "ticket",
    "id": "9001",
    "ticket_id": "42",
    "category": "Customer",
    "ticket_attributes": {
        "_default_title_": "Cannot pay",
        "_default_description_": "my card 4111 is refused",
        "Root cause": "card",
        "Type": "own type",
        "Amount": 12.5,
        "Screens": [
            {"type": "upload", "name": "a.png", "url": "https://x.example/a", "filesize": 1},
            {"type": "upload", "name": "b.png", "url": "https://x.example/b", "filesize": 2},
        ],
        "Platforms": None,
    },
    "ticket_state": {
        "type": "ticket_state",
        "id": "3",
        "category": "resolved",
        "internal_label": "Fixed",
        "external_label": "Done",
    },
    "ticket_type": {"type": "ticket_type", "id": "5", "name": "Billing"},
    "admin_assignee_id": "811",
    "team_assignee_id": "0",
    "created_at": 1_763_990_000,
    "updated_at": 1_764_000_000,
    "open": False,
    "ticket_parts": {
        "ticket_parts": [
            {
                "id": "1",
                "part_type": "ticket_state_updated_by_admin",
                "ticket_state": "submitted",
                "previous_ticket_state": "submitted",
                "created_at": 1_763_990_000,
            },
            {
                "id": "3",
                "part_type": "ticket_state_updated_by_admin",
                "ticket_state": "resolved",
                "previous_ticket_state": "in_progress",
                "created_at": 1_763_999_000,
                "author": {"type": "admin", "name": "Staff Person", "email": "staff@desk.example"},
            },
            {"id": "2", "part_type": "note", "body": "<p>secret</p>", "created_at": 1_763_999_500},
        ]
    },
}


def state(
    key: str, category: str = "", internal: str = "", external: str = "", at: int = 0, since: int = 0
) -> TicketState:
    return TicketState(key, category, internal, external, at, since=since)


def contact_row(profile: dict[str, Any] | None = None, *companies: dict[str, Any]) -> ContactRow:
    fields = CONTACT if profile is None else profile
    return ContactRow(
        contact_id="aa10",
        profile={name: value for name, value in fields.items() if value is not None},
        companies={
            company["id"]: Membership(at=100 + place, snapshot=company)
            for place, company in enumerate(companies)
        },
    )


def moment(
    *happened: str,
    row: ContactRow | None = None,
    document: dict[str, Any] | None = None,
    ticket: TicketView | None = None,
    previous: TicketState | None = None,
    at: int = 0,
    topic: str = "contact.user.updated",
) -> Moment:
    partner = any(word.startswith("partner_") for word in happened)
    body = document or {}
    envelope = Envelope(
        source=Source.PARTNER if partner else Source.WEBHOOK,
        topic=topic,
        event_id="notif_1",
        workspace="ws1",
        config="main",
        received_at=RECEIVED_AT,
        occurred_at=OCCURRED_AT,
        payload=json.dumps(body).encode(),
    )
    return Moment(
        envelope, frozenset(happened), row or contact_row(), body, ticket, previous=previous, at=at
    )


def view(item: dict[str, Any]) -> TicketView:
    seen = ticket_view(item)
    assert seen is not None
    return seen


def notification(topic: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "notification_event", "id": "notif_1", "topic": topic, "data": {"item": item}}
