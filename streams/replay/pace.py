"""How many records a replay may publish now: a share of MoEngage's budget, and live traffic first.

Two things bound it. Elements go out at ``share`` of what the configuration may send a minute, spread
evenly. And the workers' lag, records that the replay has published included, stays at ``max_ahead`` or
below: while live traffic is behind, or MoEngage away, a replay stands still. No look at the lag, or an
old one, is no permission.

Times are seconds of any clock that does not go back. Pure.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from moengage.budgets import Rates
from moengage.limits import BULK_EVENTS_PER_MINUTE, BULK_USERS_PER_MINUTE

#: Seconds for which a look at the lag counts.
LOOK_COUNTS_S = 3.0
#: A batch is what may go out in so many seconds, so that no burst of a replay holds up live traffic.
BATCH_IS_S = 0.1


@dataclass(frozen=True, slots=True)
class PaceConfig:
    """``share`` of ``rates``, above 0 and up to 1. ``max_ahead``: the lag, in records, that stops it.

    A rate of 0 is MoEngage's own limit: a replay always has one.
    """

    rates: Rates
    share: float = 0.33
    max_ahead: int = 150

    @property
    def users_per_minute(self) -> float:
        """What a replay may send."""
        return (self.rates.users_per_minute or BULK_USERS_PER_MINUTE) * self.share

    @property
    def events_per_minute(self) -> float:
        """What a replay may send."""
        return (self.rates.events_per_minute or BULK_EVENTS_PER_MINUTE) * self.share

    def minutes(self, users: int, events: int) -> float:
        """How long so many elements take at least."""
        return max(users / self.users_per_minute, events / self.events_per_minute)


class Pace:
    """When the next batch may go, and how large it may be."""

    def __init__(self, config: PaceConfig) -> None:
        self._config = config
        self._next_at = float("-inf")
        self._lag: int | None = None
        self._looked_at = 0.0
        #: When records were published that the last look did not see yet, and how many.
        self._unseen: deque[tuple[float, int]] = deque()

    def looked(self, lag: int | None, at: float) -> None:
        """A look at the workers' lag that was begun ``at``; None: it told nothing."""
        self._lag = lag
        self._looked_at = at
        while self._unseen and self._unseen[0][0] < at:
            self._unseen.popleft()

    def published(self, records: int, users: int, events: int, at: float) -> None:
        """A batch is on its way. The next one waits for as long as this one takes of the budgets.

        What was left unused meanwhile is lost: a replay that had to wait does not catch up in a burst.
        """
        self._next_at = at + 60 * self._config.minutes(users, events)
        self._unseen.append((at, records))

    def behind(self, now: float) -> int | None:
        """Records in front of the workers, as far as is known; None: nothing is known of it."""
        if self._lag is None or now - self._looked_at > LOOK_COUNTS_S:
            return None
        return self._lag + sum(records for _, records in self._unseen)

    def has_room(self, records: int, now: float) -> bool:
        """Whether live traffic leaves room for so many records; for a batch larger than that, once
        nothing waits."""
        behind = self.behind(now)
        if behind is None:
            return False
        return behind == 0 or behind + records <= self._config.max_ahead

    def ready_at(self, now: float) -> float:
        """When the budgets let the next batch go: ``now``, or later."""
        return max(now, self._next_at)

    def full(self, users: int, events: int) -> bool:
        """Whether a batch of so many elements has its size."""
        return (
            users >= max(1.0, self._config.users_per_minute * BATCH_IS_S / 60)
            or events >= max(1.0, self._config.events_per_minute * BATCH_IS_S / 60)
        )  # fmt: skip
