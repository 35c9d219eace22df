"""What expressions see: one document per moment, made of named parts.

    contact     the contact's profile, and ``contact_id``
    company     the primary company: of the known companies, the one that the contact has belonged to
                longest; of those that came at the same time, the one that Intercom made first (its ids
                sort by time)
    companies   all known companies in that order; empty, not null, where there is none
    ticket      the ticket as in ``moment.TicketView``, with ``type`` for its type's name, ``title``, and
                ``state``: key, category, internal_label, external_label, at, reopened
    previous    the ticket's state before, with ``seconds``, how long it lasted; null where not known
    event       id, topic, source, workspace, config, received_at, occurred_at, at
    payload     the payload as Intercom sent it
    partner     a connector's body: user, created_at, updated_at, events (``mappings.partner``)
    item        under ``each:``, the element at hand

Times that moebridge took down are milliseconds; those in contact, companies and payload are Intercom's.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from events.rows import ContactRow, TicketState
from mappings.moment import Moment, TicketView
from mappings.partner import partner_part

#: The names that an expression can begin with; ``item`` under ``each:`` only.
PARTS = ("contact", "company", "companies", "ticket", "previous", "event", "payload", "partner")
ITEM = "item"


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
    began, ended = moment.previous.at, moment.ticket.state.at if moment.ticket else 0
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
