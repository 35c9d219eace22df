"""What delivery is set to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from moengage.brake import BrakeLimits
from moengage.budgets import Rates
from moengage.limits import MAX_BULK_BYTES
from moengage.retry import DEFAULT_POLICY, RetryPolicy
from streams.delivery.requests import Limits

#: What becomes of a customer's later elements once one was refused: they go on, or are put away too.
AfterRefusal = Literal["go_on", "park"]

AFTER_REFUSAL: tuple[AfterRefusal, ...] = get_args(AfterRefusal)


@dataclass(frozen=True, slots=True)
class DeliverConfig:
    """Bounds of a request and of what is out (requests.Limits), and how MoEngage is treated.

    ``rates`` are by configuration; one that is not there has MoEngage's own limits.
    """

    max_elements: int = 100
    max_bytes: int = MAX_BULK_BYTES
    linger_s: float = 0.05
    in_flight: int = 4
    max_attempts: int = 0
    rates: Mapping[str, Rates] = field(default_factory=dict)
    after_refusal: AfterRefusal = "go_on"
    brake: BrakeLimits = field(default_factory=BrakeLimits)
    retry: RetryPolicy = DEFAULT_POLICY

    def limits(self) -> Limits:
        """As the scheduler wants them."""
        return Limits(self.max_elements, self.max_bytes, self.linger_s, self.in_flight, self.max_attempts)
