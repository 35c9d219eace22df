"""The mapping alone: from a contact's row and what happened to the elements, in one process, without I/O.

A moment is made ready as the stage makes it, of a row and a payload; what is measured is ``map_moment``
under the shipped rules. Every moment is another contact or ticket, and their values differ.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from bench.plan import BenchFailed, Run
from events.envelope import Envelope, Source
from events.rows import ContactRow, Membership
from mappings.moment import CONTACT, TICKET, TICKET_STATE_CHANGED, Moment
from mappings.rules import RuleSet, load, map_moment
from mappings.tickets import ticket_view
from streams.stages.contact_row import take_profile, take_ticket

#: Attributes of the element that comes of an event; or the contact's or ticket's own beside the others.
ATTRIBUTES = 30
#: Different moments, which come round and round.
DISTINCT = 500

_AT_S = 1_768_018_294
_AT_MS = _AT_S * 1000
_COMPANY = {
    "id": "c" * 24,
    "company_id": "brook",
    "name": "Brook Ltd",
    "plan": {"type": "plan", "id": "3", "name": "Gold"},
    "size": 40,
    "industry": "Logistics",
    "website": "https://brook.example",
    "monthly_spend": 99.5,
    "custom_attributes": {},
}


def work(run: Run) -> dict[str, dict[str, float]]:
    """Measure every case once: by its name, the time that ``run.messages`` events took."""
    rules = load()
    return {name: _measured(rules, case(rules), run.messages) for name, case in CASES.items()}


def _measured(rules: RuleSet, moments: Sequence[Moment], events: int) -> dict[str, float]:
    report: Counter[str] = Counter()
    made = sum(len(map_moment(rules, moment, report)) for moment in moments)  # and fills the caches
    if made != len(moments):
        raise BenchFailed(f"mapping: {made} elements of {len(moments)} events, expected one each")
    wall, cpu, elements = time.perf_counter(), time.process_time(), 0
    for number in range(events):
        elements += len(map_moment(rules, moments[number % DISTINCT], report))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if elements != events:
        raise BenchFailed(f"mapping: {elements} elements of {events} events, expected one each")
    return {"wall_s": wall, "cpu_s": cpu}


def _of_size(rules: RuleSet, make: Callable[[int, int], Moment]) -> list[Moment]:
    """Moments whose element has ATTRIBUTES, by as many of the contact's or ticket's own as that takes."""
    for own in range(ATTRIBUTES):
        [element] = map_moment(rules, make(0, own))
        if len(getattr(element, "attributes", ())) == ATTRIBUTES:
            return [make(number, own) for number in range(DISTINCT)]
    raise BenchFailed(f"mapping: no element of {ATTRIBUTES} attributes")


def _with_own(make: Callable[[int, int], Moment]) -> list[Moment]:
    return [make(number, ATTRIBUTES) for number in range(DISTINCT)]


def _updated(number: int, own: int) -> Moment:
    """contact.user.updated."""
    return Moment(
        _envelope("contact.user.updated", number),
        frozenset({CONTACT}),
        _row(number, own),
        {"data": {"item": {}}},
        at=_AT_MS,
    )


def _moved(number: int, own: int) -> Moment:
    """ticket.state.updated, of a ticket that moved on from in_progress."""
    row = _row(number, 5)
    before, item = (
        _ticket(number, own, "in_progress", _AT_S),
        _ticket(number, own, "resolved", _AT_S + 60),
    )
    known, view = ticket_view(before), ticket_view(item)
    assert known is not None
    assert view is not None
    take_ticket(row, "ticket.created", known)
    news = take_ticket(row, "ticket.state.updated", view)
    return Moment(
        _envelope("ticket.state.updated", number),
        frozenset({TICKET, TICKET_STATE_CHANGED}),
        row,
        {"data": {"item": item}},
        ticket=view,
        previous=news.previous,
        at=news.at,
    )


CASES: dict[str, Callable[[RuleSet], list[Moment]]] = {
    "contact update, 30 attributes": lambda rules: _of_size(rules, _updated),
    "contact update, 30 of its own": lambda rules: _with_own(_updated),
    "ticket state change, 30 attributes": lambda rules: _of_size(rules, _moved),
    "ticket state change, 30 of its own": lambda rules: _with_own(_moved),
}


def _envelope(topic: str, number: int) -> Envelope:
    return Envelope(
        source=Source.WEBHOOK,
        topic=topic,
        event_id=f"notif_{number:032x}",
        workspace="bench",
        config="default",
        received_at=_AT_MS + 90_000 + number,
        occurred_at=_AT_MS + 60_000,
        payload=b"",
    )


def _row(number: int, own: int) -> ContactRow:
    row = ContactRow(f"{number:024x}", companies={_COMPANY["id"]: Membership(1, True, _COMPANY, 1)})
    contact = {
        "type": "contact",
        "id": row.contact_id,
        "external_id": f"customer-{number:06d}",
        "role": "user",
        "email": f"person{number}@example.com",
        "phone": f"+49170{number:07d}",
        "name": f"Given{number} Family{number}",
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": False,
        "created_at": "2026-01-10T04:11:34.000+00:00",
        "updated_at": _AT_S,
        "last_seen_at": _AT_S - number,
        "browser_language": "en",
        "location": {"type": "location", "country": "Germany", "region": None, "city": "Bremen"},
        "custom_attributes": _own(number, own),
        "tags": {"type": "list", "data": [], "total_count": 0, "has_more": False},
    }
    take_profile(row, contact, _AT_MS)
    return row


def _ticket(number: int, own: int, state: str, at: int) -> dict[str, Any]:
    label = state.replace("_", " ").capitalize()
    return {
        "type": "ticket",
        "id": f"{number:015d}",
        "ticket_id": str(number),
        "category": "Customer",
        "ticket_attributes": {
            "_default_title_": "The export stops half-way",
            "_default_description_": "It begins, then nothing happens any more.",
            **_own(number, own),
        },
        "ticket_state": {
            "id": state,
            "category": state,
            "internal_label": label,
            "external_label": label,
        },
        "ticket_type": {"type": "ticket_type", "id": "12", "name": "Bug"},
        "admin_assignee_id": "0",
        "team_assignee_id": "811",
        "created_at": _AT_S - 86_400,
        "updated_at": at,
        "open": state != "resolved",
    }


def _own(number: int, count: int) -> dict[str, Any]:
    """Custom attributes: a text, a number, a flag and a time by turns."""
    values = f"Text number {number}", number * 7, number % 2 == 0, "2026-01-10T04:11:34.000Z"
    return {f"Own attribute {place}": values[place % len(values)] for place in range(count)}
