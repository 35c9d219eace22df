"""The verdict on a partition and on a group: Burrow's rules, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.lag.verdict import Commit, Verdict, group_verdict, partition_verdict


@dataclass(frozen=True)
class Case:
    """``commits``: second, offset, lag then. ``ends``: recent end offsets. ``now``: second."""

    name: str
    commits: Sequence[tuple[float, int, int | None]]
    ends: Sequence[int]
    lag: int
    now: float
    verdict: Verdict
    allowed: int = 0


def every_10_s(*offsets_and_lags: tuple[int, int | None]) -> list[tuple[float, int, int | None]]:
    """Commits from second 10 on."""
    return [(10.0 * (n + 1), offset, lag) for n, (offset, lag) in enumerate(offsets_and_lags)]


FALLING_BEHIND = every_10_s((40, 0), (70, 6), (95, 13), (120, 19), (150, 31))
ALWAYS_BEHIND = every_10_s((40, 4), (70, 6), (95, 13), (120, 19), (150, 31))
STUCK_AND_GROWING = every_10_s((40, 8), (40, 9), (40, 15), (40, 15), (40, 22))
BACK_AND_BEYOND = every_10_s((40, 8), (70, 9), (95, 15), (60, 60), (130, 22))
#: A commit a second, each of one record, always at the end.
KEEPING_UP = [(1000.0 + n, 7001 + n, 0) for n in range(15)]

#: What Burrow's own tests show, as situations of ours.
RULES = [
    Case("lag was zero in the window", FALLING_BEHIND, [181], 31, 60, Verdict.OK),
    Case("silent for exactly as long as the window", FALLING_BEHIND, [181], 31, 90, Verdict.OK),
    Case("silent for longer than the window", FALLING_BEHIND, [181], 31, 91, Verdict.STOP),
    Case("the same, and never without lag", ALWAYS_BEHIND, [181], 31, 91, Verdict.STOP),
    Case(
        "the same offset, but at first nothing waited",
        every_10_s((40, 0), (40, 9), (40, 15), (40, 15), (40, 22)),
        [62], 22, 60, Verdict.OK,
    ),
    Case("the same offset, and more and more waits", STUCK_AND_GROWING, [62], 22, 60, Verdict.STALL),
    Case(
        "the same offset, and a little waits, always the same",
        every_10_s((40, 2), (40, 2), (40, 2), (40, 2), (40, 2)),
        [42], 2, 60, Verdict.STALL,
    ),
    Case("went back, and is beyond where it was", BACK_AND_BEYOND, [152], 22, 60, Verdict.OK),
    Case("silent, but nothing waits any more", ALWAYS_BEHIND, [181], 0, 500, Verdict.OK),
    Case(
        "silent, was always at the end, and that is long ago",
        KEEPING_UP, [7900, 7800, 7500, 7300, 7100], 885, 1040, Verdict.STOP,
    ),
    Case(
        "silent, but one of the recent ends is where it stands: what waits has just come",
        KEEPING_UP, [7015, 7015, 7015, 7016], 1, 1040, Verdict.OK,
    ),
    Case(
        "commits whose lag is not known say nothing about lag",
        every_10_s(
            (40, 0), (55, None), (70, 6), (80, None), (95, 13), (99, None), (120, 19), (150, None)
        ),
        [181], 31, 90, Verdict.OK,
    ),
    Case(
        "silent, and no more waits than is allowed",
        every_10_s((40, 3), (70, 1), (70, 1)), [71], 1, 55, Verdict.OK, allowed=1,
    ),
    Case("a lower allowed lag changes nothing", STUCK_AND_GROWING, [62], 22, 60, Verdict.STALL, 7),
    Case("nor for a rewind that is made good", BACK_AND_BEYOND, [152], 22, 60, Verdict.OK, 7),
    Case(
        "went back, and is not where it was",
        every_10_s((40, 8), (70, 9), (95, 15), (60, 60), (80, 52)), [132], 52, 60, Verdict.REWIND,
    ),
]  # fmt: skip

#: What upstream has no case for.
FURTHER = [
    Case("advances, and more and more waits", ALWAYS_BEHIND, [181], 31, 60, Verdict.WARN),
    Case(
        "advances as fast as records come, always the same lag",
        every_10_s((40, 9), (70, 9), (95, 9)), [104], 9, 40, Verdict.WARN,
    ),
    Case(
        "advances, and the lag was less than before, once",
        every_10_s((40, 20), (70, 25), (95, 24), (120, 40)), [160], 40, 50, Verdict.OK,
    ),
    Case(
        "advances, never less lag, but lags that are not known stand in between",
        every_10_s((40, 9), (60, None), (70, 9), (80, None), (95, 12)), [107], 12, 60, Verdict.WARN,
    ),
    Case(
        "advances with more lag than allowed all the time",
        ALWAYS_BEHIND, [181], 31, 60, Verdict.WARN, allowed=3,
    ),
    Case(
        "advances, and there was a moment with no more lag than allowed",
        ALWAYS_BEHIND, [181], 31, 60, Verdict.OK, allowed=4,
    ),
    Case("one commit says nothing about pace", every_10_s((40, 9)), [49], 9, 10, Verdict.OK),
    Case("one commit, long ago", every_10_s((40, 9)), [49], 9, 11, Verdict.STOP),
    Case("no commit at all", [], [49], 49, 11, Verdict.OK),
    Case(
        "went back to the beginning from the end of the partition",
        every_10_s((90, 0), (0, 90), (10, 80)), [90], 80, 40, Verdict.REWIND,
    ),
    Case(
        "went back for a moment, and to exactly where it was",
        every_10_s((90, 10), (80, 20), (90, 15)), [105], 15, 40, Verdict.OK,
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", [*RULES, *FURTHER], ids=lambda case: case.name)
def test_the_verdict_on_a_partition(case: Case) -> None:
    commits = [Commit(round(at * 1000), offset, lag) for at, offset, lag in case.commits]
    found = partition_verdict(
        commits, case.ends, lag=case.lag, now_ms=round(case.now * 1000), allowed_lag=case.allowed
    )
    assert found is case.verdict


def test_there_are_as_many_cases_as_upstream_has() -> None:
    assert len(RULES) == 16
    assert {case.verdict for case in FURTHER} >= {Verdict.WARN}


@given(
    commits=st.lists(
        st.tuples(st.integers(0, 100), st.integers(0, 50), st.none() | st.integers(0, 20)), max_size=8
    ),
    ends=st.lists(st.integers(0, 60), max_size=4),
    allowed=st.integers(0, 5),
    now=st.integers(100, 300),
)
def test_without_lag_nothing_is_ever_wrong(
    commits: list[tuple[int, int, int | None]], ends: list[int], allowed: int, now: int
) -> None:
    window = [Commit(at, offset, lag) for at, offset, lag in sorted(commits, key=lambda one: one[0])]
    for lag in range(allowed + 1):
        assert partition_verdict(window, ends, lag=lag, now_ms=now, allowed_lag=allowed) is Verdict.OK


@pytest.mark.parametrize(
    ("partitions", "group"),
    [
        ([], Verdict.OK),
        ([Verdict.OK, Verdict.OK], Verdict.OK),
        ([Verdict.OK, Verdict.WARN], Verdict.WARN),
        ([Verdict.WARN, Verdict.STALL, Verdict.OK], Verdict.ERR),
        ([Verdict.STOP], Verdict.ERR),
        ([Verdict.REWIND], Verdict.ERR),
    ],
)
def test_the_verdict_on_a_group_is_that_on_its_worst_partition(
    partitions: list[Verdict], group: Verdict
) -> None:
    assert group_verdict(partitions) is group
