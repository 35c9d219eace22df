"""What a replay comes to, in numbers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from events.elements import Delivery
from events.receipts import Outcome
from streams.chunks import Place
from streams.publishing import Outgoing

#: Why an element, or a record, is not replayed though it was asked for.
LeftOut = Literal[
    "delivered",
    "refused",
    "parked",
    "pending",
    "overtaken",
    "repeated",
    "merges_and_deletes",
    "unreadable",
]

#: What a receipt settles, where only what is missing is wanted.
SETTLED: Mapping[Outcome | None, LeftOut] = {
    "taken": "delivered",
    "refused": "refused",
    "parked": "parked",
}


class Judged(NamedTuple):
    """What becomes of one record of the source.

    ``what`` is Intercom's topic, of a delivery its kind; "" for a record that was not asked for.
    ``outgoing`` is published for it, ``deliveries`` are what goes to MoEngage by that; ``already`` counts
    those that MoEngage has taken before, ``contacts`` are those whose elements they are.
    """

    place: Place
    offset: int
    what: str = ""
    outgoing: tuple[Outgoing, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    already: int = 0
    left_out: tuple[LeftOut, ...] = ()
    contacts: Collection[str] = ()


@dataclass(slots=True)
class Totals:
    """Counts of one replay.

    ``records`` were read, ``matched`` of them were asked for, ``chosen`` of these are published;
    ``by_topic`` counts the chosen by Intercom's topic, deliveries by kind. ``users`` and ``events`` (by
    name) are elements that go to MoEngage, ``already`` those of them that it has taken before.
    ``left_out`` counts by reason what is not replayed. ``bytes`` are published. ``examples`` are the
    first few elements; they are personal data, and no part of the document.
    """

    records: int = 0
    matched: int = 0
    chosen: int = 0
    by_topic: Counter[str] = field(default_factory=Counter)
    users: int = 0
    events: Counter[str] = field(default_factory=Counter)
    already: int = 0
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    bytes: int = 0
    examples: list[Delivery] = field(default_factory=list, repr=False)
    examples_wanted: int = 0
    _contacts: set[str] = field(default_factory=set, repr=False)

    @property
    def elements(self) -> int:
        """Users and events."""
        return self.users + self.events.total()

    @property
    def contacts(self) -> int:
        """How many have something delivered."""
        return len(self._contacts)

    def take(self, judged: Judged) -> None:
        """Count one more record."""
        self.records += 1
        self.matched += bool(judged.what)
        self.left_out.update(judged.left_out)
        if not judged.outgoing:
            return
        self.chosen += 1
        self.by_topic[judged.what] += 1
        self.already += judged.already
        self._contacts.update(judged.contacts)
        for delivery in judged.deliveries:
            if delivery.kind == "user":
                self.users += 1
            elif delivery.kind == "event":
                self.events[delivery.name] += 1
            if len(self.examples) < self.examples_wanted:
                self.examples.append(delivery)
        self.bytes += sum(map(_bytes, judged.outgoing))

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "records": self.records,
            "matched": self.matched,
            "chosen": self.chosen,
            "by_topic": dict(sorted(self.by_topic.items())),
            "users": self.users,
            "events": dict(sorted(self.events.items())),
            "elements": self.elements,
            "already_delivered": self.already,
            "left_out": dict(sorted(self.left_out.items())),
            "contacts": self.contacts,
            "bytes": self.bytes,
        }


def _bytes(record: Outgoing) -> int:
    headers = sum(len(name) + len(value) for name, value in record.headers)
    return len(record.key) + len(record.value or b"") + headers
