"""The people, companies and tickets of the demonstration. All of them are made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Person:
    """A contact. ``external_id`` is the customer's own id for a user, Intercom's for a lead."""

    id: str
    external_id: str
    name: str
    email: str
    role: str = "user"
    phone: str | None = None
    country: str | None = None
    custom_attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Company:
    """A company; ``company_id`` is the customer's own id."""

    id: str
    company_id: str
    name: str
    plan: str
    industry: str
    size: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket of one contact; ``opened`` is the time of day, ``number`` what people see."""

    id: str
    number: str
    title: str
    type_name: str
    person: Person
    opened: str
    attributes: Mapping[str, object] = field(default_factory=dict)


AMARA = Person(
    "68a0c1d2e3f4a5b6c7d80001", "u-1001", "Amara Okafor", "amara@example.com",
    phone="+234 803 555 0101", country="Nigeria", custom_attributes={"Seats": 12},
)  # fmt: skip
JONAS = Person(
    "68a0c1d2e3f4a5b6c7d80002", "u-1002", "Jonas Weber", "jonas@example.com", country="Germany"
)
MEI = Person("68a0c1d2e3f4a5b6c7d80003", "u-1003", "Mei Tanaka", "mei@example.com", country="Japan")
PRIYA = Person(
    "68a0c1d2e3f4a5b6c7d80004", "u-1004", "Priya Raman", "priya@old.example.com", country="India"
)
LUCA = Person(
    "68a0c1d2e3f4a5b6c7d80005", "2f6d1b1e-5a0c-4f5e-9a54-0d7c3b1e8a05", "Luca Moretti",
    "luca@example.com", role="lead", country="Italy",
)  # fmt: skip
SOFIA = Person(
    "68a0c1d2e3f4a5b6c7d80006", "u-1006", "Sofia Lindgren", "sofia@example.com",
    phone="+46 70 555 01 06",
)  # fmt: skip

NORTHWIND = Company(
    "68a0c1d2e3f4a5b6c7d8c001", "northwind", "Northwind Studio", "Growth", "Animation", 40
)
HERON = Company("68a0c1d2e3f4a5b6c7d8c002", "blue-heron", "Blue Heron Labs", "Starter", "Biotech", 11)

EXPORT = Ticket(
    "215472629400001", "4711", "Export fails", "Bug", AMARA, "11:00",
    {"Affected area": "Reports", "Severity": 2},
)  # fmt: skip
INVOICE = Ticket("215472629400002", "4712", "Old address on invoice", "Billing", PRIYA, "11:20")
LOGIN = Ticket("215472629400003", "4713", "No log-in on tablet", "Question", LUCA, "13:00")

#: Staff and what staff write, which must never reach MoEngage.
STAFF_NAME, STAFF_EMAIL = "Robin Ashworth", "robin.ashworth@support.example.com"
STAFF_WORDS = "We are looking into your export."
