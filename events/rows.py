"""The rows of the two tables, as they travel on the changelog topics: JSON, one row a key.

Rows are values: a stage reads one, changes its own copy and writes it back whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

#: A contact row remembers this many event ids, and none older than SEEN_AGE_MS.
SEEN_MAX = 64
SEEN_AGE_MS = 24 * 3_600_000
#: Of a replay it remembers more: a replay that was cut off publishes its last records again.
REPLAY_SEEN_MAX = 512
#: A digest id says "the same body", which a connector may well send twice on purpose; it counts as
#: the same event only within this time (docs/decisions/0004-event-ids.md).
DIGEST_AGE_MS = 60_000
#: Tickets that a contact row remembers, the least recently changed going first.
TICKETS_MAX = 100
#: Tags whose names a contact row remembers, and tags that it lists.
TAGS_MAX = 100
#: Companies that a contact row knows of, with what they last sent; further ones are not joined.
COMPANIES_MAX = 300


@dataclass(slots=True)
class Membership:
    """A contact's tie to a company, as the contact's row knows it. Times in milliseconds.

    ``at`` is when it began, or ended; ``confirmed_at`` the latest time for which that was told;
    ``ended_at`` when it ended last, 0 for never. ``snapshot`` is what the company last sent.
    """

    at: int
    member: bool = True
    snapshot: dict[str, Any] | None = None
    snapshot_at: int = 0
    confirmed_at: int = 0
    ended_at: int = 0


@dataclass(slots=True)
class TicketState:
    """A ticket's last known state. ``key`` tells two states apart; times in milliseconds.

    ``at`` is the latest time for which it was told, ``since`` when the ticket came to it, 0 where that is
    not known. ``announced`` is False while the state was only seen in passing (on a topic that is not
    about the state): the notification that reports the change may still be on its way.
    """

    key: str
    category: str
    internal_label: str
    external_label: str
    at: int
    created_sent: bool = False
    reopened: int = 0
    announced: bool = True
    since: int = 0


@dataclass(slots=True)
class ReplayShadow:
    """What one replay has told of a contact so far, judged apart from what live events told.

    ``id`` names the replay, ``at`` is when a record of it came last. ``seen`` and ``tickets`` are to the
    replay what those of the row are to live events; so are ``updated_at``, of the newest profile that was
    told, and ``partner_at``. ``taken_at`` is ``updated_at`` of the profile that the row itself took from
    the replay, 0 for none; ``user`` the digest of the user that was last handed on. Times in ms.
    """

    id: str
    at: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    tickets: dict[str, TicketState] = field(default_factory=dict)
    updated_at: int = 0
    taken_at: int = 0
    partner_at: int = 0
    user: str = ""


@dataclass(slots=True)
class ContactRow:
    """Everything known of one contact. ``profile`` holds Intercom's fields that are not null."""

    contact_id: str
    profile: dict[str, Any] = field(default_factory=dict)
    updated_at: int = 0
    deleted: bool = False
    companies: dict[str, Membership] = field(default_factory=dict)
    tickets: dict[str, TicketState] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    #: Names of tags by their ids, those told last at the end.
    tag_names: dict[str, str] = field(default_factory=dict)
    #: Digest of the user element that was last handed on, with its customer id; "" before the first.
    sent: str = ""
    #: Digest of what MoEngage was told of the user that outlasts the moment; "" where that is not known.
    steady: str = ""
    #: ``modified_at`` of the newest connector body that was taken for this contact, ms.
    partner_at: int = 0
    #: When the newest whole list of companies was told, ms.
    listed_at: int = 0
    #: The MoEngage id that elements were last handed on under, by the identity rule; "" before the first.
    customer_id: str = ""
    #: Whether Intercom made that id up (mappings.merging).
    id_made_up: bool = False
    #: Ids whose users are merged into this contact's as soon as there is one.
    merging: list[str] = field(default_factory=list)
    #: The MoEngage id that this contact's events go to since it was merged into another contact.
    merged_into: str = ""
    #: By the family of its topic, when the newest event came in that told MoEngage something of the user
    #: that only the moment knows, ms.
    moments: dict[str, int] = field(default_factory=dict)
    #: What the latest replay told; None where there was none lately.
    replay: ReplayShadow | None = None

    def encode(self) -> bytes:
        """The row's bytes."""
        return orjson.dumps(self)

    @classmethod
    def decode(cls, raw: bytes) -> ContactRow:
        """The row of these bytes."""
        fields = orjson.loads(raw)
        fields["companies"] = {k: Membership(**v) for k, v in fields["companies"].items()}
        fields["tickets"] = _tickets(fields["tickets"])
        if shadow := fields.get("replay"):
            fields["replay"] = ReplayShadow(**{**shadow, "tickets": _tickets(shadow["tickets"])})
        return cls(**fields)


def _tickets(fields: dict[str, Any]) -> dict[str, TicketState]:
    return {ticket_id: TicketState(**state) for ticket_id, state in fields.items()}


@dataclass(slots=True)
class CompanyRow:
    """A company as last told. Its members stand under keys of their own (``member_key``).

    ``told_at`` holds when each field was last told, in ms: some payloads tell only part of a company,
    and the parts come in any order.
    """

    company_id: str
    profile: dict[str, Any] = field(default_factory=dict)
    updated_at: int = 0
    deleted: bool = False
    told_at: dict[str, int] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The row's bytes."""
        return orjson.dumps(self)

    @classmethod
    def decode(cls, raw: bytes) -> CompanyRow:
        """The row of these bytes."""
        return cls(**orjson.loads(raw))


def company_key(company: str) -> bytes:
    """The key of a company's row in the companies table.

    ``company``, here and below, is the company's id within its configuration (events.keys.scoped).
    """
    return b"c" + company.encode()


def members_prefix(company: str) -> bytes:
    """What the keys of all members of a company begin with, and no other key does.

    The id's length comes before it, so that no id is the beginning of another.
    """
    encoded = company.encode()
    return b"m" + len(encoded).to_bytes(4, "big") + encoded


def company_of_key(key: bytes) -> str:
    """The company that a key of the companies table belongs to, within its configuration."""
    if key[:1] == b"c":
        return key[1:].decode()
    return key[5 : 5 + int.from_bytes(key[1:5], "big")].decode()


def member_key(company: str, contact_id: str) -> bytes:
    """The key of one membership in the companies table."""
    return members_prefix(company) + contact_id.encode()
