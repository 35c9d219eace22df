"""Records as the stages read them, and own Intercom payloads to fill them with.

Times are seconds after ``BEGAN``; ``at`` of a notification is when it was created, ``updated_at`` of an
object is when it changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from events.elements import Delivery, Kind
from events.envelope import Envelope, partner_envelope, webhook_envelope
from events.joins import CompanySnapshot, MembershipChange

BEGAN = 1_780_000_000
NOW_MS = (BEGAN + 86_400) * 1000

Json = dict[str, Any]
Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Record:
    """What aiokafka's consumer gives for one record, as far as we look at it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int = NOW_MS


def ms(at: float) -> int:
    """Milliseconds since the epoch."""
    return round((BEGAN + at) * 1000)


def iso(at: float) -> str:
    """As webhook contacts and companies carry their times."""
    return datetime.fromtimestamp(BEGAN + at, UTC).isoformat(timespec="milliseconds")


# -- objects of Intercom ------------------------------------------------------------------------


def company_list(*ids: str, has_more: bool = False) -> Json:
    """A contact's list of its companies."""
    data = [{"type": "company", "id": one, "url": f"/companies/{one}"} for one in ids]
    return {"type": "list", "data": data, "total_count": len(ids) + has_more, "has_more": has_more}


def contact(contact_id: str = "c1", *, at: float, companies: Sequence[str] = (), **fields: Any) -> Json:
    """A whole contact, as contact.user.updated tells it."""
    return {
        "type": "contact",
        "id": contact_id,
        "workspace_id": "ws1",
        "external_id": f"user-{contact_id}",
        "role": "user",
        "email": f"{contact_id}@example.com",
        "phone": None,
        "name": f"Name {contact_id}",
        "created_at": iso(0),
        "updated_at": iso(at),
        "location": {"type": "location", "country": None, "city": "Oslo"},
        "custom_attributes": {},
        "companies": company_list(*companies),
        **fields,
    }


def company(company_id: str = "k1", *, at: float, name: str = "Brook", **fields: Any) -> Json:
    """A whole company, as company.updated tells it."""
    return {
        "type": "company",
        "id": company_id,
        "app_id": "ws1",
        "company_id": f"own-{company_id}",
        "name": name,
        "plan": {"type": "plan", "id": "1", "name": "Gold"},
        "size": 40,
        "updated_at": iso(at),
        "custom_attributes": {},
        **fields,
    }


def company_in_part(company_id: str = "k1", *, at: float, name: str = "Brook") -> Json:
    """A company as company.contact.attached and detached tell it: without plan, size, website."""
    whole = company(company_id, at=at, name=name, plan_id="1")
    return {key: value for key, value in whole.items() if key not in ("plan", "size")}


def state(category: str, label: str = "") -> Json:
    """A ticket's state as an object, as API versions from 2.12 on tell it."""
    label = label or category.replace("_", " ").title()
    return {
        "type": "ticket_state", "id": f"s-{label.lower()}", "category": category,
        "internal_label": label, "external_label": label,
    }  # fmt: skip


def moved_part(before: str, after: str, at: float) -> Json:
    """The part of a ticket that tells of a move between two states."""
    return {
        "type": "ticket_part", "id": f"p-{at}", "part_type": "ticket_state_updated_by_admin",
        "ticket_state": after, "previous_ticket_state": before, "created_at": BEGAN + at,
    }  # fmt: skip


def ticket(
    now: str | Json, *, at: float, parts: Sequence[Json] = (), contacts: Sequence[Json] | None = None,
    ticket_id: str = "t1", **fields: Any,
) -> Json:  # fmt: skip
    """A ticket in a state, updated at a time; its times are epoch seconds."""
    if contacts is None:
        contacts = [{"type": "contact", "id": "c1", "external_id": "user-c1"}]
    return {
        "type": "ticket",
        "id": ticket_id,
        "ticket_id": "42",
        "category": "Customer",
        "ticket_attributes": {"_default_title_": "It does not start"},
        "ticket_state": now,
        "ticket_type": {"type": "ticket_type", "id": "1", "name": "Bug"},
        "contacts": {"type": "contact.list", "contacts": list(contacts)},
        "created_at": BEGAN,
        "updated_at": BEGAN + at,
        "ticket_parts": {"type": "ticket_part.list", "ticket_parts": list(parts)},
        **fields,
    }


# -- envelopes ----------------------------------------------------------------------------------


def webhook(topic: str, item: Json, *, at: float, event_id: str | None = None) -> Envelope:
    """The notification that an item changed; its id is made of its content unless given."""
    document = {
        "type": "notification_event",
        "id": event_id,
        "app_id": "ws1",
        "topic": topic,
        "created_at": int(BEGAN + at),
        "data": {"type": "notification_event_data", "item": item},
    }
    body = json.dumps(document).encode()
    envelope = webhook_envelope(body, document, config="default", received_at=ms(at + 1))
    if event_id is None:
        envelope = replace(envelope, event_id="notif_" + envelope.event_id[-36:])
    return envelope


def contact_updated(
    contact_id: str = "c1", *, at: float, event_id: str | None = None, **fields: Any
) -> Envelope:
    """contact.user.updated of a whole contact."""
    item = contact(contact_id, at=at, **fields)
    return webhook("contact.user.updated", item, at=at, event_id=event_id)


def company_updated(
    company_id: str = "k1", *, at: float, event_id: str | None = None, **fields: Any
) -> Envelope:
    """company.updated of a whole company."""
    item = company(company_id, at=at, **fields)
    return webhook("company.updated", item, at=at, event_id=event_id)


def attached(contact_item: Json, company_item: Json, *, at: float) -> Envelope:
    """company.contact.attached."""
    return webhook("company.contact.attached", {"company": company_item, "contact": contact_item}, at=at)


def detached(contact_item: Json, company_item: Json, *, at: float) -> Envelope:
    """company.contact.detached; Intercom's contact still lists the company."""
    return webhook("company.contact.detached", {"company": company_item, "contact": contact_item}, at=at)


def partner(body: Json, *, kind: str = "user", received: float) -> Envelope:
    """What a data connector sent."""
    return partner_envelope(
        json.dumps(body).encode(), body,
        kind=kind, workspace="ws1", config="default", received_at=ms(received),
    )  # fmt: skip


# -- records ------------------------------------------------------------------------------------


def record_of(
    envelope: Envelope, key: str | bytes = "c1", *, topic: str = "intercom.contacts", offset: int = 0
) -> Record:
    """An envelope as a record."""
    raw = key.encode() if isinstance(key, str) else key
    return Record(topic, 0, offset, raw, envelope.payload, envelope.headers())


def membership(contact_id: str, member: bool, at: float, *, company_id: str = "k1") -> Record:
    """A membership that a contact reports."""
    cause = contact_updated(contact_id, at=at)
    value, headers = MembershipChange(contact_id, member, ms(at)).record(cause)
    return Record("intercom.companies", 0, 0, company_id.encode(), value, headers)


def snapshot(
    profile: Json | None, at: float, *, company_id: str = "k1", contact_id: str = "c1"
) -> Record:
    """What a company tells a member of itself."""
    cause = company_updated(company_id, at=at)
    told = CompanySnapshot(company_id, profile, ms(at))
    return Record(
        "intercom.contacts", 0, 0, contact_id.encode(), told.payload(), CompanySnapshot.headers(cause)
    )


def delivery(
    customer: str = "user-c1",
    *,
    name: str = "",
    kind: Kind | None = None,
    then: str = "",
    number: int = 0,
    body: bytes | None = None,
    offset: int = 0,
    config: str = "default",
) -> Record:
    """A record of moengage.deliveries. ``name`` is the event's; without one, and a kind, it is a user."""
    kind = kind or ("event" if name else "user")
    made = Delivery(
        delivery_id=f"notif_{number}/{customer}/0", event_id=f"notif_{number}",
        kind=kind, name=name, customer_id=customer, mapping_version="v",
        received_at=ms(0), occurred_at=ms(0), then=then,
        body=body or json.dumps({"type": kind, "customer_id": customer, "number": number}).encode(),
        config=config,
    )  # fmt: skip
    return Record("moengage.deliveries", 0, offset, customer.encode(), made.body, made.headers())
