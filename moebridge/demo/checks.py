"""What must be true at the end of the day, and whether it is. Pure: judges what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from events.codec import encode
from moebridge.demo.cast import (
    AMARA,
    EXPORT,
    INVOICE,
    JONAS,
    LOGIN,
    LUCA,
    MEI,
    NORTHWIND,
    PRIYA,
    SOFIA,
    STAFF_EMAIL,
    STAFF_NAME,
    STAFF_WORDS,
    Person,
    Ticket,
)
from moebridge.demo.front_door import Sent
from moebridge.demo.story import NORTHWIND_NOW, PRIYA_NOW, ChapterName

Users = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Found:
    """What the day came to. ``users``: MoEngage's by customer id, after each chapter.

    ``events`` and ``stats`` are the sandbox's at the end, ``outcomes`` the worker's own counts.
    """

    sent: Sequence[Sent]
    users: Mapping[ChapterName, Users]
    events: Sequence[Mapping[str, Any]]
    stats: Mapping[str, Any]
    outcomes: Mapping[str, int]
    dead_letters: int

    @property
    def at_the_end(self) -> Users:
        """The users when the day is over."""
        return self.users["leaving"]

    def events_of(self, customer_id: str) -> list[Mapping[str, Any]]:
        """A user's events by the time at which they happened, as MoEngage shows them."""
        own = [event for event in self.events if event["customer_id"] == customer_id]
        return sorted(own, key=lambda event: (event["occurred_at"], event["sequence"]))

    def moves_of(self, ticket: Ticket) -> list[tuple[str | None, str]]:
        """The moves of a ticket's state that MoEngage was told, from and to, in order."""
        return [
            (event["attributes"].get("state_from"), event["attributes"]["state_to"])
            for event in self.events_of(ticket.person.external_id)
            if event["action"] == "ticket_state_changed" and event["attributes"]["ticket_id"] == ticket.id
        ]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true. ``found`` says what was there instead."""

    text: str
    holds: bool
    found: str = ""


EXPORT_MOVES = [
    ("submitted", "in_progress"),
    ("in_progress", "waiting_on_customer"),
    ("waiting_on_customer", "resolved"),
    ("resolved", "in_progress"),
]


def checks(found: Found) -> list[Check]:
    """All of them, in the order of the day."""
    return [*_front_door(found), *_people(found), *_company(found), *_tickets(found), *_whole(found)]


def _front_door(found: Found) -> Iterator[Check]:
    statuses = Counter(one.status for one in found.sent)
    genuine = sum(not one.step.forged for one in found.sent)
    wrong = [one for one in found.sent if one.status != one.step.answer]
    yield Check(
        f"The front door took all {genuine} genuine requests and refused the forged one",
        not wrong,
        f"answers {dict(statuses)}",
    )
    repeated = sum(one.step.repeats for one in found.sent)
    yield _equal(f"{repeated} repeated requests were suppressed", found.outcomes["duplicates"], repeated)


def _people(found: Found) -> Iterator[Check]:
    people = (AMARA, JONAS, MEI, PRIYA, LUCA, SOFIA)
    yield _equal(
        f"The {len(people)} contacts are {len(people)} MoEngage users, under their own ids",
        sorted(found.at_the_end),
        sorted(person.external_id for person in people),
    )
    yield _equal(
        "Every user has the right name",
        {customer_id: name_of(user) for customer_id, user in found.at_the_end.items()},
        {person.external_id: person.name for person in people},
    )
    yield _equal(
        "The older update of Priya, coming late, did not bring her old e-mail back",
        _attributes(found, PRIYA).get("u_em"),
        PRIYA_NOW.email,
    )
    yield _equal(
        "One change told by two notifications was one update of Priya",
        _updates(found, "arrivals", "changes").get(PRIYA.external_id),
        1,
    )
    yield _equal(
        "A data connector's user and event and a Series' event came through, the repeated one once",
        [*_names(found, SOFIA), *_names(found, LUCA)[:1]],
        ["demo_booked", "trial_reminder"],
    )


def _company(found: Found) -> Iterator[Check]:
    members = (AMARA, JONAS, MEI)
    yield _equal(
        f"{NORTHWIND.name}'s new name reached exactly its {len(members)} members, once each",
        _updates(found, "changes", "rename"),
        {member.external_id: 1 for member in members},
    )
    yield _equal(
        "The older name, coming late, did not come back",
        {
            found.users["rename"].get(member.external_id, {}).get("attributes", {}).get("company_name")
            for member in members
        },
        {NORTHWIND_NOW.name},
    )
    yield _equal(
        "Mei left the company; the others did not",
        {member.name: _attributes(found, member).get("company_count") for member in members},
        {AMARA.name: 1, JONAS.name: 1, MEI.name: 0},
    )


def _tickets(found: Found) -> Iterator[Check]:
    yield _equal(
        f"Ticket #{EXPORT.number} went all its ways in order, to resolved and open again",
        found.moves_of(EXPORT),
        EXPORT_MOVES,
    )
    unmoved = [
        event
        for event in found.events
        if event["action"] == "ticket_state_changed"
        and event["attributes"].get("state_from") == event["attributes"]["state_to"]
    ]
    yield Check("A state that did not change fired nothing", not unmoved, f"{len(unmoved)} events")
    yield _equal(
        f"Ticket #{INVOICE.number} moved before it was created: both are there, once",
        Counter(_names(found, PRIYA)),
        Counter(["ticket_created", "ticket_state_changed"]),
    )
    yield _equal(
        f"One click told by three notifications (#{LOGIN.number}) is one event",
        found.moves_of(LOGIN),
        [("submitted", "resolved")],
    )
    amaras = [e for e in found.events_of(AMARA.external_id) if e["action"].startswith("ticket_")]
    yield _equal(
        "Ticket events carry the company, by its new name",
        {event["attributes"].get("company_name") for event in amaras},
        {NORTHWIND_NOW.name},
    )


def _whole(found: Found) -> Iterator[Check]:
    bare = [e["action"] for e in found.events if not e["attributes"].get("intercom_event_id")]
    yield Check(
        f"All {len(found.events)} events carry intercom_event_id",
        bool(found.events) and not bare,
        str(bare),
    )
    yield _equal("No event arrived twice", found.stats["duplicate_events"], 0)
    everything = encode([list(found.events), dict(found.at_the_end)]).decode()
    leaked = [text for text in (STAFF_NAME, STAFF_EMAIL, STAFF_WORDS) if text in everything]
    yield Check("Nothing of staff, nor what they wrote, reached MoEngage", not leaked, str(leaked))
    yield _equal(
        "MoEngage refused nothing and dropped nothing silently",
        (found.stats["refused"], found.stats["dropped"]),
        ({}, {}),
    )
    yield _equal("Nothing was dead-lettered", found.dead_letters, 0)


def _equal(text: str, found: object, expected: object) -> Check:
    return Check(text, found == expected, f"expected {expected}, found {found}")


def _updates(found: Found, before: ChapterName, after: ChapterName) -> dict[str, int]:
    """How often each user was updated between the ends of two chapters; those that were not, left out."""
    earlier, later = found.users[before], found.users[after]
    counts = {
        customer_id: user["updates"] - earlier.get(customer_id, {"updates": 0})["updates"]
        for customer_id, user in later.items()
    }
    return {customer_id: count for customer_id, count in counts.items() if count}


def _attributes(found: Found, person: Person) -> Mapping[str, Any]:
    attributes: Mapping[str, Any] = found.at_the_end.get(person.external_id, {}).get("attributes", {})
    return attributes


def _names(found: Found, person: Person) -> list[str]:
    return [event["action"] for event in found.events_of(person.external_id)]


def name_of(user: Mapping[str, Any]) -> str:
    """A user's name, from whichever of MoEngage's attributes has it."""
    attributes = user["attributes"]
    return str(attributes.get("u_n") or f"{attributes.get('u_fn')} {attributes.get('u_ln')}")
