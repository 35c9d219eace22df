"""How many elements of a kind may go out a minute: a worker's share of a workspace's limit. Pure.

Times are seconds of any clock that does not go back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, inf

from moengage.limits import (
    BULK_EVENTS_PER_MINUTE,
    BULK_USERS_PER_MINUTE,
    CUSTOMER_PER_MINUTE,
)

#: A minute's worth is spread over this many seconds, and what one of them leaves over may be caught up.
_WINDOW_S, _BURST_S = 61.0, 1.0
#: Clocks differ, and so do the beginnings of a minute: a little less than the limit.
_HEADROOM = 0.98
#: What an answer that says "too many" leaves of the rate, at most once in a while, and not below a floor.
_CUT, _CUT_EVERY_S, _FLOOR = 0.75, 1.0, 0.02
#: How much of the limit comes back in a minute without such an answer.
_RAISE_PER_MINUTE = 0.1
#: What went out is remembered for about so long; the rate is lowered where that much of it was used.
_MEMORY_S, _USED = 60.0, 0.5


@dataclass(frozen=True, slots=True)
class Rates:
    """Elements a minute: users and events of a workspace, and both of one customer id; 0 is no limit."""

    users_per_minute: int = BULK_USERS_PER_MINUTE
    events_per_minute: int = BULK_EVENTS_PER_MINUTE
    customer_per_minute: int = CUSTOMER_PER_MINUTE

    @classmethod
    def least(cls, all_of: Iterable[Rates]) -> Rates:
        """What keeps to all of them."""
        rates = list(all_of)
        return cls(
            _least(one.users_per_minute for one in rates),
            _least(one.events_per_minute for one in rates),
            _least(one.customer_per_minute for one in rates),
        )


def _least(limits: Iterable[int]) -> int:
    return min((limit for limit in limits if limit), default=0)


class Budget:
    """Elements of one kind. A request may go while the balance is above 0, and takes all of its elements.

    So the largest request fits however small the share is, and what it took too much is waited for before
    the next one. ``per_minute`` is the workspace's limit; 0 is none.
    """

    def __init__(self, per_minute: float) -> None:
        self._per_minute = per_minute
        self._share = 1.0
        self._learned = 1.0
        self._balance = 0.0
        self._at = -inf
        self._cut_at = -inf
        # Elements and seconds of late, older ones counting less and less.
        self._spent, self._seconds = 0.0, 0.0

    @property
    def per_minute(self) -> float:
        """What goes out a minute at most as things are; infinity without a limit."""
        return self._per_minute * self._share * self._learned if self._per_minute else inf

    def set_share(self, share: float) -> None:
        """This worker's part of the workspace's limit, above 0 and up to 1."""
        self._share = share

    def ready_at(self, now: float) -> float:
        """When a request may go: ``now``, or later."""
        if not self._per_minute:
            return now
        self._refill(now)
        if self._balance > 0:
            return now
        return now + (1e-6 - self._balance) / self._rate

    def take(self, elements: int, now: float) -> None:
        """A request with so many of them goes out."""
        if self._per_minute:
            self._refill(now)
            self._balance -= elements
            self._spent += elements

    def give_back(self, elements: int, now: float) -> None:
        """MoEngage took none of them."""
        if self._per_minute:
            self._refill(now)
            self._balance = min(self._rate * _BURST_S, self._balance + elements)
            self._spent = max(0.0, self._spent - elements)

    def exceeded(self, now: float) -> None:
        """MoEngage said that it was too much: the limit is not ours alone, or not what we were told.

        Where much less went out than this budget allows, it is not what has to be lowered.
        """
        self._refill(now)
        if now - self._cut_at < _CUT_EVERY_S or self._spent < _USED * self._rate * self._seconds:
            return
        self._cut_at = now
        self._learned = max(_FLOOR, self._learned * _CUT)

    @property
    def _rate(self) -> float:
        """Elements a second."""
        return self._per_minute * self._share * self._learned * _HEADROOM / _WINDOW_S

    def _refill(self, now: float) -> None:
        if self._at == -inf:
            self._balance = self._rate * _BURST_S
        else:
            passed = max(0.0, now - self._at)
            fade = exp(-passed / _MEMORY_S)
            self._spent, self._seconds = self._spent * fade, self._seconds * fade + passed
            self._balance = min(self._rate * _BURST_S, self._balance + self._rate * passed)
            self._learned = min(1.0, self._learned + passed * _RAISE_PER_MINUTE / 60)
        self._at = now
