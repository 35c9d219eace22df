"""No customer id gets more in a minute than MoEngage's fair use allows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from moengage.fair_use import FairUse

arrivals = st.lists(
    st.tuples(st.sampled_from("ab"), st.floats(0, 20, allow_nan=False)), min_size=1, max_size=80
)


@given(arrivals, st.integers(1, 6), st.floats(0, 1e5))
@settings(deadline=None)
def test_no_minute_holds_more_than_the_limit(
    arrivals: list[tuple[str, float]], limit: int, begin: float
) -> None:
    fair, now = FairUse(limit), begin
    went: dict[str, list[float]] = {"a": [], "b": []}
    for customer, after in arrivals:
        now += after
        if fair.allows(customer, now):
            went[customer].append(now)
    for times in went.values():
        assert all(sum(at <= other < at + 60 for other in times) <= limit for at in times)


def test_whoever_had_as_much_as_is_fair_may_go_on_when_it_says() -> None:
    fair = FairUse(2)
    assert [fair.allows("a", at) for at in (3.0, 7.0, 8.0)] == [True, True, False]
    assert fair.allows("b", 8.0)
    free_at = fair.free_at("a", 8.0)
    assert 63 <= free_at <= 65
    assert not fair.allows("a", free_at - 0.001)
    assert fair.allows("a", free_at)
    assert not fair.allows("a", free_at)  # the other one is a minute old later


def test_nothing_is_kept_of_customers_that_are_quiet() -> None:
    fair = FairUse(2)
    for number in range(100):
        fair.allows(f"c{number}", float(number))
    fair.allows("z", 1000.0)
    assert len(fair._totals) == 1


def test_without_a_limit_nothing_is_counted() -> None:
    fair = FairUse(0)
    assert all(fair.allows("a", 0.0) for _ in range(10_000))
    assert (fair._totals, fair.free_at("a", 5.0)) == ({}, 5.0)
