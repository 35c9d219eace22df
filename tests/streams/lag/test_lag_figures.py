"""Lag of a partition and of a group from looks: seconds, rates, distance to loss, and what is no data."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chunks import Place
from streams.lag.commits import Sample, commits_of, judge
from streams.lag.figures import Rates, age_s, figures_of, rates_of
from streams.lag.look import GroupLook, Owner, PartitionLook, WatchedGroup, watched
from streams.lag.report import document, report_of
from streams.lag.verdict import Commit, Verdict

OWNER = Owner("worker-1-abc", "worker-1", "/10.0.0.7")
NOW = 1_800_000_000_000


def samples(*looks: PartitionLook, step_ms: int = 1000) -> list[Sample]:
    """A look every second, the last one at NOW."""
    return [Sample(NOW - (len(looks) - 1 - n) * step_ms, look) for n, look in enumerate(looks)]


def owned(begin: int, end: int, committed: int | None, oldest_ms: int | None = None) -> PartitionLook:
    return PartitionLook(begin, end, committed, oldest_ms, OWNER)


def left(begin: int, end: int, committed: int | None, oldest_ms: int | None = None) -> PartitionLook:
    return PartitionLook(begin, end, committed, oldest_ms)


# -- offsets and seconds --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("look", "lag", "expired", "waiting", "position", "seconds"),
    [
        pytest.param(owned(0, 100, 90, NOW - 2500), 10, 0, 10, 90, 2.5, id="behind"),
        pytest.param(owned(0, 100, 100), 0, 0, 0, 100, 0.0, id="idle"),
        pytest.param(owned(100, 100, 100), 0, 0, 0, 100, 0.0, id="idle, and all expired since"),
        pytest.param(owned(0, 0, None), 0, 0, 0, 0, None, id="empty"),
        pytest.param(left(5, 5, None), 0, 0, 0, 5, None, id="empty, after retention, and no commit"),
        pytest.param(left(20, 50, None, NOW - 9000), 30, 0, 30, 20, 9.0, id="no commit"),
        pytest.param(left(40, 50, 10, NOW - 9000), 40, 30, 10, 10, 9.0, id="some have expired"),
        pytest.param(left(50, 50, 10), 40, 40, 0, 10, None, id="all have expired"),
        pytest.param(left(0, 30, 80, NOW - 1000), 30, 0, 30, 0, 1.0, id="the topic was made anew"),
        pytest.param(owned(0, 100, 90), 10, 0, 10, 90, None, id="the record was not read"),
        pytest.param(owned(0, 100, 90, -1), 10, 0, 10, 90, None, id="a record without a timestamp"),
        pytest.param(owned(0, 100, 90, NOW + 5000), 10, 0, 10, 90, 0.0, id="a clock that is ahead"),
    ],
)
def test_a_look_at_a_partition(
    look: PartitionLook, lag: int, expired: int, waiting: int, position: int, seconds: float | None
) -> None:
    assert (look.lag, look.expired, look.waiting, look.position) == (lag, expired, waiting, position)
    assert age_s(Sample(NOW, look)) == seconds


def test_how_far_retention_is_from_the_oldest_that_waits() -> None:
    [sample] = samples(owned(0, 100, 90, NOW - 60_000))
    assert figures_of([sample], retention_ms=100_000).loss_s == 40.0
    assert figures_of([sample], retention_ms=30_000).loss_s == 0.0
    assert figures_of([sample], retention_ms=None).loss_s is None
    assert figures_of(samples(owned(0, 100, 100)), retention_ms=100_000).loss_s is None


# -- rates ----------------------------------------------------------------------------------------


def test_rates_and_the_time_until_nothing_waits() -> None:
    rates = rates_of(samples(owned(0, 100, 50), owned(0, 110, 75), owned(0, 120, 110)))
    assert rates == Rates(arrival=10.0, delivery=30.0)
    assert rates.velocity == -20.0
    assert rates.time_to_close(10) == 0.5
    assert rates.time_to_close(0) == 0.0
    assert Rates(5.0, 5.0).time_to_close(10) is None


def test_one_look_gives_no_rates() -> None:
    assert rates_of(samples(owned(0, 100, 50))) is None
    assert rates_of([Sample(NOW, owned(0, 100, 50)), Sample(NOW, owned(0, 100, 60))]) is None


def test_a_first_commit_counts_from_the_first_record() -> None:
    assert rates_of(samples(owned(1000, 1100, None), owned(1000, 1100, 1100))) == Rates(0.0, 100.0)


def test_going_back_is_no_delivery_and_a_new_topic_no_arrival() -> None:
    assert rates_of(samples(owned(0, 100, 90), owned(0, 100, 10), owned(0, 100, 30))) == Rates(0.0, 10.0)
    assert rates_of(samples(owned(0, 1000, 1000), owned(0, 5, 5))) == Rates(0.0, 0.0)


def test_what_expired_was_not_delivered() -> None:
    assert rates_of(samples(left(0, 100, 10), owned(80, 100, 100))) == Rates(0.0, 20.0)


# -- commits --------------------------------------------------------------------------------------


def test_an_owner_stands_by_its_offset_and_without_one_only_a_change_counts() -> None:
    seen = samples(owned(0, 9, 5), owned(0, 9, 5), left(0, 9, 5), left(0, 9, 5), left(0, 9, 7))
    assert commits_of(seen) == [
        Commit(NOW - 4000, 5, 4), Commit(NOW - 3000, 5, 4), Commit(NOW, 7, 2),
    ]  # fmt: skip


def test_a_partition_nobody_owns_was_committed_before_the_first_look() -> None:
    assert commits_of(samples(left(0, 9, 5), left(0, 9, 5))) == [Commit(NOW - 1001, 5, 4)]
    assert commits_of(samples(left(0, 0, None))) == []


@pytest.mark.parametrize(
    ("looks", "complete", "verdict"),
    [
        pytest.param([left(0, 9, 5)], False, Verdict.STOP, id="one look is enough: nobody is there"),
        pytest.param([left(0, 9, 9)], False, Verdict.OK, id="nobody is there, and nothing waits"),
        pytest.param([left(0, 9, None)], False, Verdict.STOP, id="nobody is there, and no commit"),
        pytest.param([left(0, 0, None)], False, Verdict.OK, id="empty"),
        pytest.param([owned(0, 9, 5)], True, Verdict.OK, id="one look at an owner says nothing"),
        pytest.param([owned(0, 9, 5)] * 5, True, Verdict.STALL, id="an owner that stands still"),
        pytest.param([owned(0, 9, None)] * 5, True, Verdict.STALL, id="that never committed"),
        pytest.param([owned(0, 9, 5)] * 5, False, Verdict.OK, id="before the window is whole"),
        pytest.param([owned(7, 9, 5)] * 5, True, Verdict.STALL, id="before what has expired"),
        pytest.param([owned(0, 0, None)] * 5, True, Verdict.OK, id="an owner of an empty one"),
        pytest.param([owned(0, 9, 9)] * 4 + [owned(0, 999, 9)], True, Verdict.OK, id="a burst"),
        pytest.param([owned(0, 9, 5)] * 2 + [left(0, 9, 5)] * 3, True, Verdict.STOP, id="it died"),
        pytest.param([left(0, 9, 9)] * 4 + [left(0, 11, 9)], True, Verdict.OK, id="new for nobody"),
    ],
)
def test_the_verdict_on_looks(looks: list[PartitionLook], complete: bool, verdict: Verdict) -> None:
    assert judge(samples(*looks), complete=complete) is verdict


def test_a_rebalance_is_no_stop() -> None:
    [sample] = samples(left(0, 9, 5))
    moving = replace(sample, moving=True)
    assert judge([moving], complete=True) is Verdict.OK
    assert judge([moving, replace(moving, at_ms=NOW + 1000)], complete=False) is Verdict.OK
    before = samples(owned(0, 9, 5), owned(0, 12, 8), owned(0, 12, 10), left(0, 12, 10))
    assert judge([*before[:3], replace(before[3], moving=True)], complete=True) is Verdict.OK


# -- groups ---------------------------------------------------------------------------------------

GROUP = WatchedGroup("g", {"events": "route", "deliveries": "deliver"})


def look(at_ms: int, *, exists: bool = True, **partitions: PartitionLook) -> GroupLook:
    """Partitions as ``events_0``."""
    places = {Place(n.split("_")[0], int(n.split("_")[1])): one for n, one in partitions.items()}
    return GroupLook(at_ms, exists, False, places, {"events": 100_000, "deliveries": 50_000})


def test_stages_add_up_their_partitions_and_keep_the_oldest() -> None:
    looks = [
        look(NOW - 10_000, events_0=owned(0, 100, 40), events_1=owned(0, 10, 10),
             deliveries_0=owned(0, 5, 5)),
        look(NOW, events_0=owned(0, 120, 100, NOW - 4000), events_1=owned(0, 30, 10, NOW - 9000),
             deliveries_0=owned(0, 5, 5)),
    ]  # fmt: skip
    report = report_of(GROUP, looks, window=2)
    route, deliver = report.stages().values()
    assert (route.lag, route.seconds, route.rates, route.loss_s) == (40, 9.0, Rates(4.0, 6.0), 91.0)
    assert route.time_to_close_s == 20.0
    assert (deliver.lag, deliver.seconds, deliver.loss_s) == (0, 0.0, None)
    assert (report.total().lag, report.total().seconds) == (40, 9.0)
    assert report.verdict is Verdict.OK


def test_one_partition_that_stands_still_is_an_error_of_its_group_however_little_waits() -> None:
    fine = owned(0, 100, 100)
    stuck = look(NOW, events_0=fine, deliveries_0=owned(0, 7, 6))
    report = report_of(GROUP, [replace(stuck, at_ms=NOW - 1000 * n) for n in (2, 1, 0)], window=3)
    assert report.verdict is Verdict.ERR
    assert [total.verdict for total in report.stages().values()] == [Verdict.OK, Verdict.ERR]


def test_before_the_window_is_whole_nothing_is_said_of_pace_nor_of_a_partition_that_is_new() -> None:
    stuck = {"events_0": owned(0, 7, 6)}
    more = {**stuck, "events_1": owned(0, 7, 6)}
    looks = [look(NOW - 2000, **stuck), look(NOW - 1000, **more), look(NOW, **more)]
    early = report_of(GROUP, looks[:2], window=3)
    assert (early.verdict, early.complete) == (Verdict.OK, pytest.approx(2 / 3))
    whole = report_of(GROUP, looks, window=3)
    assert [one.verdict for one in whole.partitions] == [Verdict.STALL, Verdict.OK]


def test_a_group_that_the_broker_does_not_know() -> None:
    report = report_of(GROUP, [look(NOW, exists=False, events_0=left(0, 9, None, NOW - 1000))], window=3)
    assert report.verdict is Verdict.NOTFOUND
    assert report.total().lag == 9
    assert report_of(GROUP, [look(NOW)], window=3).verdict is Verdict.NOTFOUND


def test_every_stage_is_watched_behind_its_prefix() -> None:
    assert watched("p.moebridge", "p.").stages == {
        "p.intercom.events": "route",
        "p.intercom.contacts": "contacts",
        "p.intercom.companies": "companies",
        "p.moengage.deliveries": "deliver",
    }


offsets = st.integers(0, 30)
any_look = st.builds(
    lambda begin, more, committed, oldest, has_owner: PartitionLook(
        begin, begin + more, committed, oldest, OWNER if has_owner else None
    ),
    offsets, offsets, st.none() | st.integers(0, 70),
    st.none() | st.integers(-1, NOW + 10_000), st.booleans(),
)  # fmt: skip


@given(st.lists(any_look, min_size=1, max_size=6), st.integers(1, 6))
def test_whatever_is_seen_no_figure_is_negative_or_not_a_number(
    looks: list[PartitionLook], window: int
) -> None:
    seen = [look(NOW + n * 1000, events_0=one) for n, one in enumerate(looks)]
    made = document(report_of(GROUP, seen, window=window))
    text = json.dumps(made, allow_nan=False)
    assert "NaN" not in text

    def check(part: object) -> None:
        if isinstance(part, dict):
            for name, value in part.items():
                if isinstance(value, int | float) and name != "velocity_per_s":
                    assert value >= 0, name
                    assert math.isfinite(value), name
                check(value)
        elif isinstance(part, list):
            for one in part:
                check(one)

    check(made)
