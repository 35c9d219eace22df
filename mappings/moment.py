"""What the rules are run on: one event, seen by one contact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events.envelope import Envelope
from events.rows import ContactRow, TicketState

CONTACT = "contact"  # profile, tags, subscriptions or companies may have changed: map the user
CONTACT_ARCHIVED = "contact_archived"
CONTACT_UNARCHIVED = "contact_unarchived"
CONTACT_DELETED = "contact_deleted"
CONTACT_MERGED = "contact_merged"  # this contact took another one in
TAG_ADDED = "tag_added"
TAG_REMOVED = "tag_removed"
SUBSCRIBED = "subscribed"
UNSUBSCRIBED = "unsubscribed"
TICKET = "ticket"  # any notification that carries a ticket
TICKET_CREATED = "ticket_created"  # told once a ticket
TICKET_STATE_CHANGED = "ticket_state_changed"  # a real change (docs/decisions/0005-ticket-states.md)
TICKET_ATTRIBUTES_CHANGED = "ticket_attributes_changed"
CONVERSATION = "conversation"  # any notification about a conversation
INTERCOM_EVENT = "intercom_event"  # a custom event that was tracked in Intercom
PARTNER_USER = "partner_user"  # a connector's or Series' body about a user
PARTNER_EVENT = "partner_event"  # one about an event

#: What can have happened; the words that ``when:`` knows.
HAPPENINGS = (
    CONTACT,
    CONTACT_ARCHIVED,
    CONTACT_UNARCHIVED,
    CONTACT_DELETED,
    CONTACT_MERGED,
    TAG_ADDED,
    TAG_REMOVED,
    SUBSCRIBED,
    UNSUBSCRIBED,
    TICKET,
    TICKET_CREATED,
    TICKET_STATE_CHANGED,
    TICKET_ATTRIBUTES_CHANGED,
    CONVERSATION,
    INTERCOM_EVENT,
    PARTNER_USER,
    PARTNER_EVENT,
)


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket, read from any of the shapes that Intercom sends (``tickets.ticket_view``).

    ``attributes`` maps display names to raw values. Times are milliseconds. Assignee ids are ""
    where nobody is assigned.

    ``moved`` is whether the payload, going by itself alone, tells that the state is another than before,
    or at least not the contrary; ``began`` is when the ticket came to the state's category, and
    ``previous_…`` what the payload tells of the state before: "" and 0 for nothing.
    """

    id: str
    number: str
    category: str
    type_name: str
    state: TicketState
    began: int
    moved: bool
    previous_id: str
    previous_category: str
    previous_began: int
    attributes: Mapping[str, Any]
    created_at: int | None
    updated_at: int | None
    open: bool | None
    admin_assignee_id: str
    team_assignee_id: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What one event means for one contact, after the contact's row was brought up to date.

    ``envelope`` is the company's event where a company snapshot is what arrived, and ``document``,
    the decoded payload, is empty then. ``happened`` holds words of HAPPENINGS; it may be empty, for a
    rule can wait for a topic alone. ``previous`` is the ticket's state before, where known. ``at`` is the
    time in milliseconds that MoEngage is told; 0 means the envelope's own.
    """

    envelope: Envelope
    happened: frozenset[str]
    row: ContactRow
    document: Mapping[str, Any]
    ticket: TicketView | None = None
    previous: TicketState | None = None
    at: int = 0
