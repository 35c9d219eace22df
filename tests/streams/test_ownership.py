"""Changelog records of a former owner that came late do not count, however they got between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.ownership import HEADER, Owner, Succession, decoded, owner_of

KEYS = (b"a", b"b", b"c")


def test_owners_are_written_and_read() -> None:
    owner = Owner(120, 7)
    assert owner_of([("other", b"x"), (HEADER, owner.encoded())]) == owner
    assert owner_of([]) is None
    assert owner_of(None) is None
    assert decoded(b"no owner") is None


def test_who_took_over_further_on_is_younger_whatever_the_group_counts() -> None:
    """A group that was forgotten begins to count anew."""
    assert Owner(100, 57) < Owner(120, 1)
    assert Owner(100, 57) < Owner(100, 58)  # neither wrote, one was cast out


def test_a_late_record_does_not_count_and_is_remembered_until_its_key_is_written() -> None:
    log = Succession()
    old, new = Owner(0, 1), Owner(2, 2)
    assert log.counts(b"a", 0, old)
    assert log.counts(b"a", 2, new)
    assert not log.counts(b"a", 3, old)
    assert log.late == {b"a": 3}
    assert log.counts(b"a", 4, new)
    assert log.late == {}


def test_records_from_before_owners_were_written_always_count() -> None:
    log = Succession()
    assert log.counts(b"a", 0, Owner(0, 1))
    assert log.counts(b"a", 1, None)
    assert log.counts(b"a", 2, Owner(0, 1))


def test_the_next_owner_is_younger_than_all_that_were_seen() -> None:
    """Also where the log was cut, and ends before its youngest owner began."""
    for youngest in (None, Owner(3, 9), Owner(500, 9)):
        log = Succession(youngest)
        owner = log.take_over(100, 1)
        assert youngest is None or owner > youngest
        assert log.youngest == owner


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[tuple[bytes, int, Owner]], dict[bytes, int]]:
    """A changelog of several owners in turn, with what former ones wrote late put anywhere behind; and
    the rows as they must be.

    Values are numbers that grow. An owner begins where the log ends as he reads it, so after all that
    counts by then.
    """
    log: list[tuple[bytes, int, Owner]] = []
    rows: dict[bytes, int] = {}
    former: list[Owner] = []
    value = 0
    for generation in range(1, draw(st.integers(1, 5)) + 1):
        owner = Owner(len(log), generation)
        writes = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=6))
        for key in writes:
            value += 1
            log.append((key, value, owner))
            rows[key] = value
            if former and draw(st.booleans()):
                late = draw(st.sampled_from(former))
                log.append((draw(st.sampled_from(KEYS)), -value, late))
        former.append(owner)
    return log, rows


def fold(
    log: list[tuple[bytes, int, Owner]], rows: dict[bytes, int], succession: Succession, first: int
) -> None:
    for offset in range(first, len(log)):
        key, value, owner = log[offset]
        if succession.counts(key, offset, owner):
            rows[key] = value


@given(logs())
def test_the_fold_of_a_log_with_late_records_is_that_of_the_log_without(case: tuple) -> None:
    log, rows = case
    read: dict[bytes, int] = {}
    fold(log, read, Succession(), 0)
    assert read == rows


@given(logs(), st.data())
def test_reading_on_from_a_kept_store_comes_to_the_same(case: tuple, data: st.DataObject) -> None:
    """What is kept: rows, the youngest owner, and the offset before the first late record still open."""
    log, rows = case
    kept: dict[bytes, int] = {}
    youngest: Owner | None = None
    at = 0
    for _ in range(data.draw(st.integers(1, 4))):
        to = data.draw(st.integers(at, len(log)))
        succession = Succession(youngest)
        fold(log[:to], kept, succession, at)
        youngest = succession.youngest
        at = min([to, *succession.late.values()])
    fold(log, kept, Succession(youngest), at)
    assert kept == rows


@given(logs())
def test_writing_late_keys_once_more_leaves_a_log_whose_last_records_are_the_rows(case: tuple) -> None:
    """So that compaction, which keeps the last record of each key, keeps what counts."""
    log, rows = case
    succession = Succession()
    read: dict[bytes, int] = {}
    fold(log, read, succession, 0)
    owner = succession.take_over(len(log), 99)
    log += [(key, read[key], owner) for key in succession.late if key in read]
    compacted = {key: value for key, value, _ in log}
    assert {key: value for key, value in compacted.items() if value > 0} == rows
