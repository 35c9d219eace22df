"""An event on its way through the topics, record by record, as the stages write it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from records import Record, contact_updated, ms, record_of

from events.elements import Delivery
from events.receipts import Outcome, Receipt
from events.replays import Replayed
from streams.stages.stage import dead_letter
from streams.tail.filters import Filters
from streams.tail.sighting import Sighting
from streams.tail.tail import Tail

NOW = ms(100)


def received(event_id: str, contact: str = "c1") -> Record:
    envelope = contact_updated(contact, at=1, event_id=event_id)
    return record_of(envelope, contact, topic="intercom.events")


def routed(event_id: str, contact: str = "c1", *, replayed: Replayed | None = None) -> Record:
    envelope = contact_updated(contact, at=1, event_id=event_id)
    headers = [*envelope.headers(), *(replayed.headers() if replayed else [])]
    return Record("intercom.contacts", 0, 0, contact.encode(), envelope.payload, headers)


def delivery(
    event_id: str, customer: str = "user-c1", *, contact: str = "c1", name: str = ""
) -> Delivery:
    return Delivery(
        delivery_id=f"{event_id}/{contact}/{'1' if name else '0'}", event_id=event_id,
        kind="event" if name else "user", name=name, customer_id=customer, mapping_version="m1",
        received_at=ms(2), occurred_at=ms(1), body=b"{}", config="default",
    )  # fmt: skip


def mapped(one: Delivery, *, replayed: Replayed | None = None) -> Record:
    headers = [*one.headers(), *(replayed.headers() if replayed else [])]
    return Record("moengage.deliveries", 0, 0, one.customer_id.encode(), one.body, headers)


def receipt(*ids: str, outcome: Outcome = "taken", at: int = ms(3), config: str = "default") -> Record:
    made = Receipt(outcome, at, config, 200 if outcome == "taken" else 400, "req-1", {"m1": ids})
    return Record("moengage.receipts", 0, 0, b"k", made.value())


def letter(record: Record, stage: str = "deliver", reason: str = "BadRequest: no") -> Record:
    status = 400 if stage == "deliver" and reason != "parked" else None
    out = dead_letter(stage, "", record, reason, ms(3), answer_status=status, request_id="req-1")
    return Record("moengage.dead-letters", 0, 0, out.key, out.value, out.headers)


def seen(filters: Filters, records: Iterable[Any], **bounds: int) -> list[Sighting]:
    """All that a tail with these filters shows of the records."""
    tail = Tail(filters, **bounds)
    return [one for record in records for one in tail.take(record, NOW)]


def told(sightings: Iterable[Sighting]) -> list[str]:
    """Stage and event of each."""
    return [f"{one.stage} {one.event_id}" for one in sightings]
