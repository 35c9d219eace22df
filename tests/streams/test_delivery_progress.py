"""What may be committed, and what is said to be done ahead of it."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import Record

from events.topics import DELIVERIES
from streams.chunks import Chunk, Place
from streams.delivery.progress import MAX_AHEAD_BYTES, Progress, read_ahead, write_ahead

PLACE = Place(DELIVERIES, 0)


def chunk(*offsets: int, epoch: int = 1, turn: int = 0) -> Chunk:
    records = [Record(DELIVERIES, 0, offset, b"k", b"v") for offset in offsets]
    return Chunk(PLACE, records, epoch, turn)


def nothing(place: Place) -> str:
    return ""


def test_the_prefix_moves_over_chunks() -> None:
    progress, first, second = Progress(), chunk(0, 1, 5), chunk(6, 7)
    assert progress.begin(first, nothing) == progress.begin(second, nothing) == []
    progress.mark([(first, 1), (second, 0)])
    assert progress.advance(PLACE) == []
    assert read_ahead(progress.ahead(PLACE)) == {1, 6}
    progress.mark([(first, 0)])
    assert progress.advance(PLACE) == [(first, 2)]
    assert read_ahead(progress.ahead(PLACE)) == {6}
    progress.mark([(first, 2)])
    assert progress.advance(PLACE) == [(first, 6), (second, 7)]
    assert (progress.ahead(PLACE), progress.chunks) == ("", [second])


def test_a_new_epoch_begins_anew() -> None:
    progress, old, new = Progress(), chunk(0, 1), chunk(0, 1, 2, epoch=2)
    progress.begin(old, nothing)
    progress.mark([(old, 1)])
    assert progress.begin(new, lambda place: write_ahead([2])) == [2]
    assert progress.mark([(old, 0)]) == set()
    assert progress.advance(PLACE) == []
    assert progress.chunks == [new]


def test_with_a_new_turn_a_partition_begins_anew_and_nothing_of_it_is_done() -> None:
    """The log may have been cut: the same offsets may be other records now."""
    progress, old, new = Progress(), chunk(0, 1), chunk(0, 1, 2, turn=1)
    progress.begin(old, lambda place: write_ahead([1, 2]))
    assert progress.begin(new, lambda place: write_ahead([1, 2])) == []
    assert progress.mark([(old, 0)]) == set()
    assert progress.chunks == [new]


def test_what_was_done_before_and_does_not_come_again_is_forgotten() -> None:
    """Offsets that the log does not have any more."""
    progress = Progress()
    progress.begin(chunk(0), lambda place: write_ahead([3, 9]))
    assert progress.begin(chunk(5, 6), nothing) == []
    assert read_ahead(progress.ahead(PLACE)) == {9}


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.data())
@settings(deadline=None)
def test_prefix_and_ahead_together_are_what_is_done(sizes: list[int], data: st.DataObject) -> None:
    progress, chunks, end = Progress(), [], 0
    for size in sizes:
        chunks.append(chunk(*range(end, end + size)))
        progress.begin(chunks[-1], nothing)
        end += size
    left = [(one, index) for one in chunks for index in range(len(one.records))]
    done: set[int] = set()
    prefix = 0
    for one, index in data.draw(st.permutations(left)):
        progress.mark([(one, index)])
        done.add(one.records[index].offset)
        for _, offset in progress.advance(PLACE):
            assert offset > prefix
            prefix = offset
        assert {*range(prefix), *read_ahead(progress.ahead(PLACE))} == done
        assert prefix not in done
    assert (prefix, progress.chunks) == (end, [])


@given(st.sets(st.integers(0, 30_000)), st.integers(0, 2**50))
@settings(deadline=None)
def test_what_is_ahead_comes_back_and_fits_a_commit(offsets: set[int], base: int) -> None:
    offsets = {base + offset for offset in offsets}
    text = write_ahead(offsets)
    assert len(text) <= 4096
    found = read_ahead(text)
    first = min(offsets, default=0)
    assert found == {offset for offset in offsets if offset < first + 8 * MAX_AHEAD_BYTES}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a1",
        "a1:",
        "a1:5",
        "a1:5:?",
        "a1:-5:AQ==",
        "a1:x:AQ==",
        "b1:5:AQ==",
        "a1:5:AQ",
        "some node's name",
    ],
)
def test_metadata_of_somebody_else_says_nothing(text: str) -> None:
    assert read_ahead(text) == set()


def test_how_it_is_written() -> None:
    bits = base64.b64encode(bytes([0b101, 1])).decode()
    assert write_ahead([18, 10, 12]) == f"a1:10:{bits}"
