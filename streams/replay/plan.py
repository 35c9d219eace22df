"""What a replay comes to, in numbers. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Totals:
    """Counts of one replay.

    ``records`` were read, ``chosen`` of them are published; ``by_topic`` counts the chosen by Intercom's
    topic, of deliveries by kind. ``users`` and ``events`` (by name) are elements that go to MoEngage,
    ``already`` those of them that it has taken before. Left out are elements that MoEngage took
    (``left_taken``) or refused (``left_refused``) where only missing ones are wanted, users that newer
    ones have overtaken (``overtaken``), merges and deletes (``not_replayed``), and records that cannot be
    read (``unreadable``). ``contacts`` are touched; ``bytes`` are published.
    """

    records: int = 0
    chosen: int = 0
    by_topic: Counter[str] = field(default_factory=Counter)
    users: int = 0
    events: Counter[str] = field(default_factory=Counter)
    already: int = 0
    left_taken: int = 0
    left_refused: int = 0
    overtaken: int = 0
    not_replayed: int = 0
    unreadable: int = 0
    contacts: int = 0
    bytes: int = 0

    @property
    def elements(self) -> int:
        """Users and events."""
        return self.users + self.events.total()

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "records": self.records,
            "chosen": self.chosen,
            "by_topic": dict(sorted(self.by_topic.items())),
            "users": self.users,
            "events": dict(sorted(self.events.items())),
            "elements": self.elements,
            "already_delivered": self.already,
            "left_out": {
                "delivered": self.left_taken,
                "refused": self.left_refused,
                "overtaken": self.overtaken,
                "merges_and_deletes": self.not_replayed,
                "unreadable": self.unreadable,
            },
            "contacts": self.contacts,
            "bytes": self.bytes,
        }
