"""Receipts: what became of deliveries, one record on moengage.receipts for each of MoEngage's answers.

A receipt names deliveries by their ids, which begin with the id of their event. What stands later counts
more: a delivery that was refused and then redriven was taken; one whose receipt was voided counts as
never delivered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from events.codec import decode_object, encode
from events.errors import InvalidRecord

Outcome = Literal["taken", "refused", "parked", "void"]

#: Of these the delivery is among the dead letters.
DEAD_LETTERED: frozenset[Outcome] = frozenset({"refused", "parked"})

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

_EXPECTED = "receipt: expected outcome, at, config, status, request_id and deliveries"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One answer. ``at`` is when it came, in ms since the epoch; ``status`` is the answer's, 0 for none.

    Of what is parked behind a dead letter, and of what a person voids, there is no answer.

    ``deliveries`` are delivery ids by the version of the mapping that made them, all of the configuration
    ``config``.
    """

    outcome: Outcome
    at: int
    config: str
    status: int
    request_id: str
    deliveries: Mapping[str, tuple[str, ...]] = field(repr=False)

    def value(self) -> bytes:
        """The record's value."""
        return encode(
            {
                "outcome": self.outcome,
                "at": self.at,
                "config": self.config,
                "status": self.status,
                "request_id": self.request_id,
                "deliveries": self.deliveries,
            }
        )

    @classmethod
    def read(cls, value: bytes | None) -> Receipt:
        """Read it back. Raises InvalidJson, InvalidPayload, InvalidRecord."""
        fields = decode_object(value or b"")
        outcome, at, status = fields.get("outcome"), fields.get("at"), fields.get("status")
        texts = fields.get("config"), fields.get("request_id")
        deliveries = fields.get("deliveries")
        if (
            outcome not in OUTCOMES
            or not isinstance(at, int)
            or not isinstance(status, int)
            or not all(isinstance(text, str) for text in texts)
            or not isinstance(deliveries, dict)
            or not all(isinstance(ids, list) for ids in deliveries.values())
            or not all(isinstance(one, str) for ids in deliveries.values() for one in ids)
        ):
            raise InvalidRecord(_EXPECTED)
        told = {version: tuple(ids) for version, ids in deliveries.items()}
        return cls(outcome, at, fields["config"], status, fields["request_id"], told)
