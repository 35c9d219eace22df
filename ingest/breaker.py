"""Whether a record has a chance now: what the publisher has learned of the broker. Pure state.

Two things are kept apart. The **broker** is lost after a time-out or an error, until a look at it
succeeds. A **partition** is stalled from the time-out of one of its records until one of its records
moves: the producer goes on trying those that timed out, so they are the probe. Thus one partition
without a leader does not close the others.
"""

from __future__ import annotations


class Breaker:
    """Closed to begin with, for the reason given."""

    def __init__(self, reason: str) -> None:
        self.partitions = 0
        self.reason = reason  # "" while the broker is seen
        self._stalled: dict[int, float] = {}
        self._reasons: set[str] = set()  # of this outage

    @property
    def ready(self) -> bool:
        """Whether the broker is seen and some partition moves."""
        return not self.reason and len(self._stalled) < self.partitions

    def refusal(self, partition: int) -> str:
        """Why a record of this partition has no chance now; "" if it has one."""
        if self.reason:
            return self.reason
        return f"partition {partition} is stalled" if partition in self._stalled else ""

    def see(self, partitions: int) -> bool:
        """The broker has answered. True if it was lost."""
        was_lost = bool(self.reason)
        self.reason = ""
        self._reasons.clear()
        self.partitions = partitions
        return was_lost

    def lose(self, reason: str) -> bool:
        """The broker did not answer, or not well. True if that is news in this outage."""
        news = reason not in self._reasons
        self._reasons.add(reason)
        self.reason = reason
        return news

    def stalled_for(self, now: float) -> float:
        """How long some partition has been stalled, the longest, in the unit of ``stall``; 0 if none."""
        return max((now - since for since in self._stalled.values()), default=0.0)

    def stall(self, partition: int, now: float) -> bool:
        """A record of this partition got no confirmation in time. True if it moved until now."""
        moved = partition not in self._stalled
        self._stalled.setdefault(partition, now)
        return moved

    def move(self, partition: int) -> None:
        """A record of this partition was confirmed, or will never be."""
        self._stalled.pop(partition, None)
