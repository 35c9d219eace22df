"""Users and events per minute, in windows that begin with the first request. Pure.

MoEngage documents the numbers and the headers of its answer, not where a minute begins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from moengage.errors import SandboxRefusal

WINDOW_S = 60.0


@dataclass(slots=True)
class RateWindow:
    """Counts one minute. A limit of 0 is none. A request larger than a limit passes when it is first."""

    users_per_minute: int
    events_per_minute: int
    reset_header: Literal["seconds", "epoch"] = "seconds"
    started_at: float = -math.inf
    users: int = 0
    events: int = 0

    def take(self, *, users: int, events: int, now_s: float) -> None:
        """Count a request in. Raises SandboxRefusal (429), counting nothing, where it is too much."""
        if now_s >= self.started_at + WINDOW_S:
            self.started_at = now_s
            self.users = self.events = 0
        for limit, taken, more in (
            (self.users_per_minute, self.users, users),
            (self.events_per_minute, self.events, events),
        ):
            if limit and taken and taken + more > limit:
                raise self._refusal(limit, limit - taken, now_s)
        self.users += users
        self.events += events

    def _refusal(self, limit: int, remaining: int, now_s: float) -> SandboxRefusal:
        end = self.started_at + WINDOW_S
        reset = end if self.reset_header == "epoch" else end - now_s
        headers = {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, remaining)),
            "x-ratelimit-reset": str(math.ceil(reset)),
        }
        return SandboxRefusal(429, "RateLimitError", "Rate limit exceeded", headers=headers)
