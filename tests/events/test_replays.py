"""How a replayed record is marked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import InvalidRecord
from events.replays import Replayed

texts = st.text(min_size=1, max_size=30)


@given(st.builds(Replayed, texts, st.text(max_size=30), st.none() | st.frozensets(texts, max_size=5)))
def test_what_is_written_is_read(replayed: Replayed) -> None:
    assert Replayed.from_headers([("event_id", b"1"), *replayed.headers()]) == replayed


def test_a_record_without_the_headers_is_live() -> None:
    assert Replayed.from_headers([("event_id", b"1"), ("replay.label", b"x")]) is None


@pytest.mark.parametrize(
    "headers",
    [
        [("replay.id", None)],
        [("replay.id", b"\xff")],
        [("replay.id", b"r"), ("replay.only", b"[1]")],
        [("replay.id", b"r"), ("replay.only", b'"a"')],
        [("replay.id", b"r"), ("replay.only", b"[")],
    ],
)
def test_what_cannot_be_read_is_refused(headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(InvalidRecord, match=r"replay\."):
        Replayed.from_headers(headers)
