"""Known reasons to wait: who stands still for one of them is alive (streams.progress).

A reason counts for a time only. Whoever waits gives it anew at every attempt, so that a wait whose
attempts have ended, by a fault of ours, is found out as standing still.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from moengage.answers import Verdict
from streams.chunks import Place

#: The reasons. They are a metric's label, so there are few and they hold no values.
BROKER = "the broker does not answer"
INTERCOM = "Intercom's REST API is asked"
MOENGAGE = {
    Verdict.WAIT: "MoEngage limits the rate",
    Verdict.AGAIN: "MoEngage does not answer, or is in trouble",
    Verdict.PAUSE: "MoEngage refuses credentials or workspace",
}
#: It answers, and the batch goes on in parts: many requests, none of which ends the batch.
IN_PARTS = "MoEngage takes a batch in parts only"
#: It refuses so much that delivery has stopped (moengage.brake).
BRAKED = "MoEngage refused too many elements"
#: As much went out as may.
BUDGET = "the workspace has had its users or events a minute"
FAIR_USE = "a customer has had its elements a minute"

#: An attempt after a wait takes this long at most before the reason must be given anew, in seconds.
ATTEMPT_S = 60.0


class Waiting(Protocol):
    """A stage, or whatever else may wait."""

    def waiting(self) -> str | None:
        """The known reason for which it waits now; None where it should be moving."""
        ...


class Lanes(Protocol):
    """What waits for each partition on its own (streams.delivery)."""

    def waiting(self) -> Mapping[Place, str]:
        """The reasons of the partitions that wait."""
        ...


class Wait:
    """One reason at a time, and how long it counts. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._reason = ""
        self._until = 0.0

    def begin(self, reason: str, for_s: float) -> None:
        """Wait for ``reason``; it counts for ``for_s`` seconds and one attempt."""
        self._reason = reason
        self._until = self._clock() + for_s + ATTEMPT_S

    def end(self) -> None:
        """It waits no more."""
        self._reason = ""

    def waiting(self) -> str | None:
        """See Waiting."""
        return self._reason if self._reason and self._clock() < self._until else None
