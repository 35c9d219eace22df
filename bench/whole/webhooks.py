"""Signed webhooks of an invented workspace, and what MoEngage has to hold once all of them are through.

Half are contact updates, half are ticket state changes. Two of the same contact or ticket are far apart,
so that posting several at once does not turn their order round.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ingest.signature import sign

SECRET = "bench-client-secret"
WORKSPACE = "bench"
STATES = ("in_progress", "waiting_on_customer", "resolved")
_EPOCH_S = 1_768_018_294


@dataclass(frozen=True, slots=True)
class Webhook:
    """A body and its signature."""

    body: bytes
    signature: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What the sandbox has to hold: counts, and the last ``round`` of every user, by customer id.

    ``members``: how many contacts have told of their company.
    """

    user_updates: int
    events: int
    members: int
    rounds: dict[str, int]


def webhooks(count: int) -> tuple[list[Webhook], Expected]:
    """``count`` of them, over a third as many contacts and a sixth as many tickets."""
    contacts, tickets = max(count // 3, 1), max(count // 6, 1)
    made: list[Webhook] = []
    rounds: dict[str, int] = {}
    events = 0
    for number in range(count):
        if number % 2 == 0:
            turn, who = divmod(number // 2, contacts)
            document = _contact(number, who, turn)
            rounds[_customer(who)] = turn
        else:
            turn, which = divmod(number // 2, tickets)
            who = which % contacts
            document = _ticket(number, which, who, STATES[turn % len(STATES)])
            rounds.setdefault(_customer(who), -1)
            events += 1
        body = orjson.dumps(document)
        made.append(Webhook(body, sign(body, SECRET)))
    members = sum(turn >= 0 for turn in rounds.values())
    return made, Expected(count - events, events, members, rounds)


def mean_bytes(made: Sequence[Webhook]) -> int:
    """The mean size of a body."""
    return round(sum(len(one.body) for one in made) / len(made))


def _customer(who: int) -> str:
    return f"customer-{who:06d}"


def _notification(number: int, topic: str, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "notification_event",
        "app_id": WORKSPACE,
        "data": {"type": "notification_event_data", "item": item},
        "links": {},
        "id": f"notif_{uuid.uuid5(uuid.NAMESPACE_URL, str(number))}",
        "topic": topic,
        "delivery_status": "pending",
        "delivery_attempts": 1,
        "delivered_at": 0,
        "first_sent_at": _EPOCH_S + number,
        "created_at": _EPOCH_S + number,
        "self": None,
    }


def _contact(number: int, who: int, turn: int) -> dict[str, Any]:
    at = _EPOCH_S + number
    item = {
        "type": "contact",
        "id": f"{who:024x}",
        "workspace_id": WORKSPACE,
        "external_id": _customer(who),
        "role": "user",
        "email": f"person{who}@example.com",
        "phone": f"+49170{who:07d}",
        "name": f"Given{who} Family{who}",
        "avatar": {"type": "avatar", "image_url": None},
        "owner_id": None,
        "social_profiles": {"type": "list", "data": []},
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": False,
        "created_at": "2026-01-10T04:11:34.000+00:00",
        "updated_at": at,
        "signed_up_at": "2026-01-10T04:11:34.000+00:00",
        "last_seen_at": at,
        "last_replied_at": None,
        "last_contacted_at": None,
        "browser": "chrome",
        "browser_version": "141.0.0.0",
        "browser_language": "en",
        "os": "OS X 10.15.7",
        "location": {
            "type": "location",
            "country": "Germany",
            "region": "Bremen",
            "city": "Bremen",
            "country_code": "DEU",
            "continent_code": "EU",
        },
        "utm_campaign": "spring",
        "utm_source": "newsletter",
        "referrer": "https://example.com/pricing",
        "custom_attributes": {"plan": "team", "seats": who % 40, "trial": False, "round": turn},
        "tags": {"type": "list", "data": [], "url": "/contacts/tags", "total_count": 0},
        "notes": {"type": "list", "data": [], "url": "/contacts/notes", "total_count": 0},
        "companies": {
            "type": "list",
            "data": [{"type": "company", "id": f"{who % 50:024x}", "url": "/companies/of"}],
            "total_count": 1,
            "has_more": False,
        },
    }
    return _notification(number, "contact.user.updated", item)


def _ticket(number: int, which: int, who: int, state: str) -> dict[str, Any]:
    at = _EPOCH_S + number
    item = {
        "type": "ticket",
        "id": f"{which:015d}",
        "ticket_id": str(which),
        "category": "Customer",
        "ticket_attributes": {
            "_default_title_": "The export stops half-way",
            "_default_description_": "It begins, then nothing happens any more.",
            "Platform": "ios",
            "Severity": "high",
        },
        "ticket_state": {
            "type": "ticket_state",
            "id": state,
            "category": state,
            "internal_label": state.replace("_", " ").capitalize(),
            "external_label": state.replace("_", " ").capitalize(),
        },
        "ticket_type": {"type": "ticket_type", "id": "12", "name": "Bug", "archived": False},
        "contacts": {
            "type": "contact.list",
            "contacts": [{"type": "contact", "id": f"{who:024x}", "external_id": _customer(who)}],
        },
        "admin_assignee_id": "0",
        "team_assignee_id": "0",
        "created_at": _EPOCH_S - 86_400,
        "updated_at": at,
        "is_shared": True,
        "open": True,
    }
    return _notification(number, "ticket.state.updated", item)
