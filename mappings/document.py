"""What expressions see: one document per moment, made of named parts.

    contact     the contact's profile, and ``contact_id``
    company     the primary company: of the known companies, the one that the contact has belonged to
                longest; of those that came at the same time, the one that Intercom made first (its ids
                sort by time)
    companies   all known companies in that order; empty, not null, where there is none
    ticket      the ticket as in ``moment.TicketView``, with ``type`` for its type's name, ``title``, and
                ``state``: key, category, internal_label, external_label, at, reopened
    previous    the ticket's state before, with ``seconds``, how long it lasted; null where not known
    conversation  the conversation of a conversation topic: ``conversations.FIELDS``; never its words
    tag         the tag that a contact got or lost: id, name
    custom_event  an event that was tracked in Intercom: name, metadata, created_at
    event       id, topic, source, workspace, config, received_at, occurred_at, at
    payload     the payload as Intercom sent it
    partner     a connector's body: user, created_at, updated_at, events (``mappings.partner``)
    item        under ``each:``, the element at hand

Times that moebridge took down are milliseconds; those in contact, companies and payload are Intercom's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from events.rows import ContactRow, TicketState
from events.subjects import item_of
from mappings import conversations
from mappings.moment import (
    CONVERSATION,
    INTERCOM_EVENT,
    PARTNER_EVENT,
    PARTNER_USER,
    TAG_ADDED,
    TAG_REMOVED,
    TICKET,
    TICKET_ATTRIBUTES_CHANGED,
    TICKET_CREATED,
    TICKET_STATE_CHANGED,
    Moment,
    TicketView,
)
from mappings.partner import partner_part

#: The names that an expression can begin with; ``item`` under ``each:`` only.
PARTS = (
    "contact",
    "company",
    "companies",
    "ticket",
    "previous",
    "conversation",
    "tag",
    "custom_event",
    "event",
    "payload",
    "partner",
)
ITEM = "item"

_STATE = ("key", "category", "internal_label", "external_label", "at", "reopened")

#: What stands under a path, where that is ours to say; elsewhere it is Intercom's or the user's.
FIELDS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("ticket",): (
        "id",
        "number",
        "category",
        "type",
        "title",
        "state",
        "attributes",
        "created_at",
        "updated_at",
        "open",
        "admin_assignee_id",
        "team_assignee_id",
    ),
    ("ticket", "state"): _STATE,
    ("previous",): (*_STATE, "seconds"),
    ("conversation",): conversations.FIELDS,
    ("tag",): ("id", "name"),
    ("custom_event",): ("name", "metadata", "created_at"),
    ("event",): ("id", "topic", "source", "workspace", "config", "received_at", "occurred_at", "at"),
    ("partner",): ("user", "created_at", "updated_at", "events"),
}

#: When a part can be known at all; a part that is not here always can.
KNOWN_WHEN: Mapping[str, frozenset[str]] = {
    "ticket": frozenset({TICKET, TICKET_CREATED, TICKET_STATE_CHANGED, TICKET_ATTRIBUTES_CHANGED}),
    "previous": frozenset({TICKET_STATE_CHANGED}),
    "conversation": frozenset({CONVERSATION}),
    "tag": frozenset({TAG_ADDED, TAG_REMOVED}),
    "custom_event": frozenset({INTERCOM_EVENT}),
    "partner": frozenset({PARTNER_USER, PARTNER_EVENT}),
}


def build(moment: Moment, parts: Collection[str]) -> dict[str, Any]:
    """The document with these parts and no others; a part that is not read costs nothing."""
    document: dict[str, Any] = {}
    row = moment.row
    if "contact" in parts:
        # A row under a connector's name for somebody, or a merged contact's id, may hold another one.
        own_id = row.profile.get("id") or row.contact_id
        document["contact"] = {**row.profile, "contact_id": own_id}
    if "companies" in parts or "company" in parts:
        companies = known_companies(row)
        document["companies"] = companies
        document["company"] = companies[0] if companies else None
    if "ticket" in parts:
        document["ticket"] = _ticket(moment.ticket, row) if moment.ticket else None
    if "previous" in parts:
        document["previous"] = _previous(moment) if moment.previous else None
    if "conversation" in parts:
        document["conversation"] = _of_family(moment, "conversation")
    if "tag" in parts:
        document["tag"] = _tag(moment)
    if "custom_event" in parts:
        document["custom_event"] = _of_family(moment, "event")
    if "event" in parts:
        document["event"] = _event(moment)
    if "payload" in parts:
        document["payload"] = dict(moment.document)
    if "partner" in parts:
        document["partner"] = partner_part(moment)
    return document


def known_companies(row: ContactRow) -> list[dict[str, Any]]:
    """The companies that a contact belongs to and that have told about themselves, primary first."""
    known = [
        (membership.at, company_id, membership.snapshot)
        for company_id, membership in row.companies.items()
        if membership.member and membership.snapshot is not None
    ]
    if len(known) > 1:
        known.sort(key=lambda entry: entry[:2])
    return [snapshot for _, _, snapshot in known]


def _of_family(moment: Moment, family: str) -> dict[str, Any] | None:
    """The conversation or custom event of a payload of that family of topics."""
    if moment.envelope.topic.partition(".")[0] != family:
        return None
    item = item_of(moment.document)
    return conversations.conversation_part(item) if family == "conversation" else _custom_event(item)


def _custom_event(item: Mapping[str, Any]) -> dict[str, Any]:
    metadata = item.get("metadata")
    return {
        "name": item.get("event_name"),
        "metadata": metadata if isinstance(metadata, dict) else {},
        "created_at": item.get("created_at"),
    }


def _tag(moment: Moment) -> dict[str, Any] | None:
    tag = item_of(moment.document).get("tag")
    return {"id": tag.get("id"), "name": tag.get("name")} if isinstance(tag, dict) else None


def _ticket(ticket: TicketView, row: ContactRow) -> dict[str, Any]:
    remembered = row.tickets.get(ticket.id)
    state = _state(ticket.state)
    if remembered is not None:
        state["reopened"] = remembered.reopened
    return {
        "id": ticket.id,
        "number": ticket.number,
        "category": ticket.category,
        "type": ticket.type_name,
        "title": ticket.attributes.get("_default_title_"),
        "state": state,
        "attributes": dict(ticket.attributes),
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
        "open": ticket.open,
        "admin_assignee_id": ticket.admin_assignee_id,
        "team_assignee_id": ticket.team_assignee_id,
    }


def _previous(moment: Moment) -> dict[str, Any]:
    assert moment.previous is not None
    previous = _state(moment.previous)
    began, ended = moment.previous.since, moment.at or moment.envelope.occurred_at
    previous["at"] = began or None
    previous["seconds"] = (ended - began) // 1000 if 0 < began <= ended else None
    return previous


def _state(state: TicketState) -> dict[str, Any]:
    return {
        "key": state.key,
        "category": state.category,
        "internal_label": state.internal_label,
        "external_label": state.external_label,
        "at": state.at or None,
        "reopened": state.reopened,
    }


def _event(moment: Moment) -> dict[str, Any]:
    envelope = moment.envelope
    return {
        "id": envelope.event_id,
        "topic": envelope.topic,
        "source": str(envelope.source),
        "workspace": envelope.workspace,
        "config": envelope.config,
        "received_at": envelope.received_at,
        "occurred_at": envelope.occurred_at,
        "at": moment.at or envelope.occurred_at,
    }
