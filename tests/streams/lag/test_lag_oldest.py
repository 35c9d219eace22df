"""The timestamp of a record within what a broker returns: whole batches, the last of them cut off."""

from __future__ import annotations

import struct

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.lag.oldest import first_timestamp


def batch(base: int, *timestamps: int) -> bytes:
    """A batch whose first record has the offset ``base``."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=False, producer_id=-1, producer_epoch=-1,
        base_sequence=-1, batch_size=10_000,
    )  # fmt: skip
    for number, timestamp in enumerate(timestamps):
        builder.append(number, timestamp, None, b"x" * 100, [])
    built = builder.build()
    return struct.pack(">q", base) + bytes(built)[8:]


BATCHES = batch(40, 1000, 1001, 1002) + batch(50, 2000, 1999)


@pytest.mark.parametrize(
    ("offset", "timestamp"),
    [
        pytest.param(40, 1000, id="a batch's first"),
        pytest.param(42, 1002, id="within a batch"),
        pytest.param(43, 2000, id="one that is gone: the next there is"),
        pytest.param(51, 1999, id="within a later batch, and older than the one before"),
        pytest.param(52, None, id="behind all"),
    ],
)
def test_the_first_record_at_or_behind_an_offset(offset: int, timestamp: int | None) -> None:
    assert first_timestamp(BATCHES, offset) == timestamp


def test_a_batch_that_is_cut_off_tells_nothing() -> None:
    assert first_timestamp(BATCHES[:-1], 40) == 1000
    assert first_timestamp(BATCHES[:-1], 50) is None
    assert first_timestamp(b"", 0) is None
