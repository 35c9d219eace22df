"""Receipts of what MoEngage took."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codec import decode, encode
from events.errors import InvalidData
from events.receipts import OUTCOMES, Receipt

texts = st.text(max_size=20)
receipts = st.builds(
    Receipt,
    outcome=st.sampled_from(OUTCOMES),
    at=st.integers(0, 2**50),
    config=texts,
    status=st.integers(0, 599),
    request_id=texts,
    deliveries=st.dictionaries(texts, st.lists(texts, max_size=4).map(tuple), max_size=3),
)


@given(receipts)
def test_what_is_written_is_read(receipt: Receipt) -> None:
    assert Receipt.read(receipt.value()) == receipt


@given(receipts, st.sampled_from(["outcome", "at", "config", "status", "request_id", "deliveries"]))
def test_what_lacks_a_field_or_has_another_kind_of_it_is_refused(receipt: Receipt, name: str) -> None:
    fields = decode(receipt.value())
    for broken in ({k: v for k, v in fields.items() if k != name}, {**fields, name: None}):
        with pytest.raises(InvalidData, match="receipt"):
            Receipt.read(encode(broken))


@pytest.mark.parametrize("value", [None, b"", b"[]", b"{"])
def test_what_is_no_object_is_refused(value: bytes | None) -> None:
    with pytest.raises(InvalidData):
        Receipt.read(value)
