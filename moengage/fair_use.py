"""No customer id gets more than MoEngage's fair use allows: above it, MoEngage drops silently. Pure.

5,000 data points a minute for one user, from all server sources together, and that user's data is blocked
for an hour (source: Fair Usage Policy, read November 2026). A customer's elements all come through one
worker, so its own count is the whole count of this installation.
"""

from __future__ import annotations

from collections import deque

_PERIOD_S = 60.0
_SLOTS = 12
_SLOT_S = _PERIOD_S / _SLOTS


class FairUse:
    """Counts elements by customer id over the last minute, in slots of five seconds.

    Times are seconds of any clock that does not go back. ``limit`` 0 allows everything.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._totals: dict[str, int] = {}
        # One slot more than a minute has: no minute, wherever it begins, holds more than the limit.
        self._slots: deque[tuple[int, dict[str, int]]] = deque()

    def allows(self, customer_id: str, now: float) -> bool:
        """Whether one more may go now; if so, it is counted."""
        if not self._limit:
            return True
        slot = int(now // _SLOT_S)
        if not self._slots or self._slots[-1][0] != slot:
            self._roll(slot)
        total = self._totals.get(customer_id, 0)
        if total >= self._limit:
            return False
        self._totals[customer_id] = total + 1
        counts = self._slots[-1][1]
        counts[customer_id] = counts.get(customer_id, 0) + 1
        return True

    def free_at(self, customer_id: str, now: float) -> float:
        """When the next may go, of a customer that was not allowed one."""
        for slot, counts in self._slots:
            if customer_id in counts:
                return (slot + _SLOTS + 1) * _SLOT_S
        return now

    def _roll(self, slot: int) -> None:
        while self._slots and self._slots[0][0] < slot - _SLOTS:
            for customer_id, count in self._slots.popleft()[1].items():
                left = self._totals[customer_id] - count
                if left:
                    self._totals[customer_id] = left
                else:
                    del self._totals[customer_id]
        self._slots.append((slot, {}))
