"""Bodies in the shapes in which Intercom sends them: webhooks, and what a connector's author types.

Times are epoch seconds; contacts and companies write them as ISO 8601, tickets as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from moebridge.demo.cast import STAFF_EMAIL, STAFF_NAME, STAFF_WORDS, Company, Person, Ticket

WORKSPACE = "demo1234"

Body = dict[str, Any]

_STATES = {
    "submitted": ("4517801", "Submitted", "Submitted"),
    "in_progress": ("4517802", "In progress", "In progress"),
    "waiting_on_customer": ("4517803", "Waiting on customer", "Waiting on you"),
    "resolved": ("4517804", "Resolved", "Resolved"),
}


def notification(topic: str, item: Body, *, notification_id: str | None, at: int) -> Body:
    """The envelope around ``data.item``."""
    return {
        "type": "notification_event",
        "app_id": WORKSPACE,
        "data": {"type": "notification_event_data", "item": item},
        "links": {},
        "id": notification_id,
        "topic": topic,
        "delivery_status": "pending",
        "delivery_attempts": 1,
        "delivered_at": 0,
        "first_sent_at": at,
        "created_at": at,
        "self": None,
    }


def ping() -> Body:
    """What Intercom sends to try a webhook out; its notification has no id."""
    return {"type": "ping", "message": "something something interzen"}


def contact(
    person: Person, *, created_at: int, updated_at: int, companies: Sequence[Company] = ()
) -> Body:
    """A contact as webhooks carry it."""
    path = f"/contacts/{person.id}"
    return {
        "type": "contact",
        "id": person.id,
        "workspace_id": WORKSPACE,
        "external_id": person.external_id,
        "role": person.role,
        "email": person.email,
        "phone": person.phone,
        "name": person.name,
        "avatar": None,
        "owner_id": None,
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": False,
        "created_at": _iso(created_at),
        "updated_at": _iso(updated_at),
        "signed_up_at": _iso(created_at) if person.role == "user" else None,
        "last_seen_at": None,
        "last_replied_at": None,
        "language_override": None,
        "browser_language": None,
        "location": {"type": "location", "country": person.country, "region": None, "city": None},
        "custom_attributes": dict(person.custom_attributes),
        "tags": _listed([], f"{path}/tags"),
        "notes": _listed([], f"{path}/notes"),
        "companies": _listed(
            [{"id": one.id, "type": "company", "url": f"/companies/{one.id}"} for one in companies],
            f"{path}/companies",
        ),
        "sms_consent": False,
        "unsubscribed_from_sms": False,
    }


def company(about: Company, *, created_at: int, updated_at: int) -> Body:
    """A company as company.created and company.updated carry it."""
    return {
        "type": "company",
        "id": about.id,
        "company_id": about.company_id,
        "app_id": WORKSPACE,
        "name": about.name,
        "plan": {"type": "plan", "id": f"plan-{about.plan.lower()}", "name": about.plan},
        "remote_created_at": None,
        "created_at": _iso(created_at),
        "updated_at": _iso(updated_at),
        "last_request_at": None,
        "size": about.size,
        "website": None,
        "industry": about.industry,
        "monthly_spend": 0,
        "session_count": 0,
        "user_count": 0,
        "custom_attributes": {},
        "tag_ids": [],
    }


def membership(company_body: Body, contact_body: Body) -> Body:
    """A company and a contact as company.contact.* carry them: this company has less to say."""
    left_out = ("plan", "size", "website", "industry")
    small = {key: value for key, value in company_body.items() if key not in left_out}
    return {"company": {**small, "plan_id": None}, "contact": contact_body}


def ticket(about: Ticket, *, state: str, previous: str | None, opened_at: int, updated_at: int) -> Body:
    """A ticket. ``previous``: the state before, told by the newest of its parts."""
    state_id, internal, external = _STATES[state]
    parts = [_part("comment", opened_at, body=f"<p>{STAFF_WORDS}</p>")]
    if previous is not None:
        parts.append(
            _part(
                "ticket_state_updated_by_admin",
                updated_at,
                ticket_state=state,
                previous_ticket_state=previous,
            )
        )
    return {
        "type": "ticket",
        "id": about.id,
        "ticket_id": about.number,
        "category": "Customer",
        "ticket_attributes": {
            "_default_title_": about.title,
            "_default_description_": "Told in the customer's own words.",
            **about.attributes,
        },
        "ticket_state": {
            "type": "ticket_state",
            "id": state_id,
            "category": state,
            "internal_label": internal,
            "external_label": external,
        },
        "ticket_type": {"type": "ticket_type", "id": "2979330", "name": about.type_name},
        "contacts": {
            "type": "contact.list",
            "contacts": [
                {"type": "contact", "id": about.person.id, "external_id": about.person.external_id}
            ],
        },
        "admin_assignee_id": "0",
        "team_assignee_id": "0",
        "created_at": opened_at,
        "updated_at": updated_at,
        "ticket_parts": {
            "type": "ticket_part.list",
            "ticket_parts": parts,
            "total_count": len(parts),
        },
        "open": state != "resolved",
        "snoozed_until": None,
        "linked_objects": _listed([], None),
        "is_shared": True,
        "company_id": None,
    }


def connector_user(person: Person, *, created_at: int, modified_at: int, **own: object) -> Body:
    """A user as MoEngage's Intercom guide has a data connector send it, with keys of one's own."""
    first, _, last = person.name.partition(" ")
    return {
        "type": "user",
        "customer_id": person.external_id,
        "intercom_id": person.id,
        "u_fn": first,
        "u_ln": last,
        "u_em": person.email,
        "u_mb": person.phone,
        "createdate": created_at,
        "modified_at": modified_at,
        **own,
    }


def connector_event(person: Person, name: str, *, modified_at: int, **attributes: object) -> Body:
    """An event as a connector or a Series webhook sends it."""
    return {
        "customer_id": person.external_id,
        "intercom_id": person.id,
        "modified_at": modified_at,
        "event_attributes": {"event_name": name, **attributes},
    }


def _part(part_type: str, at: int, **more: object) -> Body:
    return {
        "type": "ticket_part",
        "id": f"3740{at}",
        "part_type": part_type,
        "created_at": at,
        "updated_at": at,
        "author": {"id": "9608799", "type": "admin", "name": STAFF_NAME, "email": STAFF_EMAIL},
        "attachments": [],
        "redacted": False,
        **more,
    }


def _listed(data: list[Body], url: str | None) -> Body:
    return {"type": "list", "data": data, "url": url, "total_count": len(data), "has_more": False}


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
