"""Events for spools."""

from __future__ import annotations

from events.envelope import Envelope, Source


def event(number: int, key: bytes = b"k", payload: bytes = b"{}") -> tuple[Envelope, bytes]:
    """An event whose id and time tell its number."""
    envelope = Envelope(
        source=Source.WEBHOOK,
        topic="contact.user.updated",
        event_id=f"event-{number}",
        workspace="ws-7",
        config="default",
        received_at=1_800_000_000_000 + number,
        occurred_at=1_800_000_000_000,
        payload=payload,
    )
    return envelope, key


def number_of(envelope: Envelope) -> int:
    return int(envelope.event_id.removeprefix("event-"))
