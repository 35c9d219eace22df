"""Several partitions as one sequence."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from streams.replay.merging import Merge


class One(NamedTuple):
    partition: int
    offset: int
    timestamp: int


logs = st.dictionaries(st.integers(0, 5), st.lists(st.integers(0, 20), max_size=8), min_size=1)


def merged_at_once(log: dict[int, list[One]]) -> list[One]:
    """Always the earliest of the heads."""
    left = {partition: list(records) for partition, records in log.items() if records}
    out = []
    while left:
        partition = min(left, key=lambda one: (left[one][0].timestamp, one))
        out.append(left[partition].pop(0))
        if not left[partition]:
            del left[partition]
    return out


@given(logs, st.randoms(use_true_random=False))
def test_the_sequence_does_not_depend_on_how_records_arrive(
    timestamps: dict[int, list[int]], chance: Random
) -> None:
    log = {
        partition: [One(partition, offset, at) for offset, at in enumerate(times)]
        for partition, times in timestamps.items()
    }
    merge = Merge(log)
    left, came = {one: list(records) for one, records in log.items()}, []
    while left:
        partition = chance.choice(sorted(left))
        count = chance.randint(0, 3)
        merge.arrived(partition, left[partition][:count])
        left[partition] = left[partition][count:]
        if not left[partition]:
            merge.ended(partition)
            del left[partition]
        came += merge.ready()
        assert left or not merge.hungry
    assert came == merged_at_once(log)


def test_nothing_comes_before_every_open_partition_was_heard_of() -> None:
    merge = Merge([0, 1])
    merge.arrived(0, [One(0, 0, 5)])
    assert merge.hungry
    assert list(merge.ready()) == []
    merge.arrived(1, [One(1, 0, 3)])
    assert list(merge.ready()) == [One(1, 0, 3)]
    assert merge.waiting(0) == 1
    merge.ended(1)
    assert list(merge.ready()) == [One(0, 0, 5)]
    assert merge.hungry
