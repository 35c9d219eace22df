"""A terminal is spared what nobody could read: so many lines a second, and how many were left out."""

from __future__ import annotations

#: Lines a second on a terminal.
MOST_PER_S = 200


class Thinning:
    """Counts the lines of each second, which begins with its first line."""

    def __init__(self, most_per_s: int = MOST_PER_S) -> None:
        self._most = most_per_s
        self._began_s = float("-inf")
        self._shown = 0
        self._left_out = 0

    def allows(self, now_s: float) -> bool:
        """Whether one more line may be shown; where not, it counts as left out. ``now_s`` only grows."""
        if now_s - self._began_s >= 1:
            self._began_s, self._shown = now_s, 0
        if self._shown >= self._most:
            self._left_out += 1
            return False
        self._shown += 1
        return True

    def left_out(self, now_s: float) -> int:
        """How many lines to tell of as left out: once their second is over, and once only."""
        if now_s - self._began_s < 1:
            return 0
        count, self._left_out = self._left_out, 0
        return count
