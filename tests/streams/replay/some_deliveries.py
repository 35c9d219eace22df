"""Deliveries, and records that hold them."""

from __future__ import annotations

import json
from typing import Any

from events.elements import Delivery, Kind


def delivery(
    *,
    event_id: str = "e-1",
    contact: str = "c-1",
    number: int = 0,
    kind: Kind = "user",
    name: str = "",
    customer_id: str = "ann",
    body: Any = None,
    **fields: Any,
) -> Delivery:
    return Delivery(
        delivery_id=f"{event_id}/{contact}/{number}",
        event_id=event_id,
        kind=kind,
        name=name,
        customer_id=customer_id,
        mapping_version="v1",
        received_at=1_000,
        occurred_at=1_000,
        body=json.dumps({} if body is None else body).encode(),
        **fields,
    )
