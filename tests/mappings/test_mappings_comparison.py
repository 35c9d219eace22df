"""What counts as a difference between what two mappings make of one event."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mapping_samples import moment

from events.elements import DeleteElement, Element, EventElement, MergeElement, UserElement
from mappings.comparison import Comparison

USER = UserElement("cust-1", {"a": 1, "b": "x"})
EVENT = EventElement("cust-1", "made", {"a": 1}, 1_768_035_600_000)
MERGE = MergeElement("cust-1", "intercom:c1")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (USER, replace(USER, attributes={"a": True, "b": "x"}), "  + a: True"),
        (USER, replace(USER, attributes={"a": 1}), "  - b: 'x'"),
        (USER, replace(USER, customer_id="cust-2"), "  + (customer_id): 'cust-2'"),
        (EVENT, replace(EVENT, occurred_at=1), "  + (time): 1"),
        (EVENT, replace(EVENT, name="other"), "+ other of cust-1"),
        (EVENT, MERGE, "+ (merge) of cust-1"),
        (MERGE, replace(MERGE, merged_id="intercom:c2"), "  + (merged): 'intercom:c2'"),
        (MERGE, DeleteElement("cust-1"), "+ (delete) of cust-1"),
    ],
)
def test_a_difference(old: Element, new: Element, line: str) -> None:
    compared = Comparison()
    compared.add(moment().envelope, [old], [new])
    assert compared.changed == 1
    assert line in compared.examples[0].lines


def test_no_difference() -> None:
    compared = Comparison()
    compared.add(moment().envelope, [USER, EVENT], [replace(USER, attributes={"b": "x", "a": 1}), EVENT])
    assert compared.lines() == ["events: 1, of which 0 become something else"]
