from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moengage.batching import Batch, Batcher, BatchLimits
from moengage.bodies import FRAME_BYTES, SEPARATOR_BYTES, transition
from moengage.errors import InvalidConfig

LIMITS = BatchLimits(max_items=3, max_bytes=100, max_seconds=2.0)


def test_a_batch_is_complete_with_its_last_item_and_at_its_size() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    assert batcher.add("a", 10, 1.0) == []
    assert batcher.add("b", 10, 1.5) == []
    assert batcher.add("c", 10, 1.6) == [Batch(("a", "b", "c"), 30, 1.0)]
    assert batcher.add("d", 100, 2.0) == [Batch(("d",), 100, 2.0)]
    assert batcher.flush() is None


def test_what_does_not_fit_starts_the_next_batch() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    batcher.add("a", 60, 1.0)
    assert batcher.add("b", 60, 1.1) == [Batch(("a",), 60, 1.0)]
    assert batcher.flush() == Batch(("b",), 60, 1.1)


@pytest.mark.parametrize(("separator", "size", "fits"), [(0, 40, True), (0, 41, False), (1, 40, False)])
def test_the_whole_body_counts_to_the_byte(separator: int, size: int, fits: bool) -> None:
    batcher: Batcher[str] = Batcher(BatchLimits(9, 100, 2.0, frame_bytes=10, separator_bytes=separator))
    batcher.add("a", 50, 1.0)
    complete = batcher.add("b", size, 1.1)
    assert complete == [Batch(("a", "b"), 100, 1.0) if fits else Batch(("a",), 60, 1.0)]


def test_an_item_too_large_for_any_batch_goes_alone() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    batcher.add("a", 10, 1.0)
    assert batcher.add("huge", 500, 1.1) == [Batch(("a",), 10, 1.0), Batch(("huge",), 500, 1.1)]


def test_the_deadline_counts_from_the_first_item() -> None:
    batcher: Batcher[str] = Batcher(LIMITS)
    assert batcher.deadline is None
    batcher.add("a", 10, 1.0)
    batcher.add("b", 10, 2.9)
    assert batcher.deadline == 3.0
    assert batcher.flush() == Batch(("a", "b"), 20, 1.0)
    assert batcher.deadline is None


@pytest.mark.parametrize("field", ["max_items", "max_bytes", "max_seconds"])
def test_limits_that_hold_nothing_are_refused_by_name(field: str) -> None:
    settings = {"max_items": 1, "max_bytes": 1, "max_seconds": 0.0, field: -1}
    with pytest.raises(InvalidConfig, match=field):
        BatchLimits(**settings)  # type: ignore[arg-type]


Steps = st.lists(st.tuples(st.integers(1, 60), st.floats(0, 1.5)), max_size=60)


@given(
    steps=Steps,
    max_items=st.integers(1, 6),
    max_bytes=st.integers(40, 200),
    max_seconds=st.sampled_from([0.0, 0.7, 2.0]),
)
def test_nothing_is_lost_or_reordered_and_the_limits_hold(
    steps: list[tuple[int, float]], max_items: int, max_bytes: int, max_seconds: float
) -> None:
    limits = BatchLimits(max_items, max_bytes, max_seconds, FRAME_BYTES, SEPARATOR_BYTES)
    batcher: Batcher[tuple[bytes, float]] = Batcher(limits)
    batches: list[Batch[tuple[bytes, float]]] = []
    items = []
    now = 0.0
    for size, pause in steps:
        now += pause
        item = (b"x" * size, now)
        items.append(item)
        batches += batcher.add(item, size, now)
        assert batcher.deadline is None or batcher.deadline > now
    last = batcher.flush()
    batches += [last] if last else []

    assert [item for batch in batches for item in batch.items] == items
    for batch in batches:
        assert 1 <= len(batch.items) <= max_items
        assert batch.size == len(transition([body for body, _ in batch.items]))
        assert batch.size <= max_bytes or len(batch.items) == 1
        assert batch.started_at == batch.items[0][1]
        assert len(batch.items) == 1 or batch.items[-1][1] < batch.started_at + max_seconds
