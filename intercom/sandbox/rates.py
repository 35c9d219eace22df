"""Calls in windows of ten seconds, and the headers that tell of them. Pure.

Source: Rate Limiting, read in November 2026: 1,000 a minute are 167 in ten seconds. Its examples reset
on whole tens of epoch seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from intercom.errors import SandboxRefusal

WINDOW_S = 10


@dataclass(slots=True)
class RateWindow:
    """Counts one window; ``limit`` is what it allows."""

    limit: int
    ends_at: int = 0
    taken: int = 0

    @classmethod
    def per_minute(cls, calls: int) -> RateWindow:
        """A window's share of so many calls a minute."""
        return cls(math.ceil(calls * WINDOW_S / 60))

    def take(self, now_s: float) -> None:
        """Count a call in. Raises SandboxRefusal (429), counting nothing, where it is too much."""
        if now_s >= self.ends_at:
            self.ends_at = (int(now_s) // WINDOW_S + 1) * WINDOW_S
            self.taken = 0
        if self.taken >= self.limit:
            message = f"Exceeded rate limit of {self.limit} in {WINDOW_S}_seconds"
            raise SandboxRefusal(429, "rate_limit_exceeded", message)
        self.taken += 1

    def headers(self) -> dict[str, str]:
        """What every answer to a known caller carries."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.limit - self.taken),
            "X-RateLimit-Reset": str(self.ends_at),
        }
