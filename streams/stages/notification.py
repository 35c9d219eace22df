"""What a notification of Intercom's carries for one contact, told live or replayed.

Functions that take a row change it and say what that came to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from events.envelope import Envelope
from events.rows import ContactRow
from events.subjects import is_id
from mappings.moment import CONTACT_ARCHIVED, CONTACT_UNARCHIVED, Moment, TicketView
from streams.stages import completing, contact_row

#: Topics whose item is the contact itself, where it does not hold one.
_BARE = frozenset({"contact", "visitor", "granular"})

#: Happenings that set what a contact is; of an older notification they are not told.
STATES_OF_A_CONTACT = frozenset({CONTACT_ARCHIVED, CONTACT_UNARCHIVED})
#: Happenings that there is none of without a ticket.
WITH_A_TICKET = frozenset({"ticket", "ticket_attributes_changed"})


def family_of(topic: str) -> str:
    """The first part of a topic: contact, ticket, conversation, …"""
    return topic.partition(".")[0]


def carried_contact(item: Mapping[str, Any], family: str) -> Mapping[str, Any]:
    """The contact that a notification carries; empty where it carries none."""
    inner = item.get("contact")
    return inner if isinstance(inner, dict) else item if family in _BARE else {}


def take_memberships(
    row: ContactRow, topic: str, item: Mapping[str, Any], contact: Mapping[str, Any], at: int
) -> list[tuple[str, bool]]:
    """Take what is told of the contact's companies: memberships that began or ended."""
    company = item.get("company") if family_of(topic) == "company" else None
    company_id = company.get("id") if isinstance(company, dict) else None
    changes: list[tuple[str, bool]] = []
    if is_id(company_id):
        member = not topic.endswith(".detached")
        if change := contact_row.set_member(row, company_id, member=member, at=at):
            changes.append(change)
    # The list that comes with a detachment still shows the company.
    return changes + contact_row.take_companies(row, contact.get("companies"), at, but=company_id)


def with_ticket(
    envelope: Envelope,
    happened: set[str],
    row: ContactRow,
    document: Mapping[str, Any],
    view: TicketView,
    news: contact_row.TicketNews,
) -> Moment:
    """The moment of a notification about a ticket, by what it came to."""
    at = envelope.occurred_at
    if news.created:
        happened.add("ticket_created")
        at = view.created_at or at
    if news.changed:
        happened.add("ticket_state_changed")
        at = news.at or at
    return Moment(
        envelope, frozenset(happened), row, document, ticket=view, previous=news.previous, at=at
    )


def referring(family: str, item: Mapping[str, Any], contact_id: str) -> Iterable[Mapping[str, Any]]:
    """What a conversation or a custom event says of the contact that it is about."""
    if family == "conversation":
        holder = item.get("conversation")
        return completing.references(holder if isinstance(holder, dict) else item, contact_id)
    if family == "event" and item.get("intercom_user_id") == contact_id:
        return [{"id": contact_id, "external_id": item.get("user_id")}]
    return []
