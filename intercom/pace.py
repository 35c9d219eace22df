"""When the next call may go out, so that Intercom has no need to refuse it. Pure.

Intercom counts the calls of an app in windows of ten seconds and tells with every answer how many are
left and when the window ends (source: Rate Limiting, read in November 2026). Others may call as the
same app, answers overtake each other, and clocks differ: so this is a good guess, and ``exceeded`` is
for when it was wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from intercom.answers import Allowance

WINDOW_S = 10.0
#: No wait is longer or, after a refusal, shorter than this, whatever the clocks say.
MAX_WAIT_S = 15.0
MIN_WAIT_S = 0.5


@dataclass(slots=True)
class Pace:
    """Counts the calls out and back in. Times are in epoch seconds; without a limit told, none holds.

    ``in_flight`` are calls that are out: they may count in this window or in the next one.
    """

    _limit: float = math.inf
    _remaining: float = math.inf
    _reset_s: float = -math.inf
    in_flight: int = 0

    def take(self, now_s: float) -> float:
        """Count a call out and return 0; or count nothing and return the seconds to wait."""
        if now_s >= self._reset_s or self._reset_s - now_s > MAX_WAIT_S:  # over, or the clock was set
            self._remaining = self._limit - self.in_flight
            self._reset_s = now_s + WINDOW_S
        if self._remaining < 1:
            return self._reset_s - now_s
        self._remaining -= 1
        self.in_flight += 1
        return 0.0

    def returned(self, told: Allowance | None, now_s: float) -> None:
        """Count a call back in, with what its answer told; None where there was no answer."""
        self.in_flight -= 1
        if told is None:
            return
        fresh = math.isinf(self._limit)
        self._limit = told.limit
        if told.reset_s <= now_s:  # of a window that is over
            if fresh:
                self._reset_s = -math.inf  # now that the limit is known, let it hold
            return
        reset_s = min(told.reset_s, now_s + MAX_WAIT_S)
        if fresh or reset_s > self._reset_s:
            self._remaining = told.remaining - self.in_flight
        else:
            self._remaining = min(self._remaining, told.remaining)
        self._reset_s = reset_s

    def exceeded(self, wait_s: float, now_s: float) -> None:
        """Intercom refused a call for its rate: nothing more for ``wait_s`` seconds, bounded."""
        self._remaining = 0
        self._reset_s = now_s + min(MAX_WAIT_S, max(MIN_WAIT_S, wait_s))
