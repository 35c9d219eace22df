"""The messages that rows send each other: the two of the join of contacts and companies, and a merge's.

A contact tells a company of a membership that began or ended (on intercom.companies); the company
answers, and tells every member when it changes, with a snapshot of itself (on intercom.contacts). A
contact that was merged into another tells that one under which customer id it was known.
All travel in the envelope of the event that caused them, with a header that says what they are, and
marked as replayed where that event was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from events.codec import decode_object, encode
from events.envelope import Envelope
from events.errors import InvalidRecord
from events.replays import Replayed

KIND_HEADER = "kind"

MessageKind = Literal["event", "membership", "snapshot", "merged"]

_KINDS: Mapping[bytes, MessageKind] = {
    b"membership": "membership",
    b"snapshot": "snapshot",
    b"merged": "merged",
}


def kind_of_record(headers: Iterable[tuple[str, bytes]]) -> MessageKind:
    """What a record on intercom.contacts or intercom.companies is; without the header, an event."""
    for name, value in headers:
        if name == KIND_HEADER:
            try:
                return _KINDS[value]
            except KeyError:
                raise InvalidRecord(f"header 'kind': unknown value {value!r}") from None
    return "event"


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """A contact became (``member``) or ceased to be a member of a company, at ``at`` ms."""

    contact_id: str
    member: bool
    at: int

    def record(
        self, cause: Envelope, replayed: Replayed | None = None
    ) -> tuple[bytes, list[tuple[str, bytes]]]:
        """Value and headers of the record."""
        value = encode({"contact_id": self.contact_id, "member": self.member, "at": self.at})
        return value, [*cause.headers(), (KIND_HEADER, b"membership"), *_mark(replayed)]

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> MembershipChange:
        """Read it back. Raises InvalidJson, InvalidPayload, InvalidRecord."""
        fields = decode_object(envelope.payload)
        contact_id, member, at = fields.get("contact_id"), fields.get("member"), fields.get("at")
        if not isinstance(contact_id, str) or not isinstance(member, bool) or not isinstance(at, int):
            raise InvalidRecord("membership: expected contact_id, member and at")
        return cls(contact_id, member, at)


@dataclass(frozen=True, slots=True)
class CompanySnapshot:
    """A company as of ``at`` ms, for one member. ``profile`` is None once the company is deleted."""

    company_id: str
    profile: Mapping[str, Any] | None
    at: int

    def payload(self) -> bytes:
        """The record's value; equal for every member, so encoded once."""
        return encode({"company_id": self.company_id, "profile": self.profile, "at": self.at})

    @staticmethod
    def headers(cause: Envelope, replayed: Replayed | None = None) -> list[tuple[str, bytes]]:
        """The record's headers."""
        return [*cause.headers(), (KIND_HEADER, b"snapshot"), *_mark(replayed)]

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> CompanySnapshot:
        """Read it back. Raises InvalidJson, InvalidPayload, InvalidRecord."""
        fields = decode_object(envelope.payload)
        company_id, profile, at = fields.get("company_id"), fields.get("profile"), fields.get("at")
        if (
            not isinstance(company_id, str)
            or not (profile is None or isinstance(profile, dict))
            or not isinstance(at, int)
        ):
            raise InvalidRecord("snapshot: expected company_id, profile and at")
        return cls(company_id, profile, at)


@dataclass(frozen=True, slots=True)
class MergedContact:
    """A contact that MoEngage knows under ``customer_id`` was merged into the one that is told."""

    customer_id: str

    def record(self, cause: Envelope) -> tuple[bytes, list[tuple[str, bytes]]]:
        """Value and headers of the record."""
        return encode({"customer_id": self.customer_id}), [*cause.headers(), (KIND_HEADER, b"merged")]

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> MergedContact:
        """Read it back. Raises InvalidJson, InvalidPayload, InvalidRecord."""
        customer_id = decode_object(envelope.payload).get("customer_id")
        if not isinstance(customer_id, str) or not customer_id:
            raise InvalidRecord("merged: expected customer_id")
        return cls(customer_id)


def carrying(envelope: Envelope, payload: bytes) -> Envelope:
    """The same event with another payload."""
    return replace(envelope, payload=payload)


def _mark(replayed: Replayed | None) -> list[tuple[str, bytes]]:
    return [] if replayed is None else replayed.headers()
