"""What a replayed event means: what happened is told again as it was, what is so stays as it is now.

Whether a ticket was created or its state changed, and whether a notification was news, is judged in the
replay's shadow (events.rows.ReplayShadow), which knows only what this replay has told. The row itself
takes what is newer than what it knows, and nothing else. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from events.envelope import Envelope, Source
from events.joins import CompanySnapshot
from events.replays import Replayed
from events.rows import (
    REPLAY_SEEN_MAX,
    SEEN_AGE_MS,
    TAGS_MAX,
    TICKETS_MAX,
    ContactRow,
    ReplayShadow,
)
from events.subjects import is_id, item_of, ticket_of
from events.times import parse_ms
from mappings.happenings import told_by_topic
from mappings.moment import CONTACT, Moment, TicketView
from mappings.tickets import same_state, ticket_view
from streams.stages import completing, contact_row, contact_tags
from streams.stages.contact_row import remember
from streams.stages.notification import (
    STATES_OF_A_CONTACT,
    WITH_A_TICKET,
    carried_contact,
    family_of,
    referring,
    take_memberships,
    with_ticket,
)

#: Topics that nothing comes of in a replay: merges and deletes cannot be undone.
_ENDS = frozenset({"contact.deleted", "contact.merged"})


@dataclass(frozen=True, slots=True)
class Retold:
    """A replayed event, for one contact. ``moment`` is what it meant when it happened.

    ``current`` is whether what it tells of the user is still so: no newer event told of the same.
    ``changes`` are memberships that began or ended, which the row did not know; ``news`` is whether a
    company was told that the row knew otherwise.
    """

    moment: Moment
    current: bool
    changes: Sequence[tuple[str, bool]] = ()
    news: bool = False


def is_replayed(envelope: Envelope, document: Mapping[str, Any]) -> bool:
    """Whether an event is replayed at all: not where it tells of the end of a contact."""
    if envelope.source is Source.PARTNER:
        return True
    contact = carried_contact(item_of(document), family_of(envelope.topic))
    return envelope.topic not in _ENDS and contact.get("deleted") is not True


def shadow_of(row: ContactRow, replayed: Replayed, now_ms: int) -> ReplayShadow:
    """The row's shadow of this replay, begun where it has none yet."""
    if row.replay is None or row.replay.id != replayed.id:
        row.replay = ReplayShadow(replayed.id)
    row.replay.at = now_ms
    return row.replay


def drop_old_shadow(row: ContactRow, now_ms: int) -> None:
    """Forget a replay that has not told anything of the contact for long."""
    if row.replay is not None and row.replay.at < now_ms - SEEN_AGE_MS:
        row.replay = None


def is_first(shadow: ReplayShadow, envelope: Envelope, place: str = "") -> bool:
    """Whether this replay has not told the event yet, of its ``place`` where it has several."""
    event_id = f"{envelope.event_id}/{place}" if place else envelope.event_id
    return remember(shadow, event_id, envelope.received_at, keep=REPLAY_SEEN_MAX)


def retell(
    row: ContactRow, shadow: ReplayShadow, envelope: Envelope, document: Mapping[str, Any]
) -> Retold | None:
    """Take a replayed event in. None where it was old news already when it happened."""
    if envelope.source is Source.PARTNER:
        return _partner(row, shadow, envelope, document)
    return _webhook(row, shadow, envelope, document)


def retell_company(row: ContactRow, envelope: Envelope, snapshot: CompanySnapshot) -> Retold | None:
    """Take a replayed company's snapshot in. None where the contact has nothing to do with it."""
    tie = row.companies.get(snapshot.company_id)
    if tie is None or not (tie.member or snapshot.profile is None):
        return None
    before = tie.member, tie.snapshot
    contact_row.take_snapshot(row, snapshot.company_id, snapshot.profile, snapshot.at)
    moment = Moment(envelope, frozenset({CONTACT}), row, {}, at=envelope.occurred_at)
    return Retold(moment, True, news=before != (tie.member, tie.snapshot))


def note_moment(row: ContactRow, envelope: Envelope) -> None:
    """An event told MoEngage something of the user that only the moment knows."""
    family = family_of(envelope.topic)
    row.moments[family] = max(row.moments.get(family, 0), envelope.received_at)


def _is_newest(row: ContactRow, envelope: Envelope) -> bool:
    """Whether no later event of the family told MoEngage of such a moment."""
    return envelope.received_at >= row.moments.get(family_of(envelope.topic), 0)


def _partner(
    row: ContactRow, shadow: ReplayShadow, envelope: Envelope, document: Mapping[str, Any]
) -> Retold | None:
    happened, at = "partner_event", 0
    if envelope.topic == "partner.user":
        happened = "partner_user"
        at = parse_ms(document.get("modified_at")) or parse_ms(document.get("updated_at")) or 0
        if at and at < shadow.partner_at:
            return None
        shadow.partner_at = max(shadow.partner_at, at)
    current = _is_newest(row, envelope) and not 0 < at < row.partner_at
    row.partner_at = max(row.partner_at, at)
    moment = Moment(envelope, frozenset({happened}), row, document, at=envelope.occurred_at)
    return Retold(moment, current)


def _webhook(
    row: ContactRow, shadow: ReplayShadow, envelope: Envelope, document: Mapping[str, Any]
) -> Retold:
    item, family = item_of(document), family_of(envelope.topic)
    happened = set(told_by_topic(envelope.topic))
    current, changes = _is_newest(row, envelope), list[tuple[str, bool]]()
    contact = carried_contact(item, family)
    if contact.get("id") == row.contact_id and not row.deleted:
        told_at = parse_ms(contact.get("updated_at")) or envelope.occurred_at
        if told_at < row.updated_at and happened & STATES_OF_A_CONTACT:
            current = False
        was_news = told_at >= shadow.updated_at
        shadow.updated_at = max(shadow.updated_at, told_at)
        named = _take_contact(row, shadow, envelope, item, contact)
        changes = take_memberships(row, envelope.topic, item, contact, max(told_at, envelope.occurred_at))
        if was_news or named or changes or family == "company":
            happened.add(CONTACT)
    if family == "contact" and CONTACT not in happened:
        happened -= STATES_OF_A_CONTACT
    # What is told of a ticket is as it was then; of all else, as it is now.
    then = replace(row, tickets=shadow.tickets)
    view = ticket_view(item) if family == "ticket" else None
    knows_whose = bool(row.profile.get("external_id"))
    if view is None:
        happened -= WITH_A_TICKET
        for reference in () if knows_whose else referring(family, item, row.contact_id):
            contact_row.take_reference(row, reference)
        moment = Moment(envelope, frozenset(happened), then, document, at=envelope.occurred_at)
        return Retold(moment, current, changes)
    for reference in () if knows_whose else completing.references(ticket_of(item), row.contact_id):
        contact_row.take_reference(row, reference)
    current = _take_ticket(row, envelope.topic, view) and current
    news = contact_row.take_ticket(shadow, envelope.topic, view)
    return Retold(with_ticket(envelope, happened, then, document, view, news), current, changes)


def _take_contact(
    row: ContactRow,
    shadow: ReplayShadow,
    envelope: Envelope,
    item: Mapping[str, Any],
    contact: Mapping[str, Any],
) -> bool:
    """Take the contact in where it is newer; whether a tag has got its name by it.

    Several notifications may carry the same ``updated_at``, and what came last counts: the row has had
    it, unless it is the replay itself that tells it.
    """
    told_at = parse_ms(contact.get("updated_at")) or envelope.occurred_at
    if told_at > row.updated_at or told_at == row.updated_at == shadow.taken_at:
        tags = contact_tags.listed(row)
        contact_row.take_profile(row, contact, envelope.occurred_at)
        shadow.taken_at = told_at
        return contact_tags.take(row, envelope.topic, item, tags)
    tag = item.get("tag")
    tag_id = tag.get("id") if isinstance(tag, dict) else None
    if not is_id(tag_id) or tag_id in row.tag_names or len(row.tag_names) >= TAGS_MAX:
        return False
    return contact_tags.take(row, envelope.topic, item, None)


def _take_ticket(row: ContactRow, topic: str, view: TicketView) -> bool:
    """Take the ticket in where it is newer; whether the row knows nothing newer of it."""
    own = replace(view, state=replace(view.state))  # the shadow keeps the other
    known = row.tickets.get(view.id)
    if known is not None or len(row.tickets) < TICKETS_MAX:  # else a ticket that moved later would go
        contact_row.take_ticket(row, topic, own)
        known = row.tickets[view.id] if known is None else row.tickets.get(view.id, known)
    if known is None or not own.state.category:
        return True
    return same_state(known, own.state) and own.state.at >= known.since


def no_ticket_news(moment: Moment) -> bool:
    """Whether a ticket is told of that neither came to be nor moved."""
    return moment.ticket is not None and not moment.happened & {"ticket_created", "ticket_state_changed"}
