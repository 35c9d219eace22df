"""What is made of Intercom's events and what moengage.deliveries carries: one element a record.

Users and events go to MoEngage in bulk requests; a merge and a delete are calls of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from events.errors import InvalidRecord
from events.replays import ID_HEADER, Replayed

Kind = Literal["user", "event", "merge", "delete"]

_KINDS: Mapping[bytes, Kind] = {
    b"user": "user",
    b"event": "event",
    b"merge": "merge",
    b"delete": "delete",
}


@dataclass(frozen=True, slots=True)
class UserElement:
    """Create or update a MoEngage user."""

    kind: ClassVar[Kind] = "user"

    customer_id: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventElement:
    """Something that a MoEngage user did or met. ``occurred_at`` is in milliseconds."""

    kind: ClassVar[Kind] = "event"

    customer_id: str
    name: str
    attributes: Mapping[str, Any]
    occurred_at: int


@dataclass(frozen=True, slots=True)
class MergeElement:
    """Merge the user ``merged_id`` into ``customer_id``, which is kept. MoEngage cannot undo it."""

    kind: ClassVar[Kind] = "merge"

    customer_id: str
    merged_id: str


@dataclass(frozen=True, slots=True)
class DeleteElement:
    """Delete a MoEngage user. After a day MoEngage cannot undo it."""

    kind: ClassVar[Kind] = "delete"

    customer_id: str


Element = UserElement | EventElement | MergeElement | DeleteElement


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record of moengage.deliveries: a rendered element (``body``) and where it comes from.

    ``delivery_id`` is deterministic: the event id and the element's place among those of the event.
    ``customer_id`` is the record's key: whose elements it keeps its place among. With ``then`` the record
    is not sent when its turn comes but put among the elements of that customer id, where it is sent: a
    merge has its place in both (docs/decisions/0011-merges-and-deletes.md). ``config`` names the
    configuration whose MoEngage workspace it goes to; "" is the default one, for records from before
    there were others. ``redrive_run`` names the redrive that brought it back from the dead letters, ""
    for none; ``replayed`` the replay that it comes of, None for none. Times are milliseconds.
    """

    delivery_id: str
    event_id: str
    kind: Kind
    name: str  # the event's name; "" for any other kind
    customer_id: str
    mapping_version: str
    received_at: int
    occurred_at: int
    body: bytes = field(repr=False)
    config: str = ""
    then: str = ""
    redrive_run: str = ""
    replayed: Replayed | None = None

    def headers(self) -> list[tuple[str, bytes]]:
        """Everything but the key (customer id) and the value (body)."""
        headers = [
            ("delivery_id", self.delivery_id.encode()),
            ("event_id", self.event_id.encode()),
            ("kind", self.kind.encode()),
            ("name", self.name.encode()),
            ("mapping_version", self.mapping_version.encode()),
            ("received_at", b"%d" % self.received_at),
            ("occurred_at", b"%d" % self.occurred_at),
            ("config", self.config.encode()),
        ]
        if self.then:
            headers.append(("then", self.then.encode()))
        if self.redrive_run:
            headers.append(("redrive.run", self.redrive_run.encode()))
        if self.replayed is not None:
            headers += replace(self.replayed, only=None).headers()
        return headers

    def onward(self) -> Delivery:
        """The same among the elements of ``then``, to be sent there."""
        return replace(self, customer_id=self.then, then="")

    @classmethod
    def from_record(
        cls, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]
    ) -> Delivery:
        """Read a delivery back. Raises InvalidRecord naming what is missing."""
        fields = dict(headers)
        if not key or not value:
            raise InvalidRecord("a delivery needs a customer id as its key and a body as its value")
        try:
            kind = _KINDS.get(fields["kind"])
            if kind is None:
                expected = ", ".join(_KINDS.values())
                raise InvalidRecord(f"header 'kind': expected one of {expected}, got {fields['kind']!r}")
            return cls(
                delivery_id=fields["delivery_id"].decode(),
                event_id=fields["event_id"].decode(),
                kind=kind,
                name=fields["name"].decode(),
                customer_id=key.decode(),
                mapping_version=fields["mapping_version"].decode(),
                received_at=int(fields["received_at"]),
                occurred_at=int(fields["occurred_at"]),
                body=value,
                config=fields.get("config", b"").decode(),
                then=fields.get("then", b"").decode(),
                redrive_run=fields.get("redrive.run", b"").decode(),
                replayed=Replayed.from_headers(fields.items()) if ID_HEADER in fields else None,
            )
        except KeyError as error:
            raise InvalidRecord(f"header {error.args[0]!r}: missing") from None
        except (AttributeError, TypeError, ValueError) as error:  # a header may come without a value
            kind_of_error = type(error).__name__
            raise InvalidRecord(f"headers: one cannot be read ({kind_of_error})") from None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record of moengage.dead-letters: the record as it was, and why it will never be taken.

    The key and value of the record stay as they were; so do its own headers, which come after ours.
    ``reason``, ``answer_status`` and ``request_id`` are of the last answer, ``first_status`` and
    ``first_message`` of the first of ``attempts``, where MoEngage was asked; status 0: no answer came.
    """

    stage: str
    reason: str
    topic: str
    partition: int
    offset: int
    failed_at: int
    answer_status: int | None = None
    request_id: str = ""
    attempts: int | None = None
    first_status: int | None = None
    first_message: str = ""

    def headers(self, original: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """Ours, each behind ``dead_letter.``, then the record's own."""
        ours = [
            ("dead_letter.stage", self.stage.encode()),
            ("dead_letter.reason", self.reason.encode()),
            ("dead_letter.topic", self.topic.encode()),
            ("dead_letter.partition", b"%d" % self.partition),
            ("dead_letter.offset", b"%d" % self.offset),
            ("dead_letter.failed_at", b"%d" % self.failed_at),
            ("dead_letter.request_id", self.request_id.encode()),
        ]
        for name in ("answer_status", "attempts", "first_status"):
            value: int | None = getattr(self, name)
            if value is not None:
                ours.append((f"dead_letter.{name}", b"%d" % value))
        if self.first_message:
            ours.append(("dead_letter.first_message", self.first_message.encode()))
        return [*ours, *original]
