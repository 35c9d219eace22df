"""What a worker knows of a MoEngage workspace: whether a request may go out now, and why not. Pure.

Times are seconds of any clock that does not go back.
"""

from __future__ import annotations

from math import inf

from moengage.answers import Answer, Verdict
from moengage.brake import Brake, BrakeLimits
from moengage.budgets import Budget
from moengage.retry import DEFAULT_POLICY, RetryPolicy

#: Those who wait for the same moment do not all come at it.
_SPREAD = 0.1


class Workspace:
    """Budgets, brake and pause of one workspace.

    ``users_per_minute`` and ``events_per_minute`` are the workspace's limits; 0 is none.
    """

    def __init__(
        self,
        *,
        users_per_minute: float = 0,
        events_per_minute: float = 0,
        brake: BrakeLimits | None = None,
        policy: RetryPolicy = DEFAULT_POLICY,
    ) -> None:
        self.users = Budget(users_per_minute)
        self.events = Budget(events_per_minute)
        self.brake = Brake(brake or BrakeLimits())
        #: The answer that says that nothing will be taken before a person did something; or None.
        self.paused: Answer | None = None
        self._policy = policy
        self._opens_at = -inf

    @property
    def trouble(self) -> str:
        """Why nothing is delivered, until a person looks; "" where something is. Safe to show."""
        if self.paused is not None:
            return f"MoEngage answers {self.paused.status}: {self.paused.message}"
        if self.brake.tries_at is not None:
            return "MoEngage refused too many elements"
        return ""

    @property
    def closed_until(self) -> float:
        """When the time ends, or ended, in which no request may go; minus infinity where none began."""
        return max(self._opens_at, -inf if self.brake.tries_at is None else self.brake.tries_at)

    def opens_at(self, now: float, out: int) -> float:
        """When a request may go: ``now``, or later; infinity while one that is out has to answer first.

        ``out`` is how many are. While something is wrong, one goes at a time.
        """
        if out and (self.paused is not None or self.brake.tries_at is not None):
            return inf
        return max(now, self.closed_until)

    def sends(self, users: int, events: int, now: float) -> None:
        """A request with so many elements goes out."""
        if users:
            self.users.take(users, now)
        if events:
            self.events.take(events, now)

    def hears(self, answer: Answer, users: int, events: int, now: float, random: float) -> None:
        """What an answer to such a request says of the workspace. ``random`` is from 0 to 1.

        What was refused does not count against the budgets: a batch that is taken apart, or comes again
        after a 429, would use them up many times over.
        """
        if answer.verdict is Verdict.PAUSE:
            self.paused = answer
            self._opens_at = now + self._policy.pause_s
            self.users.give_back(users, now)
            self.events.give_back(events, now)
            return
        if answer.verdict is Verdict.AGAIN:
            return  # says nothing of the credentials
        if self.paused is not None:
            self.paused = None
            self._opens_at = -inf
        if answer.verdict is Verdict.WAIT:
            self._opens_at = max(self._opens_at, now + answer.wait_s * (1 + _SPREAD * random))
            if users:
                self.users.exceeded(now)
            if events:
                self.events.exceeded(now)
        if answer.verdict is not Verdict.ACCEPTED:
            self.users.give_back(users, now)
            self.events.give_back(events, now)
