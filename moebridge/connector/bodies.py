"""The bodies that data connectors and Series webhooks send: MoEngage's keys, Intercom's attributes.

Keys as MoEngage's Intercom page has them (``type, u_fn, u_ln, u_mb, customer_id, intercom_id, createdate,
modified_at`` and own ones), and as its sister pages have them, in two groups. Every placeholder stands in
quotes: an attribute that somebody has not leaves an empty text then, and still JSON. The times are those
of the person, so bodies about events go without: an event happens when it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moebridge.connector.placeholders import found, written

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """What a body's keys about the person are filled with; ``name`` under MoEngage's keys for names.

    ``created_at`` and ``updated_at`` are times; ``own`` are keys that MoEngage does not know.
    """

    user_id: str
    contact_id: str
    email: str
    phone: str
    name: Mapping[str, str]
    created_at: str
    updated_at: str
    own: Mapping[str, str] = field(default_factory=dict)

    def customer_id(self, source: str) -> str:
        """What makes the MoEngage customer_id, by the first source of ``mapping.identity``."""
        if source == "email":
            return self.email
        return f"intercom:{self.contact_id}" if source == "intercom_id" else self.user_id


#: The person at hand, whom a Workflow or a Series is about.
AT_HAND = Person(
    user_id=written("user_id"),
    contact_id=written("contact_id"),
    email=written("email"),
    phone=written("phone"),
    name={"u_fn": written("first_name"), "u_ln": written("last_name")},
    created_at=written("created_at"),
    updated_at=written("updated_at"),
    own={"company_name": written("company_name")},
)

#: The person that a first connector has found; Intercom's API knows the whole name only.
FOUND = Person(
    user_id=found("external_id"),
    contact_id=found("id"),
    email=found("email"),
    phone=found("phone"),
    name={"u_n": found("name")},
    created_at=found("created_at"),
    updated_at=found("updated_at"),
    own={"role": found("role")},
)


def user_body(person: Person, identity: str) -> Body:
    """A user or lead. ``identity`` is the first source of ``mapping.identity``."""
    times = {"createdate": person.created_at, "modified_at": person.updated_at}
    return {"type": "user", **_who(person, identity), **times, **person.own}


def event_body(person: Person, identity: str, event: Mapping[str, str]) -> Body:
    """Something that happened to the person; ``event`` has ``event_name`` and its attributes."""
    return {"type": "event", **_who(person, identity), **event}


def grouped_body(person: Person, identity: str, event: Mapping[str, str]) -> Body:
    """Both at once, in MoEngage's other form."""
    groups = {"user_attributes": dict(person.own), "event_attributes": dict(event)}
    return {**_who(person, identity), **groups}


def lookup_body() -> Body:
    """Intercom's contact search by address or own id, of which the first hit counts."""
    filters = [("email", AT_HAND.email), ("external_id", AT_HAND.user_id)]
    value = [{"field": name, "operator": "=", "value": sought} for name, sought in filters]
    return {"query": {"operator": "OR", "value": value}, "pagination": {"per_page": 1}}


def _who(person: Person, identity: str) -> dict[str, str]:
    return {
        "customer_id": person.customer_id(identity),
        "intercom_id": person.contact_id,
        **person.name,
        "u_em": person.email,
        "u_mb": person.phone,
    }
