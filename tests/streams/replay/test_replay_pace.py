"""How fast a replay goes: its share of the budgets, and live traffic first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moengage.budgets import Rates
from moengage.limits import BULK_EVENTS_PER_MINUTE
from streams.replay.pace import LOOK_COUNTS_S, Pace, PaceConfig


def pace(users: int = 6000, events: int = 12000, *, share: float = 0.5, max_ahead: int = 100) -> Pace:
    made = Pace(PaceConfig(Rates(users, events), share, max_ahead))
    made.looked(0, 0.0)
    return made


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), st.floats(0, 2)), max_size=200),
    st.floats(0.05, 1),
)
def test_never_more_than_its_share_and_a_batch(
    batches: list[tuple[int, int, float]], share: float
) -> None:
    made, now = pace(share=share), 0.0
    went: list[tuple[float, int, int]] = []
    for users, events, pause in batches:
        now = max(now + pause, made.ready_at(now + pause))
        made.published(users + events, users, events, now)
        went.append((now, users, events))
    for first, (began, _, _) in enumerate(went):
        within = [one for one in went[first:] if one[0] < began + 60]
        # The last batch may reach beyond the minute.
        assert sum(users for _, users, _ in within[:-1]) <= 6000 * share * 1.0001
        assert sum(events for _, _, events in within[:-1]) <= 12000 * share * 1.0001


def test_a_share_is_used() -> None:
    made, now, sent = pace(), 0.0, 0
    while now < 60:
        made.published(20, 0, 20, now)
        sent += 20
        now = made.ready_at(now)
    assert 0.9 * 6000 <= sent <= 6000 * 1.02 + 20


def test_after_a_wait_it_does_not_catch_up() -> None:
    made, now = pace(), 0.0
    made.published(0, 0, 10, now)
    now = made.ready_at(60.0)  # live traffic was behind
    assert now == 60.0
    made.published(0, 0, 10, now)
    assert made.ready_at(now) == pytest.approx(60.1)


def test_without_a_limit_of_its_own_moengages_counts() -> None:
    config = PaceConfig(Rates(0, 0), 0.25)
    assert config.events_per_minute == BULK_EVENTS_PER_MINUTE / 4
    assert config.minutes(0, BULK_EVENTS_PER_MINUTE) == 4
    assert PaceConfig(Rates(10, 1000), 0.5).minutes(10, 1000) == 2


def test_live_first_and_what_was_published_since_the_look_counts() -> None:
    made = pace(max_ahead=100)
    assert made.has_room(100, 0.1)
    assert not made.has_room(101, 0.1) or made.behind(0.1) == 0
    made.published(60, 0, 0, 0.2)
    assert made.behind(0.3) == 60
    assert made.has_room(40, 0.3)
    assert not made.has_room(41, 0.3)
    made.looked(30, 0.25)  # begun after that batch: the broker counts it
    assert made.behind(0.3) == 30
    made.published(10, 0, 0, 0.4)
    made.looked(35, 0.35)  # begun before it
    assert made.behind(0.5) == 45


def test_a_batch_larger_than_the_bound_goes_once_nothing_waits() -> None:
    made = pace(max_ahead=10)
    assert made.has_room(100, 0.1)
    made.looked(1, 0.2)
    assert not made.has_room(100, 0.3)


@pytest.mark.parametrize("lag", [None, 0])
def test_no_look_or_an_old_one_is_no_permission(lag: int | None) -> None:
    made = pace()
    made.looked(lag, 1.0)
    assert made.has_room(1, 1.0 + LOOK_COUNTS_S) is (lag == 0)
    assert not made.has_room(1, 1.1 + LOOK_COUNTS_S)
    assert made.behind(1.1 + LOOK_COUNTS_S) is None


def test_before_the_first_look_nothing_goes() -> None:
    assert not Pace(PaceConfig(Rates())).has_room(1, 0.0)


def test_a_batch_is_a_tenth_of_a_second() -> None:
    made = pace(users=6000, events=12000, share=0.5)
    assert not made.full(4, 9)
    assert made.full(5, 0)
    assert made.full(0, 10)
    assert pace(users=1, events=1).full(1, 0)
    assert not pace(users=1, events=1).full(0, 0)
