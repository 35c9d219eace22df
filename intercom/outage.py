"""When to leave Intercom alone for a while, so that a fault of its does not hold up everything. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Outage:
    """After ``threshold`` failures in a row nothing is tried for ``rest_s`` seconds.

    After the rest one more failure is enough for the next one, until something succeeds. A ``rest_s``
    of 0 never rests. Times are in epoch seconds.
    """

    threshold: int
    rest_s: float
    _failures: int = 0
    _rests_until_s: float = -math.inf

    def resting(self, now_s: float) -> bool:
        """Whether to leave it alone now."""
        return now_s < self._rests_until_s <= now_s + self.rest_s  # the latter: the clock was set back

    def failed(self, now_s: float) -> None:
        """A question went unanswered after all tries."""
        self._failures += 1
        if self._failures >= self.threshold:
            self._rests_until_s = now_s + self.rest_s

    def succeeded(self) -> None:
        """Intercom answered."""
        self._failures = 0
        self._rests_until_s = -math.inf
