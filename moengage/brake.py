"""The brake on refusals: a topic of good elements is not emptied into the dead letters. Pure.

A few elements that MoEngage refuses are dead letters. Many in a row, or a large part of all, mean that
something else is wrong: the mapping, the workspace, MoEngage. Then delivery stops before more are put
away, and tries one request at a time until one is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

#: The share is that of about so many elements, or of more for a long run; newer ones count more.
_MEMORY = 1000


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """When the brake is applied: at ``run`` refusals in a row, or at a ``share`` of all elements.

    ``share`` counts once four times ``run`` elements were settled. ``run`` 0: never. ``rest_s``: seconds
    between two tries while it is applied.
    """

    run: int = 25
    share: float = 0.5
    rest_s: float = 60.0


class Brake:
    """Times are seconds of any clock that does not go back."""

    def __init__(self, limits: BrakeLimits) -> None:
        self._limits = limits
        self._row = 0
        self._refused = 0.0
        self._settled = 0.0
        #: While it is applied: when the next try may be made. None: it is not.
        self.tries_at: float | None = None

    def accepted(self, elements: int) -> None:
        """MoEngage took elements: it is released, if it was applied."""
        if self.tries_at is not None:
            self.tries_at = None
            self._refused = self._settled = 0.0
        self._row = 0
        self._count(elements, 0)

    def refused(self, now: float) -> bool:
        """MoEngage refused an element. True: the brake is applied, so the element is kept."""
        if not self._limits.run:
            return False
        if self.tries_at is None:
            self._row += 1
            self._count(1, 1)
            if self._row < self._limits.run and not self._too_many():
                return False
            self._row = 0
        self.tries_at = now + self._limits.rest_s
        return True

    def _too_many(self) -> bool:
        enough = self._settled >= 4 * self._limits.run
        return enough and self._refused > self._limits.share * self._settled

    def _count(self, elements: int, refused: int) -> None:
        self._settled += elements
        self._refused += refused
        if self._settled > max(_MEMORY, 8 * self._limits.run):
            self._settled /= 2
            self._refused /= 2
