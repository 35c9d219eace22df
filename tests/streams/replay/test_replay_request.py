"""A replay's request travels as JSON, and nothing of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codec import decode, encode
from events.errors import InvalidRecord
from streams.replay.request import Filters, ReplayRequest

texts = st.frozensets(st.text(max_size=8), max_size=3)
filters = st.builds(Filters, texts, texts, texts, texts, texts, texts, texts, texts, st.text(max_size=8))
offsets = st.integers(0, 2**53)
requests = st.builds(
    ReplayRequest,
    id=st.text("0123456789abcdef", min_size=12, max_size=12),
    config=st.text(max_size=8),
    kind=st.sampled_from(["derive", "deliver"]),
    spans=st.dictionaries(st.integers(0, 200), st.tuples(offsets, offsets), max_size=4),
    filters=filters,
    only_missing=st.booleans(),
    label=st.text(max_size=8),
    created_at=offsets,
)


@given(requests)
def test_a_request_comes_back_as_it_was(request: ReplayRequest) -> None:
    assert ReplayRequest.read(decode(encode(request.document()))) == request


WHOLE = ReplayRequest(
    "0123456789ab",
    "default",
    "derive",
    {0: (0, 9)},
    Filters(),
    only_missing=False,
    label="",
    created_at=5,
).document()


@pytest.mark.parametrize(
    "change",
    [
        {"id": 7},
        {"kind": "redrive"},
        {"spans": {"x": [0, 1]}},
        {"spans": {"0": [0]}},
        {"spans": {"0": [0, True]}},
        {"only_missing": "yes"},
        {"created_at": None},
        {"filters": None},
        {"filters": {"contacts": "c-1"}},
        {"filters": {"colour": ["red"]}},
        {"filters": {"where": 1}},
    ],
)
def test_what_was_not_written_so_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidRecord, match="replay: "):
        ReplayRequest.read(WHOLE | change)
