"""The envelope: one event as it travels on intercom.events, intercom.contacts, intercom.companies.

The record's value is the body as received, byte for byte; everything that moebridge knows about it
travels in the record's headers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from events.codec import canonical
from events.errors import InvalidPayload, InvalidRecord
from events.times import parse_ms

Headers = Sequence[tuple[str, bytes]]

PING_TOPIC = "ping"

#: Topics of the bodies that come without one, by the last part of the partner path.
PARTNER_TOPICS = {
    "user": "partner.user",
    "users": "partner.user",
    "event": "partner.event",
    "events": "partner.event",
}

#: Event ids that begin so are digests of the body, not ids of Intercom's (events.rows: DIGEST_AGE).
DIGEST_PREFIX = "sha256:"

_ENVELOPE_VERSION = b"1"


class Source(StrEnum):
    """Who produced an event."""

    WEBHOOK = "webhook"  # an app's webhook: signed, enveloped
    PARTNER = "partner"  # a data connector or a Series webhook: Basic auth, any JSON object


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event. Times are milliseconds since the epoch."""

    source: Source
    topic: str
    event_id: str
    workspace: str
    config: str
    received_at: int
    occurred_at: int
    payload: bytes = field(repr=False)

    def headers(self) -> list[tuple[str, bytes]]:
        """The record's headers; with the payload as its value they are the whole envelope."""
        return [
            ("v", _ENVELOPE_VERSION),
            ("source", self.source.encode()),
            ("topic", self.topic.encode()),
            ("event_id", self.event_id.encode()),
            ("workspace", self.workspace.encode()),
            ("config", self.config.encode()),
            ("received_at", b"%d" % self.received_at),
            ("occurred_at", b"%d" % self.occurred_at),
        ]

    @classmethod
    def from_record(cls, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> Envelope:
        """Read an envelope back. Raises InvalidRecord naming the header that is missing or wrong."""
        fields = dict(headers)
        if value is None:
            raise InvalidRecord("value: expected the payload, got a tombstone")
        try:
            return cls(
                source=_SOURCES[fields["source"]],
                topic=fields["topic"].decode(),
                event_id=fields["event_id"].decode(),
                workspace=fields["workspace"].decode(),
                config=fields["config"].decode(),
                received_at=int(fields["received_at"]),
                occurred_at=int(fields["occurred_at"]),
                payload=value,
            )
        except (KeyError, AttributeError, TypeError, ValueError):
            raise InvalidRecord(_what_is_wrong(fields)) from None


def _what_is_wrong(fields: Mapping[str, bytes | None]) -> str:
    """Which header it is; a header may come without a value."""
    for name, read in _READ.items():
        value = fields.get(name)
        if value is None:
            return f"header {name!r}: missing"
        try:
            read(value)
        except (KeyError, ValueError):
            return f"header {name!r}: cannot be read"
    return "headers: cannot be read"


_SOURCES = {source.encode(): source for source in Source}
_READ: Mapping[str, Callable[[bytes], object]] = {
    "source": _SOURCES.__getitem__,
    "topic": bytes.decode,
    "event_id": bytes.decode,
    "workspace": bytes.decode,
    "config": bytes.decode,
    "received_at": int,
    "occurred_at": int,
}


def webhook_envelope(body: bytes, document: dict[str, Any], *, config: str, received_at: int) -> Envelope:
    """The envelope of a webhook notification. ``document`` is ``body`` decoded.

    Raises InvalidPayload where the notification has no topic or no data.item object.
    """
    topic = document.get("topic")
    if not isinstance(topic, str) or not topic or len(topic) > 200:
        raise InvalidPayload("topic", "expected a topic such as contact.user.created")
    data = document.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("item"), dict):
        raise InvalidPayload("data.item", "expected an object")
    notification_id = document.get("id")
    workspace = document.get("app_id")
    return Envelope(
        source=Source.WEBHOOK,
        topic=topic,
        event_id=notification_id
        if isinstance(notification_id, str) and notification_id
        else digest_id(document),
        workspace=workspace if isinstance(workspace, str) else "",
        config=config,
        received_at=received_at,
        occurred_at=_not_after(parse_ms(document.get("created_at")), received_at),
        payload=body,
    )


def partner_envelope(
    body: bytes,
    document: dict[str, Any],
    *,
    kind: str,
    workspace: str,
    config: str,
    received_at: int,
) -> Envelope:
    """The envelope of a connector's or a Series webhook's body; ``kind`` is the path's last part.

    Such a body has no id of its own: the event id is a digest of topic, configuration and canonical
    body. Its time is ``modified_at`` or ``updated_at`` where it has one.
    """
    topic = PARTNER_TOPICS[kind]
    moment = parse_ms(document.get("modified_at")) or parse_ms(document.get("updated_at"))
    return Envelope(
        source=Source.PARTNER,
        topic=topic,
        event_id=digest_id([topic, config, document]),
        workspace=workspace,
        config=config,
        received_at=received_at,
        occurred_at=_not_after(moment, received_at),
        payload=body,
    )


def digest_id(value: Any) -> str:
    """A deterministic id: SHA-256 of the canonical JSON, behind ``sha256:``."""
    return DIGEST_PREFIX + hashlib.sha256(canonical(value)).hexdigest()


def _not_after(moment: int | None, received_at: int) -> int:
    return received_at if moment is None or moment > received_at else moment
