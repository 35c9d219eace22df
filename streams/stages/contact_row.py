"""How a contact's row changes: what is new, what is old news, what has been seen before.

Every function changes the row it is given and says what that came to. Times are milliseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events.envelope import DIGEST_PREFIX
from events.rows import (
    COMPANIES_MAX,
    DIGEST_AGE_MS,
    SEEN_AGE_MS,
    SEEN_MAX,
    TICKETS_MAX,
    ContactRow,
    Membership,
    ReplayShadow,
    TicketState,
)
from events.subjects import is_id
from events.times import parse_ms
from mappings.moment import TicketView
from mappings.ticket_moves import RESOLVED
from mappings.tickets import has_id, same_state

#: Fields of a contact that are not its profile.
_LEFT_OUT = frozenset(
    {"type", "companies", "social_profiles", "notes", "opted_in_subscription_types", "avatar",
     "opted_out_subscription_types", "workspace_id", "app_id", "archived", "deleted"}
)  # fmt: skip

#: A visitor that signs up comes in an older shape, with these names for the same things.
_OLDER_NAMES = {"user_id": "external_id", "location_data": "location"}


def remember(
    row: ContactRow | ReplayShadow, event_id: str, received_at: int, *, keep: int = SEEN_MAX
) -> bool:
    """Note an event, of the last ``keep``. False where the row has seen it: it is a duplicate."""
    name = hashlib.blake2b(event_id.encode(), digest_size=10).hexdigest()
    if event_id.startswith(DIGEST_PREFIX):
        body = f"d{name}@"
        times = (at for short, at in row.seen.items() if short.startswith(body))
        if any(abs(received_at - at) <= DIGEST_AGE_MS for at in times):
            return False
        short = f"{body}{received_at}"
    else:
        short = f"n{name}"
        if short in row.seen:
            return False
    row.seen[short] = received_at
    horizon = received_at - SEEN_AGE_MS
    while len(row.seen) > keep or row.seen[next(iter(row.seen))] < horizon:
        del row.seen[next(iter(row.seen))]
    return True


def take_profile(row: ContactRow, contact: Mapping[str, Any], at: int) -> bool:
    """Bring the profile up to date. False where the row knows something newer.

    A field that is told as null is dropped; one that is not mentioned stays, for some topics tell
    only part of a contact. ``at`` counts where the contact has no ``updated_at``.
    """
    updated_at = parse_ms(contact.get("updated_at")) or at
    if updated_at < row.updated_at or row.deleted:
        return False
    profile = row.profile
    for name, value in contact.items():
        name = _OLDER_NAMES.get(name, name)
        if name in _LEFT_OUT:
            continue
        if isinstance(value, dict) and name in ("location", "tags"):
            value = {k: v for k, v in value.items() if v is not None}
        if not value and (value is None or type(value) in (dict, list)):
            profile.pop(name, None)
        else:
            profile[name] = value
    row.updated_at = updated_at
    return True


def take_reference(row: ContactRow, reference: Mapping[str, Any]) -> None:
    """A ticket only refers to its contacts; its ``external_id`` is news while nothing else is known."""
    external_id = reference.get("external_id")
    if row.updated_at == 0 and isinstance(external_id, str) and external_id:
        row.profile["external_id"] = external_id


def take_companies(
    row: ContactRow, listed: Any, at: int, *, but: str | None = None
) -> list[tuple[str, bool]]:
    """Compare the contact's own list with what is known: memberships that began or ended.

    A list of more than ten companies tells only some of them (``has_more``), so it ends none. ``but``
    is left out: the company that the event itself is about, which the list tells wrong.
    """
    if not isinstance(listed, dict) or not isinstance(listed.get("data"), list):
        return []
    ids = [entry["id"] for entry in listed["data"] if isinstance(entry, dict) and is_id(entry.get("id"))]
    changes = [
        change for one in ids if one != but and (change := set_member(row, one, member=True, at=at))
    ]
    if not listed.get("has_more"):
        row.listed_at = max(row.listed_at, at)
        for known in [company for company in row.companies if company not in ids and company != but]:
            if change := set_member(row, known, member=False, at=at):
                changes.append(change)
    return changes


def set_member(row: ContactRow, company_id: str, *, member: bool, at: int) -> tuple[str, bool] | None:
    """Note a membership that began or ended; None where that is known, or older than what is."""
    tie = row.companies.get(company_id)
    if tie is None:
        if member and at < row.listed_at:
            return None  # a newer whole list did not have it any more
        if not _room_for_company(row):
            return None
        if member:
            row.companies[company_id] = Membership(at, confirmed_at=at)
            return company_id, True
        at = max(at, row.listed_at)  # a newer whole list did not have it either
        row.companies[company_id] = Membership(at, member=False, confirmed_at=at, ended_at=at)
        return None
    if tie.member == member:
        if member and tie.ended_at < at < tie.at:
            tie.at = at  # it began earlier than was known
        tie.confirmed_at = max(tie.confirmed_at, at)
        if not member:
            tie.ended_at = max(tie.ended_at, at)
        return None
    if at < tie.confirmed_at:
        if not member:
            tie.ended_at = max(tie.ended_at, at)
        return None
    tie.at, tie.member, tie.confirmed_at = at, member, at
    if not member:
        tie.ended_at, tie.snapshot, tie.snapshot_at = at, None, 0
    return company_id, member


def _room_for_company(row: ContactRow) -> bool:
    """Whether one more company fits; memberships that ended go first, the one that ended longest ago."""
    if len(row.companies) < COMPANIES_MAX:
        return True
    ended = [(tie.ended_at, company_id) for company_id, tie in row.companies.items() if not tie.member]
    if not ended:
        return False
    del row.companies[min(ended)[1]]
    return True


def take_snapshot(row: ContactRow, company_id: str, profile: Mapping[str, Any] | None, at: int) -> bool:
    """Keep what a company is now. False where the contact is no member, or knows it newer."""
    tie = row.companies.get(company_id)
    if tie is None or not tie.member or at < tie.snapshot_at:
        return False
    if profile is None:
        tie.at = tie.confirmed_at = tie.ended_at = max(at, tie.confirmed_at)
        tie.member, tie.snapshot, tie.snapshot_at = False, None, 0
        return True
    tie.snapshot, tie.snapshot_at = dict(profile), at
    return True


@dataclass(frozen=True, slots=True)
class TicketNews:
    """What a ticket event came to.

    ``previous`` is the state before, where it changed and that is known; ``at`` is when, 0 for not known.
    """

    created: bool = False
    changed: bool = False
    previous: TicketState | None = None
    at: int = 0


def take_ticket(row: ContactRow | ReplayShadow, topic: str, view: TicketView) -> TicketNews:
    """Compare a ticket with its last known state: was it created, did its state really change?

    The state decides, not the topic: a change is told once, by whichever notification brings it
    first, and one that is older than what is known is old news (docs/decisions/0005-ticket-states.md).
    """
    known, now = row.tickets.get(view.id), view.state
    creation, about_state = topic == _CREATION, topic in _STATE_TOPICS
    reports_change = about_state and view.moved and bool(now.category)
    created = creation and (known is None or not known.created_sent)
    if known is not None and created:
        known.created_sent = True
    if known is not None and not now.category:
        return TicketNews(created)  # a ticket without its state tells nothing of it
    if known is None or not known.category:
        now.announced = reports_change or creation
        now.created_sent = creation or (known is not None and known.created_sent)
        now.since = view.began or (view.created_at or 0 if creation else now.at if reports_change else 0)
        _keep_ticket(row, view.id, now)
        return _change(created, view, None) if reports_change else TicketNews(created)
    same = same_state(known, now)
    if 0 < known.at < view.began if same else _is_newer(now, known, about_state=about_state):
        # Another state; or the same one again, left since it was last told and come back to.
        news = _change(created, view, known)
        left_resolved = same and now.category == RESOLVED
        if now.category != RESOLVED:
            left_resolved = RESOLVED in (known.category, view.previous_category)
        now.reopened = max(now.reopened, known.reopened + left_resolved)
        now.created_sent, now.since = known.created_sent, news.at
        _keep_ticket(row, view.id, now)
        return news
    if not same or now.at < known.since:
        return TicketNews(created)  # old news; of the same state, it is of an earlier time in it
    late = reports_change and not known.announced
    known.announced = known.announced or reports_change or creation
    known.at, known.since = max(known.at, now.at), known.since or view.began
    known.reopened = max(known.reopened, now.reopened)
    if has_id(now) and not has_id(known):
        known.key, known.internal_label = now.key, now.internal_label
        known.external_label = now.external_label
    return _change(created, view, None) if late else TicketNews(created)


_CREATION = "ticket.created"
_STATE_TOPICS = frozenset({"ticket.state.updated", "ticket.resolved", "ticket.closed"})


def _is_newer(now: TicketState, known: TicketState, *, about_state: bool) -> bool:
    """Whether one state comes after another one.

    Ticket times are whole seconds: within one, only what is about the state counts, as it arrives.
    """
    return now.at > known.at or (now.at == known.at and about_state)


def _change(created: bool, view: TicketView, known: TicketState | None) -> TicketNews:
    """A real change, from the known state unless the payload tells of another one in between."""
    now, previous = view.state, _told_before(view)
    if known is not None and known.at >= view.previous_began:
        if view.previous_id and has_id(known):
            direct = view.previous_id == known.key
        elif known.category == now.category and known.at >= view.began:
            direct = True  # a move within the category, of which parts tell nothing
        else:
            direct = view.previous_category in ("", known.category)
        previous = known if direct else previous
    other_category = previous is not None and previous.category != now.category
    at = view.began if view.began and other_category else now.at
    return TicketNews(created, changed=True, previous=previous, at=at)


def _told_before(view: TicketView) -> TicketState | None:
    """The state before, as far as the payload itself tells of it."""
    category = view.previous_category
    if not category:
        return None
    return TicketState(
        key=view.previous_id or category,
        category=category,
        internal_label="",
        external_label="",
        at=view.previous_began,
        since=view.previous_began,
    )


def _keep_ticket(row: ContactRow | ReplayShadow, ticket_id: str, state: TicketState) -> None:
    row.tickets.pop(ticket_id, None)
    row.tickets[ticket_id] = state
    while len(row.tickets) > TICKETS_MAX:
        del row.tickets[next(iter(row.tickets))]
