"""A window of looks, as the commits that the verdict is made from.

The broker tells what is committed, not when it was. So a look at a partition that has an owner counts
as a commit at the time of the look: the owner lives and stands by this offset, as a consumer that
commits every few seconds does. Without an owner only a change counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streams.lag.look import PartitionLook
from streams.lag.verdict import Commit, Verdict, partition_verdict


@dataclass(frozen=True, slots=True)
class Sample:
    """A look at one partition, and when that was, in ms."""

    at_ms: int
    look: PartitionLook
    moving: bool = False


def commits_of(samples: Sequence[Sample]) -> list[Commit]:
    """The commits that these looks show, the oldest first."""
    commits: list[Commit] = []
    for sample in samples:
        look = sample.look
        if look.owner is not None or (commits and commits[-1].offset != look.position):
            commits.append(Commit(sample.at_ms, look.position, look.lag))
        elif not commits and not look.untouched:
            # Committed at some time before this look: as late as can be.
            commits.append(Commit(sample.at_ms - 1, look.position, look.lag))
    return commits


def judge(samples: Sequence[Sample], *, complete: bool, allowed_lag: int = 0) -> Verdict:
    """The verdict on a partition at its last look.

    Before the window is ``complete`` only what needs no window is said: that nobody is there.
    """
    last = samples[-1]
    abandoned = not any(sample.look.owner or sample.moving for sample in samples)
    if not complete and not abandoned:
        return Verdict.OK
    if last.moving and len(samples) == 1:
        return Verdict.OK
    return partition_verdict(
        commits_of(samples),
        [sample.look.end for sample in samples],
        lag=last.look.lag,
        now_ms=last.at_ms,
        allowed_lag=allowed_lag,
    )
