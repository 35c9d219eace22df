"""How long to wait until the next try."""

from __future__ import annotations

from dataclasses import dataclass

# 2 ** 40 times the base is above any cap, and a float still holds it.
_MAX_EXPONENT = 40


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait, in seconds: the first back-off, its cap, and between tries while paused."""

    base_s: float = 0.5
    cap_s: float = 30.0
    pause_s: float = 15.0

    def backoff_s(self, failures: int, random: float) -> float:
        """The wait after this many failures in a row (from 1), with full jitter: 0 to the bound."""
        bound = self.base_s * 2.0 ** min(failures - 1, _MAX_EXPONENT)
        return random * min(self.cap_s, bound)


DEFAULT_POLICY = RetryPolicy()
