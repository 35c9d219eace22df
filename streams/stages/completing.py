"""Whom a chunk names and the contacts table does not know, and what a row takes of what was found. Pure.

Intercom is asked between the two (streams.enrich). Shapes: a ticket or a conversation refers to its
contacts by ``{type, id, external_id}``; event.created has intercom_user_id, user_id and email; a
connector's body has intercom_id, customer_id and u_em (captured payloads and both sides' pages).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from events.codec import decode_object
from events.envelope import Envelope, Source
from events.errors import InvalidData
from events.joins import kind_of_record
from events.keys import split_scope
from events.rows import ContactRow
from events.subjects import NOT_INTERCOM_IDS, item_of, ticket_of
from events.times import parse_ms
from intercom.enrichment import Found, Wanted
from mappings.partner import given
from streams.stages import contact_row
from streams.stages.companies import whole_profile
from streams.stages.stage import key_text
from streams.state import State

#: Topics that carry the contact whom they are about, or its end.
_CARRYING = frozenset({"contact", "visitor", "granular", "company"})

#: A row as it is encoded holds these bytes while nothing has told of its contact.
_NEVER_TOLD = b'"updated_at":0,'


def wanted(records: Sequence[Any], state: State) -> dict[str, Wanted]:
    """By contact id within its configuration, who must be looked up before these records, and by what.

    Those are the contacts without a profile whom an event names before one of the same chunk brings them
    whole. What rows send each other names nobody, and an invalid record is for ``step`` to judge.
    """
    found: dict[str, Wanted] = {}
    known: set[str] = set()
    for record in records:
        try:
            _look_at(record, state, found, known)
        except InvalidData:
            continue
    return found


def _look_at(record: Any, state: State, asked: dict[str, Wanted], known: set[str]) -> None:
    contact = key_text(record, "the contact's id")
    if contact in known or kind_of_record(record.headers) != "event":
        return
    if contact not in asked and _is_known(contact, state):
        known.add(contact)
        return
    envelope = Envelope.from_record(record.value, record.headers)
    family = "" if envelope.source is Source.PARTNER else envelope.topic.partition(".")[0]
    if family in _CARRYING:
        known.add(contact)
        return
    contact_id = split_scope(contact)[1]
    document = decode_object(envelope.payload)
    if not family:
        named = _named_by_connector(contact_id, document)
    else:
        item = item_of(document)
        carried = item.get("contact")
        if isinstance(carried, dict) and carried.get("id") == contact_id:
            known.add(contact)
            return
        named = _named_by_webhook(contact_id, family, item)
    before = asked.get(contact, named)
    asked[contact] = Wanted(
        before.contact_id or named.contact_id,
        before.external_id or named.external_id,
        before.email or named.email,
    )


def take_found(row: ContactRow, found: Found, at: int) -> list[tuple[str, bool]] | None:
    """Fill a row without a profile: the contact, its companies and what they are.

    Gives the memberships that began or ended, and None where the row knew its contact already, or its
    end. ``at`` is the time of the event that asked, in ms: what Intercom tells later is newer, whatever
    our clock says.
    """
    if row.updated_at or not contact_row.take_profile(row, found.contact, at):
        return None
    at = max(at, row.updated_at)
    changes = contact_row.take_companies(row, {"data": found.companies}, at)
    for company in found.companies:
        told_at = parse_ms(company.get("updated_at")) or at
        contact_row.take_snapshot(row, company["id"], whole_profile(company), told_at)
    return changes


def has_intercom_id(row: ContactRow) -> bool:
    """Whether the row stands under the contact's own id, where companies can send their snapshots.

    A row under what a connector calls somebody hears of no later change of the contact, so it must not
    be mapped anew when a company changes: it would bring back what is old.
    """
    return not row.contact_id.startswith(NOT_INTERCOM_IDS)


def _is_known(contact: str, state: State) -> bool:
    raw = state.get(contact.encode())
    if raw is None:
        return False
    if _NEVER_TOLD not in raw:
        return True  # without decoding a large row only to see this
    row = ContactRow.decode(raw)
    return row.updated_at != 0 or row.deleted


def _named_by_connector(contact_id: str, document: Mapping[str, Any]) -> Wanted:
    own = not contact_id.startswith(NOT_INTERCOM_IDS)
    return Wanted(
        contact_id if own else None,
        given(document, "customer_id"),
        given(document, "u_em") or given(document, "email"),
    )


def _named_by_webhook(contact_id: str, family: str, item: Mapping[str, Any]) -> Wanted:
    if family == "event":
        return Wanted(contact_id, _text(item.get("user_id")), _text(item.get("email")))
    wrapped = item.get("conversation")
    holder = wrapped if isinstance(wrapped, dict) else ticket_of(item)
    for reference in references(holder, contact_id):
        if external_id := _text(reference.get("external_id")):
            return Wanted(contact_id, external_id)
    return Wanted(contact_id)


def references(holder: Mapping[str, Any], contact_id: str) -> Iterable[Mapping[str, Any]]:
    """A ticket's or conversation's references to this contact."""
    contacts = holder.get("contacts")
    listed = contacts.get("contacts") if isinstance(contacts, dict) else None
    for reference in listed if isinstance(listed, list) else ():
        if isinstance(reference, dict) and reference.get("id") == contact_id:
            yield reference


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
