"""Which letters of a partition a run works on: those that are meant, and what order demands besides.

Where ``delivery.after_refusal`` is ``park``, what came behind a refused element of a customer is a dead
letter too, a parked one. Those go along with the one that they wait for, whatever else they are; and a
parked one stays where an earlier letter of its customer stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from moebridge.dead_letters.letter import Letter
from moebridge.dead_letters.selection import Selection
from moebridge.dead_letters.settlements import Did, Settlement

#: goes: the run works on it. along: so it does, for one that it waits for went. behind: it is meant, but
#: one that it waits for stays. stuck: it is meant, but came from no topic of this installation. settled:
#: it is meant, and somebody has settled it. other: it is not meant.
Verdict = Literal["goes", "along", "behind", "stuck", "settled", "other"]


@dataclass(frozen=True, slots=True)
class Job:
    """What a run is to do. ``sources`` are the topics, as on the broker, that a letter may go back to.

    ``rate``: letters a second, 0 for no limit; ``limit``: letters in all, None for no limit.
    """

    run: str
    did: Did
    selection: Selection
    sources: frozenset[str]
    rate: float = 100.0
    limit: int | None = None

    def can(self, letter: Letter) -> bool:
        """Whether this can be done with the letter at all: only what a stage read can go back there."""
        return self.did == "discarded" or letter.topic in self.sources


@dataclass(slots=True)
class Choice:
    """Judges the letters of one partition, all of them, in order."""

    job: Job
    _going: set[tuple[bytes, str]] = field(default_factory=set)
    _staying: set[tuple[bytes, str]] = field(default_factory=set)

    def judge(self, letter: Letter, settlement: Settlement | None) -> Verdict:
        """What becomes of the next letter."""
        meant = self.job.selection.takes(letter)
        if self.job.did == "discarded" or letter.stage != "deliver":
            return self._alone(letter, settlement, meant)
        whose = letter.key, letter.configuration(self.job.selection.default_configuration).lower()
        follows = letter.parked and whose in self._going
        if settlement is not None:
            # Also what an earlier run redrove takes along what is parked: it may have been cut off there.
            if settlement.did == "redriven" and (meant or follows):
                self._going.add(whose)
            return "settled" if meant else "other"
        if letter.parked and whose in self._staying:
            return "behind" if meant or follows else "other"
        if (meant or follows) and self.job.can(letter):
            self._going.add(whose)
            return "goes" if meant else "along"
        self._staying.add(whose)
        return "stuck" if meant else "other"

    def _alone(self, letter: Letter, settlement: Settlement | None, meant: bool) -> Verdict:
        if not meant:
            return "other"
        if settlement is not None:
            return "settled"
        return "goes" if self.job.can(letter) else "stuck"


WORKED_ON: frozenset[Verdict] = frozenset({"goes", "along"})
