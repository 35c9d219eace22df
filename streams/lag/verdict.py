"""The verdict on a partition and on a group, by the rules of LinkedIn's Burrow.

The rules look at a window of commits instead of comparing lag with a threshold: a consumer that is
behind and catches up is fine, one that stands still is not, however little waits for it. Burrow's own
account of them: https://github.com/linkedin/Burrow/wiki/Consumer-Lag-Evaluation-Rules (read in November
2026, with its evaluator, core/internal/evaluator/caching.go).

Where this differs from Burrow, and why, is in docs/decisions/0020-lag.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class Verdict(StrEnum):
    """On a partition: OK, WARN, STOP, STALL, REWIND. On a group: OK, WARN, ERR, NOTFOUND."""

    OK = "OK"
    WARN = "WARN"
    STOP = "STOP"
    STALL = "STALL"
    REWIND = "REWIND"
    ERR = "ERR"
    NOTFOUND = "NOTFOUND"

    @property
    def bad(self) -> bool:
        """Whether somebody has to do something."""
        return self not in (Verdict.OK, Verdict.WARN)


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed offset, when it was committed (ms), and what the lag was then, where that is known."""

    at_ms: int
    offset: int
    lag: int | None


def partition_verdict(
    commits: Sequence[Commit],
    ends: Iterable[int],
    *,
    lag: int,
    now_ms: int,
    allowed_lag: int = 0,
) -> Verdict:
    """What a window of commits says, the oldest first.

    ``ends`` are the partition's latest end offsets, over minutes at most. ``lag`` is the present one, in
    records; up to ``allowed_lag`` nothing is wrong. Without commits there is nothing to judge: OK.

    - STOP: nothing was committed for longer than the window of commits is long; unless the consumer
      was at the end of the partition a moment ago, so that what waits is new.
    - REWIND: an offset went back, and has not come to where it was before.
    - STALL: the same offset is committed again and again, and there was lag all the time.
    - WARN: offsets advance, there was lag all the time, and it never became less.
    """
    if lag <= allowed_lag or not commits:
        return Verdict.OK
    if _stopped(commits, now_ms) and not _was_at_the_end(commits[-1], ends):
        return Verdict.STOP
    if _rewound(commits):
        return Verdict.REWIND
    if len(commits) > 1 and not _was_close(commits, allowed_lag):
        if len({commit.offset for commit in commits}) == 1:
            return Verdict.STALL
        if not _lag_fell(commits):
            return Verdict.WARN
    return Verdict.OK


def group_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of its partitions; what is wrong with one of them is an ERR of the group."""
    found = set(verdicts)
    if any(verdict.bad for verdict in found):
        return Verdict.ERR
    return Verdict.WARN if Verdict.WARN in found else Verdict.OK


def _stopped(commits: Sequence[Commit], now_ms: int) -> bool:
    last = commits[-1].at_ms
    return now_ms - last > last - commits[0].at_ms


def _was_at_the_end(last: Commit, ends: Iterable[int]) -> bool:
    return any(end <= last.offset for end in ends)


def _rewound(commits: Sequence[Commit]) -> bool:
    """Whether the first step back is not made good by any later commit."""
    for number, (before, after) in enumerate(pairwise(commits)):
        if after.offset < before.offset:
            return all(later.offset < before.offset for later in commits[number + 1 :])
    return False


def _was_close(commits: Sequence[Commit], allowed_lag: int) -> bool:
    return any(commit.lag is not None and commit.lag <= allowed_lag for commit in commits)


def _lag_fell(commits: Sequence[Commit]) -> bool:
    lags = [commit.lag for commit in commits if commit.lag is not None]
    return any(after < before for before, after in pairwise(lags))
