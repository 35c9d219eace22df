"""Records in a file: whatever is cut off or overwritten, the others are found, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.envelope import Envelope, Source
from events.errors import InvalidRecord
from ingest.spool.record import MARK, decode, encode, scan

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_times = st.integers(0, 2**53)
_events = st.tuples(
    st.builds(
        Envelope,
        source=st.sampled_from(Source),
        topic=_texts,
        event_id=_texts,
        workspace=_texts,
        config=_texts,
        received_at=_times,
        occurred_at=_times,
        payload=_texts.map(str.encode) | st.just(b"{}"),
    ),
    _texts.map(str.encode),
)
_files = st.lists(_events, max_size=8)


def written(events) -> tuple[bytes, list[int]]:
    """A file's bytes, and where each record ends."""
    data, ends = b"", []
    for event in events:
        data += encode(*event)
        ends.append(len(data))
    return data, ends


def found(data: bytes, start: int = 0):
    """The events in a file; checks that its pieces follow each other without gaps."""
    events, at = [], start
    for piece in scan(data, start):
        assert piece.start == at < piece.end
        at = piece.end
        if piece.body is not None:
            events.append(decode(piece.body))
    assert at == len(data)
    return events


@given(_files)
def test_what_was_written_is_read(events):
    data, ends = written(events)
    assert found(data) == events
    for number, end in enumerate(ends, 1):
        assert found(data, end) == events[number:]


@given(_files.filter(bool), st.data())
def test_a_record_whose_writing_broke_off_is_known_as_such(events, data):
    whole, ends = written(events)
    cut = data.draw(st.integers(0, len(whole)))
    left = sum(end <= cut for end in ends)
    pieces = list(scan(whole[:cut]))
    assert found(whole[:cut]) == events[:left]
    assert [piece.torn for piece in pieces if piece.body is None] == (
        [True] if cut not in (0, *ends) else []
    )


@given(_files, st.integers(1, 5000))
def test_zeros_at_the_end_are_a_record_that_was_not_written_yet(events, zeros):
    data, _ = written(events)
    assert found(data + bytes(zeros)) == events
    assert list(scan(data + bytes(zeros)))[-1].torn


@given(_files.filter(bool), st.binary(min_size=1, max_size=60), st.data())
def test_damage_costs_the_records_that_it_hits_and_no_other(events, noise, data):
    whole, ends = written(events)
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = (whole[:at] + noise + whole[at + len(noise) :])[: len(whole)]
    starts = [0, *ends[:-1]]
    left = [
        event
        for event, start, end in zip(events, starts, ends, strict=True)
        if whole[start:end] == damaged[start:end]
    ]
    assert found(damaged) == left
    if len(left) < len(events):
        assert any(piece.body is None for piece in scan(damaged))


@given(_files.filter(bool), st.binary(max_size=30).filter(lambda noise: MARK not in noise), st.data())
def test_bytes_that_come_between_are_stepped_over(events, noise, data):
    place = data.draw(st.integers(0, len(events)))
    before, _ = written(events[:place])
    after, _ = written(events[place:])
    assert found(before + noise + after) == events


def test_a_length_that_is_damaged_at_the_end_is_no_torn_record():
    data = bytearray(encode(Envelope(Source.WEBHOOK, "t", "id", "w", "c", 1, 1, b"{}"), b"k"))
    data[6] ^= 1  # its length, larger than the file
    [piece] = scan(bytes(data))
    assert (piece.body, piece.torn) == (None, False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0",
        b"\0\0\0\5abc",
        b"\0\0\0\1a",
        b"\0\0\0\1k\0\0\0\1v\0\0\0\1\xff\0\0\0\1x",
        b"\0\0\0\1k\0\0\0\1v\0\0\0\1n\0\0\0\1x",
    ],
)
def test_a_body_of_another_form_is_refused(body):
    with pytest.raises(InvalidRecord):
        decode(body)
