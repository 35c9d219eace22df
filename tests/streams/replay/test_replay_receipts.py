"""The index of receipts: the newest word of a delivery counts, however the receipts come."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from events.receipts import OUTCOMES, Outcome, Receipt
from streams.replay.receipts import ReceiptIndex

IDS = ("a/0", "a/1", "b/0", "eu\x1fa/0")


def receipt(outcome: Outcome, at: int, *ids: str) -> Receipt:
    return Receipt(outcome, at, "default", 200, "r", {"v": ids[:1], "w": ids[1:]})


def indexed(written: list[tuple[int, Receipt]]) -> ReceiptIndex:
    index = ReceiptIndex()
    for timestamp, one in written:
        index.take(one, timestamp)
    return index


# A receipt is written when it came, or some time after.
written = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.integers(0, 3),
        st.sampled_from(OUTCOMES),
        st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True),
    ).map(lambda one: (one[0] + one[1], receipt(one[2], one[0], *one[3]))),
    max_size=12,
)


@given(written, st.data())
def test_any_interleaving_says_the_same_as_all_of_them_by_time(
    some: list[tuple[int, Receipt]], data: Any
) -> None:
    later = ("parked", "refused", "taken", "void")
    by_time = sorted(some, key=lambda one: (one[0], one[1].at, later.index(one[1].outcome)))
    expected: dict[str, Outcome] = {}
    for _, one in by_time:
        for ids in one.deliveries.values():
            expected.update(dict.fromkeys(ids, one.outcome))
    index = indexed(data.draw(st.permutations(some)))
    assert {name: index.outcome(name) for name in IDS} == {name: expected.get(name) for name in IDS}
    assert len(index) == len(expected)
    assert index.counts().total() == len(expected)


def test_what_is_redriven_was_taken_and_what_is_voided_was_not() -> None:
    index = indexed(
        [
            (30, receipt("void", 30, "b/0")),
            (20, receipt("taken", 19, "a/0", "b/0")),
            (10, receipt("refused", 10, "a/0", "a/1")),
            (10, receipt("parked", 10, "eu\x1fa/0")),
        ]
    )
    assert [index.outcome(name) for name in IDS] == ["taken", "refused", "void", "parked"]
    assert index.counts() == {"taken": 1, "refused": 1, "void": 1, "parked": 1}


def test_the_time_of_writing_counts_more_than_the_time_of_the_answer() -> None:
    """What a worker wrote late, after a pause, is newer than what it could not know."""
    index = indexed([(40, receipt("taken", 5, "a/0")), (30, receipt("void", 30, "a/0"))])
    assert index.outcome("a/0") == "taken"
