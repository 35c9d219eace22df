"""The day: what Intercom sends, in the order in which it arrives. Pure.

Most of it is ordinary. The rest is what really happens to webhooks: the same notification twice, an
older one after a newer one, a state that did not change, one click told three times.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import Literal

from events.codec import encode
from ingest.app import PARTNER, WEBHOOKS
from moebridge.demo import payloads
from moebridge.demo.cast import (
    AMARA,
    EXPORT,
    HERON,
    INVOICE,
    JONAS,
    LOGIN,
    LUCA,
    MEI,
    NORTHWIND,
    PRIYA,
    SOFIA,
    Company,
    Person,
    Ticket,
)
from moebridge.demo.payloads import Body

Sender = Literal["webhook", "connector", "Series"]
ChapterName = Literal["arrivals", "changes", "rename", "tickets", "leaving"]

#: What becomes of Priya and of Northwind during the day.
PRIYA_NOW = replace(PRIYA, email="priya@example.com")
NORTHWIND_NOW = replace(NORTHWIND, name="Northwind Games", plan="Scale")

_ADDED = {AMARA.id: "09:01", JONAS.id: "09:02", MEI.id: "09:05", PRIYA.id: "09:10", LUCA.id: "09:12"}


@dataclass(frozen=True, slots=True)
class Step:
    """One request to the front door. ``note`` says what is special about it; ``answer`` is its status."""

    clock: str
    sender: Sender
    method: Literal["POST", "PUT"]
    path: str
    what: str
    about: str
    body: bytes
    note: str = ""
    forged: bool = False
    repeats: bool = False

    @property
    def answer(self) -> int:
        """The HTTP status that it has to get."""
        return 401 if self.forged else 200


@dataclass(frozen=True, slots=True)
class Chapter:
    """Steps that are sent one after the other; the next chapter waits until all came through."""

    name: ChapterName
    title: str
    steps: tuple[Step, ...]


def day(midnight: int) -> list[Chapter]:
    """The whole day. ``midnight`` is when it began, in epoch seconds."""
    return [
        Chapter("arrivals", "People and companies arrive", tuple(_arrivals(_Desk(midnight)))),
        Chapter("changes", "Profiles change", tuple(_changes(_Desk(midnight, 100)))),
        Chapter("rename", "A company is renamed", tuple(_rename(_Desk(midnight, 200)))),
        Chapter("tickets", "Tickets move", tuple(_tickets(_Desk(midnight, 300)))),
        Chapter("leaving", "Somebody leaves a company", tuple(_leaving(_Desk(midnight, 400)))),
    ]


@dataclass(slots=True)
class _Desk:
    """Writes steps down; every notification gets an id of its own, the same on every run."""

    midnight: int
    number: int = 0
    steps: list[Step] = field(default_factory=list)

    def at(self, clock: str) -> int:
        """A time of day in epoch seconds."""
        hours, minutes = clock.split(":")
        return self.midnight + int(hours) * 3600 + int(minutes) * 60

    def webhook(
        self, clock: str, topic: str, item: Body, about: str = "", note: str = "", *, sent: str = ""
    ) -> Step:
        """A notification. ``sent``: when it says that it was made, where that is not ``clock``."""
        self.number += 1
        notification_id = f"notif_{uuid.uuid5(uuid.NAMESPACE_URL, f'moebridge-demo-{self.number}')}"
        body = payloads.notification(
            topic,
            item,
            notification_id=None if topic == "ping" else notification_id,
            at=self.at(sent or clock),
        )
        step = Step(clock, "webhook", "POST", WEBHOOKS, topic, about, encode(body), note)
        self.steps.append(step)
        return step

    def again(self, step: Step, clock: str) -> None:
        """The same request once more."""
        note = "sent again"
        self.steps.append(replace(step, clock=clock, note=note, repeats=True))

    def connector(
        self, clock: str, kind: Literal["user", "event"], body: Body, about: str, note: str = ""
    ) -> Step:
        """A data connector's request."""
        what = f"event {body['event_attributes']['event_name']}" if kind == "event" else "user"
        path = f"{PARTNER}/{kind}?configName=default"
        step = Step(clock, "connector", "POST", path, what, about, encode(body), note)
        self.steps.append(step)
        return step

    def person(self, person: Person, updated: str, *companies: Company) -> Body:
        """A contact as of a time of day."""
        created_at = self.at(_ADDED[person.id])
        return payloads.contact(
            person, created_at=created_at, updated_at=self.at(updated), companies=companies
        )

    def company(self, company: Company, updated: str) -> Body:
        """A company as of a time of day."""
        return payloads.company(company, created_at=self.at("09:20"), updated_at=self.at(updated))

    def ticket(self, ticket: Ticket, state: str, updated: str, previous: str | None = None) -> Body:
        """A ticket as of a time of day."""
        return payloads.ticket(
            ticket,
            state=state,
            previous=previous,
            opened_at=self.at(ticket.opened),
            updated_at=self.at(updated),
        )


def _arrivals(desk: _Desk) -> list[Step]:
    desk.webhook("08:55", "ping", payloads.ping(), note="not stored")
    amara = desk.webhook("09:01", "contact.user.created", desk.person(AMARA, "09:01"), AMARA.name)
    desk.webhook("09:02", "contact.user.created", desk.person(JONAS, "09:02"), JONAS.name)
    desk.webhook("09:05", "contact.user.created", desk.person(MEI, "09:05"), MEI.name)
    desk.again(amara, "09:06")
    desk.webhook("09:10", "contact.user.created", desk.person(PRIYA, "09:10"), PRIYA.name)
    desk.webhook("09:12", "contact.lead.created", desk.person(LUCA, "09:12"), LUCA.name)
    sofia = payloads.connector_user(
        SOFIA, created_at=desk.at("09:15"), modified_at=desk.at("09:15"), interested_in="Team plan"
    )
    desk.connector("09:15", "user", sofia, SOFIA.name)
    desk.webhook("09:20", "company.created", desk.company(NORTHWIND, "09:20"), NORTHWIND.name)
    desk.webhook("09:21", "company.created", desk.company(HERON, "09:20"), HERON.name)
    members = ((AMARA, NORTHWIND), (JONAS, NORTHWIND), (MEI, NORTHWIND), (PRIYA, HERON), (LUCA, HERON))
    for minute, (person, company) in enumerate(members, 22):
        clock = f"09:{minute}"
        item = payloads.membership(desk.company(company, "09:20"), desk.person(person, clock, company))
        attached = desk.webhook(
            clock, "company.contact.attached", item, f"{_first(person)}, {company.name}"
        )
    desk.again(attached, "09:28")
    forged = desk.webhook("09:30", "contact.user.created", desk.person(JONAS, "09:30"), JONAS.name)
    desk.steps[-1] = replace(forged, forged=True, note="forged signature")
    return desk.steps


def _changes(desk: _Desk) -> list[Step]:
    now = desk.person(PRIYA_NOW, "10:00", HERON)
    desk.webhook("10:00", "contact.email.updated", now, PRIYA.name, "e-mail changed")
    desk.webhook("10:00", "contact.user.updated", now, PRIYA.name, "told again")
    desk.webhook(
        "10:05", "contact.user.updated", desk.person(PRIYA, "09:40", HERON), PRIYA.name,
        "late, old e-mail", sent="09:40",
    )  # fmt: skip
    more_seats = replace(AMARA, custom_attributes={"Seats": 15})
    seats = desk.webhook(
        "10:10", "contact.user.updated", desk.person(more_seats, "10:10", NORTHWIND), AMARA.name
    )
    desk.again(seats, "10:11")
    reminder = payloads.connector_event(LUCA, "trial_reminder", modified_at=desk.at("10:20"), days_left=3)
    desk.connector("10:20", "event", reminder, LUCA.name)
    desk.steps[-1] = replace(desk.steps[-1], sender="Series", method="PUT")
    booked = payloads.connector_event(SOFIA, "demo_booked", modified_at=desk.at("10:30"), slot="Friday")
    desk.again(desk.connector("10:30", "event", booked, SOFIA.name), "10:30")
    return desk.steps


def _rename(desk: _Desk) -> list[Step]:
    desk.webhook(
        "10:40", "company.updated", desk.company(NORTHWIND_NOW, "10:40"), NORTHWIND_NOW.name,
        "renamed",
    )  # fmt: skip
    desk.webhook(
        "10:42", "company.updated", desk.company(NORTHWIND, "09:50"), NORTHWIND.name,
        "late, old name", sent="09:50",
    )  # fmt: skip
    return desk.steps


def _tickets(desk: _Desk) -> list[Step]:
    def move(
        clock: str, ticket: Ticket, previous: str, state: str, note: str = "",
        topic: str = "ticket.state.updated",
    ) -> Step:  # fmt: skip
        item = desk.ticket(ticket, state, clock, previous)
        return desk.webhook(clock, topic, item, f"#{ticket.number}, {ticket.person.name}", note)

    def created(clock: str, ticket: Ticket, note: str = "") -> Step:
        item = desk.ticket(ticket, "submitted", ticket.opened)
        about = f"#{ticket.number}, {ticket.person.name}"
        return desk.webhook(clock, "ticket.created", item, about, note, sent=ticket.opened)

    created("11:00", EXPORT)
    move("11:01", EXPORT, "submitted", "submitted", "no change")
    started = move("11:30", EXPORT, "submitted", "in_progress")
    move("12:00", EXPORT, "in_progress", "waiting_on_customer")
    desk.again(started, "12:01")
    move("11:25", INVOICE, "submitted", "in_progress", "ahead of creation")
    created("12:05", INVOICE, "late")
    created("13:00", LOGIN)
    move("13:40", LOGIN, "submitted", "resolved")
    move("13:40", LOGIN, "submitted", "resolved", "the same click", "ticket.resolved")
    move("13:40", LOGIN, "submitted", "resolved", "the same click", "ticket.closed")
    resolved = move("14:00", EXPORT, "waiting_on_customer", "resolved")
    desk.again(resolved, "14:01")
    move("15:00", EXPORT, "resolved", "in_progress", "reopened")
    late = desk.ticket(EXPORT, "waiting_on_customer", "12:30", "in_progress")
    about = f"#{EXPORT.number}, {AMARA.name}"
    desk.webhook("15:10", "ticket.state.updated", late, about, "late", sent="12:30")
    return desk.steps


def _leaving(desk: _Desk) -> list[Step]:
    # The detached contact still lists the company, as Intercom's own notifications do.
    item = payloads.membership(
        desk.company(NORTHWIND_NOW, "10:40"), desk.person(MEI, "17:00", NORTHWIND_NOW)
    )
    desk.webhook("17:00", "company.contact.detached", item, f"{_first(MEI)}, {NORTHWIND_NOW.name}")
    desk.webhook(
        "17:05", "survey.answered", {"type": "survey", "id": "42"}, "",
        "unknown topic",
    )  # fmt: skip
    return desk.steps


def _first(person: Person) -> str:
    return person.name.partition(" ")[0]
