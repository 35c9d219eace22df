"""Misses against a model, and the outage."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from intercom.misses import Misses
from intercom.outage import Outage

Steps = st.lists(
    st.tuples(st.sampled_from(["remember", "ask"]), st.integers(0, 4), st.sampled_from([0, 1, 4])),
    min_size=40,
    max_size=80,
)


@given(steps=Steps, max_keys=st.integers(0, 3), ttl_s=st.sampled_from([0, 5, 1000]))
def test_misses_are_remembered_for_their_time_and_the_least_used_goes_first(
    steps: list[tuple[str, int, int]], max_keys: int, ttl_s: int
) -> None:
    misses: Misses[int] = Misses(max_keys=max_keys, ttl_s=ttl_s)
    model: list[tuple[int, int]] = []  # (key, when), the most recently used last
    now = 0
    for what, key, passes in steps:
        now += passes
        known = [entry for entry in model if entry[0] == key]
        model = [entry for entry in model if entry[0] != key]
        if what == "remember":
            misses.remember(key, now)
            model.append((key, now))
            model = model[max(0, len(model) - max_keys) :]
        else:
            fresh = [(k, when) for k, when in known if now - when < ttl_s]
            assert misses.remembers(key, now) is bool(fresh)
            model += fresh
        assert len(misses) == len(model) <= max_keys


def test_a_miss_from_the_future_is_forgotten() -> None:
    misses: Misses[str] = Misses(max_keys=5, ttl_s=10)
    misses.remember("a", 1000)
    assert not misses.remembers("a", 900)


def test_it_rests_after_failures_in_a_row_and_then_after_each() -> None:
    outage = Outage(threshold=2, rest_s=10)
    outage.failed(100)
    assert not outage.resting(100)
    outage.succeeded()
    outage.failed(101)
    assert not outage.resting(101)
    outage.failed(102)
    assert outage.resting(111.9)
    assert not outage.resting(112)
    outage.failed(113)
    assert outage.resting(113)
    assert not outage.resting(50)  # the clock was set back
    outage.succeeded()
    assert not outage.resting(113)


def test_without_a_rest_it_never_rests() -> None:
    outage = Outage(threshold=1, rest_s=0)
    outage.failed(100)
    assert not outage.resting(100)
