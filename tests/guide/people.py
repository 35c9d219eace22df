"""The people of the guide's tests: nobody appears in two of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from bridge import PARTITIONS
from intercom_says import iso
from payloads import BEGAN

from events.keys import partition_for

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """A contact at Intercom and the user that MoEngage knows it as."""

    contact_id: str
    customer_id: str
    email: str

    def contact(self, *, at: int = 0, companies: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
        """The contact as webhooks carry it; ``at`` is in seconds after BEGAN."""
        return {
            "type": "contact",
            "id": self.contact_id,
            "workspace_id": "workspace",
            "external_id": self.customer_id,
            "role": "user",
            "email": self.email,
            "phone": None,
            "name": None,
            "has_hard_bounced": False,
            "marked_email_as_spam": False,
            "unsubscribed_from_emails": False,
            "created_at": iso(0, "000+00:00"),
            "updated_at": iso(at, "000+00:00"),
            "last_seen_at": None,
            "location": {"type": "location", "country": None, "region": None, "city": None},
            "custom_attributes": {},
            "tags": {"type": "list", "data": [], "total_count": 0, "has_more": False},
            "companies": {
                "type": "list",
                "data": [{"type": "company", "id": each} for each in companies],
                "total_count": len(companies),
                "has_more": False,
            },
            **fields,
        }  # fmt: skip

    def at_rest(self, *, companies: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
        """The contact as Intercom's sandbox is to know it; ``companies`` were seeded before."""
        known = {"id": self.contact_id, "external_id": self.customer_id, "email": self.email}
        return {
            **known,
            "created_at": BEGAN,
            "updated_at": BEGAN,
            "company_ids": list(companies),
            **fields,
        }

    def neighbour(self) -> Person:
        """Somebody else whose events take the same way, record behind record, to MoEngage and there."""

        def way(person: Person) -> list[int]:
            keys = (person.contact_id, person.customer_id)
            return [partition_for(key.encode(), PARTITIONS) for key in keys]

        return next(person for person in iter(new_person, self) if way(person) == way(self))

    def reference(self) -> dict[str, Any]:
        """What a ticket or a conversation says of it."""
        return {"type": "contact", "id": self.contact_id, "external_id": self.customer_id}


def new_person() -> Person:
    """Somebody nobody has met."""
    number = next(_NUMBERS)
    return Person(
        f"guide-contact-{number:04d}", f"guide-user-{number:04d}", f"guide{number:04d}@example.com"
    )
