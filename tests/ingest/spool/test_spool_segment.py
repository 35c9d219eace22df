"""How far a file is done, and what a damaged head does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.spool.segment import (
    CURSOR_AT,
    HEAD_BYTES,
    cursor,
    done_up_to,
    file_name,
    head,
    intact_head,
    number_of,
)


def marked(place: int, size: int) -> bytes:
    """A file of this size that is done up to a place."""
    data = head() + bytes(size - HEAD_BYTES)
    return data[:CURSOR_AT] + cursor(place) + data[HEAD_BYTES:]


@given(st.integers(HEAD_BYTES, 10_000), st.integers(0, 20_000))
def test_a_file_goes_on_where_it_is_done(size, place):
    possible = HEAD_BYTES <= place <= size
    assert done_up_to(marked(place, size)) == (place if possible else HEAD_BYTES)
    assert intact_head(marked(place, size)) == possible


@given(st.integers(0, HEAD_BYTES - 1), st.integers(1, 255))
def test_a_damaged_head_is_noticed_and_leads_to_the_beginning(at, change):
    data = bytearray(marked(500, 1000))
    data[at] ^= change
    assert not intact_head(bytes(data))
    assert done_up_to(bytes(data)) == (500 if at < CURSOR_AT else HEAD_BYTES)


@given(st.integers(0, HEAD_BYTES))
def test_a_head_that_broke_off_leads_to_the_beginning(size):
    assert done_up_to(head()[:size]) == HEAD_BYTES


@given(st.lists(st.integers(0, 10**12 - 1)))
def test_names_sort_like_their_numbers(numbers):
    names = [file_name(number) for number in sorted(numbers)]
    assert names == sorted(names)
    assert [number_of(name) for name in names] == sorted(numbers)


def test_other_files_have_no_number():
    assert [
        number_of(name) for name in ("spool.lock", "1.spool", "000000000001.spool~", "aside")
    ] == 4 * [None]
