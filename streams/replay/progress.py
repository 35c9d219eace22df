"""How far a runner has come, how fast, and what it waits for. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from streams.replay.control import Counts, Positions, Reached, total

#: Seconds over which the rate is measured.
RATE_S = 30.0


class RunProgress:
    """Told by a runner; ``on_change`` is called whenever it is told something new.

    ``waiting`` is what the runner waits for, "" for nothing.
    """

    def __init__(self, on_change: Callable[[RunProgress], None] = lambda progress: None) -> None:
        self.positions: dict[int, Reached] = {}
        self.counts = Counts()
        self.waiting = ""
        self._on_change = on_change
        self._points: deque[tuple[float, int]] = deque()

    def start(self, positions: Positions, now: float) -> None:
        """From here on."""
        self.positions = dict(positions)
        self.counts = total(self.positions)
        self._points = deque([(now, self.counts.records)])
        self._on_change(self)

    def advance(self, positions: Positions, now: float) -> None:
        """These partitions have come further."""
        self.positions.update(positions)
        self.counts = total(self.positions)
        self._points.append((now, self.counts.records))
        while len(self._points) > 2 and now - self._points[1][0] >= RATE_S:
            self._points.popleft()
        self._on_change(self)

    def waits(self, reason: str) -> None:
        """It does nothing meanwhile; "": it goes on."""
        if reason != self.waiting:
            self.waiting = reason
            self._on_change(self)

    def rate(self, now: float) -> float | None:
        """Records a second, over the last while; None where nothing is known of it."""
        if not self._points or now <= self._points[0][0]:
            return None
        first_at, first = self._points[0]
        return (self.counts.records - first) / (now - first_at)
