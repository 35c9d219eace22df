"""A worker's share of a workspace's rate: never more than it, less after 429s, and back."""

from __future__ import annotations

from bisect import bisect_left
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moengage.budgets import Budget, Rates


def spend(budget: Budget, request: int, seconds: float, *, begin: float = 0.0) -> list[float]:
    """Requests of one size as fast as they may go; when each went."""
    now, went = begin, []
    while (now := budget.ready_at(now)) < begin + seconds:
        budget.take(request, now)
        went.append(now)
    return went


@given(st.integers(600, 60_000), st.integers(10, 100), st.floats(0.05, 1.0), st.floats(0, 1e6))
@settings(deadline=None, max_examples=50)
def test_no_minute_holds_more_than_the_limit_and_most_of_it_is_used(
    per_minute: int, request: int, share: float, begin: float
) -> None:
    budget = Budget(per_minute)
    budget.set_share(share)
    went = spend(budget, request, 130.0, begin=begin)
    for first in range(0, len(went), 7):
        within = bisect_left(went, went[first] + 60) - first
        assert (within - 1) * request <= per_minute * share
    if per_minute * share > 20 * request:
        assert len(went) * request > 0.9 * per_minute * share * 130 / 60


def test_shares_of_all_partitions_together_are_the_limit() -> None:
    taken = 0
    for share in (1 / 8, 3 / 8, 4 / 8):
        budget = Budget(60_000)
        budget.set_share(share)
        assert budget.per_minute == 60_000 * share
        taken += len(spend(budget, 100, 60.0)) * 100
    assert 54_000 < taken <= 60_000


def test_without_a_limit_everything_may_go() -> None:
    budget = Budget(0)
    budget.take(10**9, 5.0)
    assert (budget.ready_at(5.0), budget.per_minute) == (5.0, inf)


def test_the_largest_request_fits_the_smallest_share() -> None:
    budget = Budget(60)
    budget.set_share(0.1)
    assert budget.ready_at(0.0) == 0.0
    budget.take(100, 0.0)
    assert budget.ready_at(0.0) == pytest.approx(100 / (6 * 0.98 / 61), rel=0.01)


def test_a_429_lowers_the_rate_once_in_a_while_and_it_comes_back() -> None:
    budget = Budget(1000)
    budget.exceeded(10.0)
    budget.exceeded(10.5)  # the other requests that were out
    assert budget.per_minute == pytest.approx(750, rel=0.01)
    budget.take(1000, 10.5)
    budget.exceeded(11.0)
    assert budget.per_minute == pytest.approx(562.5, rel=0.01)
    budget.ready_at(11.0 + 60)
    assert budget.per_minute == pytest.approx(662.5, rel=0.01)
    budget.ready_at(11.0 + 3600)
    assert budget.per_minute == 1000


def test_a_429_lowers_no_rate_of_which_little_is_used() -> None:
    budget, lowered = Budget(60_000), Budget(60_000)
    for second in range(120):
        budget.take(100, float(second))  # a tenth of it
        lowered.take(900, float(second))
    for one in (budget, lowered):
        one.exceeded(120.0)
    assert budget.per_minute == 60_000
    assert lowered.per_minute == 45_000


def test_one_answer_in_ten_being_a_429_leaves_most_of_the_way_open() -> None:
    budget = Budget(60_000)
    for number in range(6_000):  # ten minutes of ten requests a second, of ten elements
        budget.take(10, number / 10)
        if number % 10 == 0:
            budget.exceeded(number / 10)
    assert budget.per_minute > 6_000


def test_what_was_not_taken_does_not_count() -> None:
    budget = Budget(6_000)
    budget.take(500, 0.0)
    later = budget.ready_at(0.0)
    budget.give_back(500, 0.0)
    assert later > 4.0
    assert budget.ready_at(0.0) == 0.0


def test_the_rate_has_a_floor() -> None:
    budget = Budget(1000)
    for second in range(100):
        budget.take(1000, float(second))
        budget.exceeded(float(second))
    assert budget.per_minute >= 20


def test_two_configurations_of_a_workspace_keep_to_the_lower_limits() -> None:
    assert Rates.least([Rates(100, 0, 5), Rates(50, 200, 0)]) == Rates(50, 200, 5)
    assert Rates.least([Rates(0, 0, 0)]) == Rates(0, 0, 0)
