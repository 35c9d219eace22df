"""How many letters there are, and why: what is shown below a list and by a dry run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from moebridge.dead_letters.letter import Letter

#: Different reasons that are told apart; what MoEngage says may name what differs every time.
MAX_REASONS = 1000


class Why(NamedTuple):
    """A group of letters. ``status`` is MoEngage's answer, None where it was not asked."""

    stage: str
    status: int | None
    reason: str


@dataclass(slots=True)
class Counts:
    """Letters by stage, answer and reason, and what a redrive has to say of them.

    Of the ``total``, ``along`` are parked behind others of it; ``copies`` are letters that a crash wrote
    twice; ``doubtful`` may have been redriven by a run that was cut off; ``users`` are user elements.
    Besides, ``settled`` are done with, ``stuck`` cannot go back, for they came from no topic of ours, and
    ``behind`` are parked behind others that stay. ``oldest_user``: when the first of the users was
    refused, ms.
    """

    total: int = 0
    by_reason: Counter[Why] = field(default_factory=Counter)
    settled: int = 0
    stuck: int = 0
    behind: int = 0
    along: int = 0
    copies: int = 0
    doubtful: int = 0
    users: int = 0
    oldest_user: int = 0

    def add(self, letter: Letter) -> None:
        """Count a letter."""
        self.total += 1
        why = Why(letter.stage, letter.status, letter.reason or letter.problem)
        if why not in self.by_reason and len(self.by_reason) >= MAX_REASONS:
            why = Why("", None, "other reasons")
        self.by_reason[why] += 1
        if letter.own.get("kind") == "user":
            self.users += 1
            self.oldest_user = min(self.oldest_user or letter.failed_at, letter.failed_at)

    def rows(self, most: int = 20) -> list[tuple[int, Why]]:
        """The most frequent reasons, and one row for all others."""
        ranked = self.by_reason.most_common()
        rows = [(count, why) for why, count in ranked[:most]]
        if rest := ranked[most:]:
            rows.append((sum(count for _, count in rest), Why("", None, f"{len(rest)} other reasons")))
        return rows
