"""One element in hand: what has to be known of it to bring it on its way, and to say where it is."""

from __future__ import annotations

from sys import intern
from typing import Any

from events.elements import Delivery, Kind
from moengage.answers import Answer
from streams.chunks import Chunk


class Element:
    """An element of a chunk. ``index`` is its place among the chunk's records.

    ``run`` names the redrive that brought it back from the dead letters, "" for none; ``replayed`` is
    whether it comes of a replay. ``added_at`` is in seconds of the loop's clock, ``received_at`` and
    ``occurred_at`` in milliseconds since the epoch. ``attempts`` and ``first`` tell of answers that did
    not settle it.
    """

    __slots__ = (
        "added_at", "attempts", "body", "chunk", "config", "customer", "first", "id", "index", "kind",
        "mapping_version", "occurred_at", "received_at", "record", "replayed", "run", "then",
    )  # fmt: skip

    def __init__(
        self, chunk: Chunk, index: int, record: Any, delivery: Delivery, added_at: float
    ) -> None:
        self.chunk = chunk
        self.index = index
        self.record = record
        self.kind: Kind = delivery.kind
        self.customer = delivery.customer_id
        self.body = delivery.body
        self.then = delivery.then
        self.id = delivery.delivery_id
        self.run = delivery.redrive_run
        self.replayed = delivery.replayed is not None
        # Thousands are in hand, and these are the same few texts for all of them.
        self.config = intern(delivery.config)
        self.mapping_version = intern(delivery.mapping_version)
        self.received_at = delivery.received_at
        self.occurred_at = delivery.occurred_at
        self.added_at = added_at
        self.attempts = 0
        self.first: Answer | None = None

    def __repr__(self) -> str:
        """Without whose it is."""
        return f"Element({self.kind} at {self.chunk.place} {self.record.offset})"
