"""The order in which a tail shows what it reads, and what it spares a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from records import Record

from streams.chunks import Place
from streams.tail.ordering import HOLD_S, Ordering
from streams.tail.thinning import Thinning

A, B = Place("a", 0), Place("b", 0)
RANK = {"a": 0, "b": 1}


def record(place: Place, offset: int, timestamp: int) -> Record:
    return Record(place.topic, place.partition, offset, b"", b"", (), timestamp)


def shown(records: Sequence[Any]) -> list[tuple[str, int]]:
    return [(one.topic, one.offset) for one in records]


_PARTITION = st.lists(st.integers(0, 30), max_size=12)


@given(_PARTITION, _PARTITION, st.integers(1, 4))
def test_what_was_there_comes_in_the_order_of_time_however_it_is_fetched(
    ours: list[int], theirs: list[int], fetch: int
) -> None:
    partitions = {
        place: [record(place, offset, at) for offset, at in enumerate(sorted(times))]
        for place, times in ((A, ours), (B, theirs))
    }
    ends = {place: len(records) for place, records in partitions.items()}
    ordering = Ordering({A: 0, B: 0}, ends, RANK)
    read = {A: 0, B: 0}
    out: list[Any] = []
    while ordering.catching_up:
        for place in ordering.wanted:
            some = partitions[place][read[place] : read[place] + fetch]
            read[place] += len(some)
            ordering.take(place, some, read[place], 0.0)
        out += ordering.due(0.0)
    out += ordering.rest()
    everything = [one for records in partitions.values() for one in records]
    assert shown(out) == shown(sorted(everything, key=lambda r: (r.timestamp, r.topic, r.offset)))


def test_a_partition_whose_records_are_gone_holds_up_nobody() -> None:
    ordering = Ordering({A: 0, B: 5}, {A: 3, B: 5}, RANK)
    assert ordering.wanted == [A]
    ordering.take(A, (), 3, 0.0)
    assert not ordering.catching_up


def test_live_a_record_waits_a_moment_for_an_earlier_one() -> None:
    ordering = Ordering({A: 0, B: 0}, {A: 0, B: 0}, RANK)
    ordering.take(B, [record(B, 0, 20)], 1, 1.0)
    assert ordering.due(1.0) == []
    ordering.take(A, [record(A, 0, 10), record(A, 1, 20), record(A, 2, 30)], 3, 1.0 + HOLD_S / 2)
    assert shown(ordering.due(1.0 + HOLD_S * 2)) == [("a", 0), ("a", 1), ("b", 0), ("a", 2)]


@given(st.lists(st.floats(0, 0.3), max_size=300), st.integers(1, 5))
def test_a_terminal_gets_so_many_lines_a_second_and_the_count_of_all_others(
    pauses: list[float], most: int
) -> None:
    thinning, now, told, times = Thinning(most), 0.0, 0, []
    for pause in pauses:
        now += pause
        told += thinning.left_out(now)
        if thinning.allows(now):
            times.append(now)
    assert told + thinning.left_out(now + 2) + len(times) == len(pauses)
    for earlier, later in zip(times, times[2 * most :], strict=False):
        assert later - earlier >= 1
    assert thinning.left_out(now + 3) == 0
