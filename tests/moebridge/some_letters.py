"""Dead letters for tests, as stages write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from events.elements import Delivery
from events.topics import DEAD_LETTERS, DELIVERIES
from moebridge.dead_letters.letter import Letter, read_letter
from streams.publishing import Outgoing
from streams.stages.stage import dead_letter

#: When the first of them was refused, ms.
BEGAN_MS = 1_790_000_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """What aiokafka's consumer gives for one record, as far as we look at it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = BEGAN_MS


def delivery(number: int, customer_id: str = "user-1", **fields: Any) -> Delivery:
    """An event for a customer."""
    defaults: dict[str, Any] = {
        "delivery_id": f"notif_{number}/c1/0",
        "event_id": f"notif_{number}",
        "kind": "event",
        "name": "ticket_state_changed",
        "customer_id": customer_id,
        "mapping_version": "m1",
        "received_at": BEGAN_MS - 2000,
        "occurred_at": BEGAN_MS - 3000,
        "body": b'{"type":"event","number":%d}' % number,
    }
    return Delivery(**{**defaults, **fields})


def of_delivery(
    one: Delivery,
    *,
    at: Record | None = None,
    offset: int = 0,
    topic: str = DELIVERIES,
    prefix: str = "",
    reason: str = "BadRequest: refused",
    failed_at: int = BEGAN_MS,
    status: int | None = 400,
    headers: Sequence[tuple[str, bytes]] = (),
) -> Outgoing:
    """What deliver writes once MoEngage refused it."""
    own = [*one.headers(), *headers]
    record = at or Record(topic, 0, offset, one.customer_id.encode(), one.body, own)
    return dead_letter(
        "deliver", prefix, record, reason, failed_at, answer_status=status, request_id="req-1"
    )


def read(outgoing: Outgoing, partition: int = 0, offset: int = 0) -> Letter:
    """A letter, as it is read back from there."""
    return read_letter(
        Record(DEAD_LETTERS, partition, offset, outgoing.key, outgoing.value, tuple(outgoing.headers))
    )
