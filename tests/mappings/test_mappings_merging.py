"""Which users are merged: those under ids that Intercom made up, unless told otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from events.rows import ContactRow
from mappings.merging import MERGES, Merges, is_made_up, merges_contacts, merges_on_change


@pytest.mark.parametrize(
    ("customer_id", "profile", "made_up"),
    [
        ("intercom:c1", {}, True),
        ("intercom:c1", {"role": "user", "external_id": "0"}, True),
        ("a-uuid", {"role": "lead", "external_id": "a-uuid"}, True),
        ("a-uuid", {"role": "lead", "external_id": " a-uuid "}, True),
        ("a-uuid", {"role": "user", "external_id": "a-uuid"}, False),
        ("a-uuid", {"external_id": "a-uuid"}, False),  # nothing told of the role
        ("ada@example.com", {"role": "lead", "external_id": "a-uuid"}, False),
        ("7", {"role": "lead", "external_id": 7}, False),
    ],
)
def test_which_ids_intercom_makes_up(customer_id: str, profile: dict[str, Any], made_up: bool) -> None:
    assert is_made_up(ContactRow("c1", profile=profile), customer_id) is made_up


@pytest.mark.parametrize(
    ("merges", "merged"),
    [
        ("off", []),
        ("intercom_ids", ["made up to own", "made up to made up"]),
        ("all", ["made up to own", "made up to made up", "own to own"]),
    ],
)
def test_what_a_changed_id_merges(merges: Merges, merged: list[str]) -> None:
    changes = {
        "made up to own": (True, False),
        "made up to made up": (True, True),
        "own to own": (False, False),
        "own to made up": (False, True),  # never: the contact only lost its external id
    }
    assert merged == [
        name
        for name, (old, new) in changes.items()
        if merges_on_change(merges, old_made_up=old, new_made_up=new)
    ]


def test_what_a_merge_in_intercom_merges() -> None:
    assert [m for m in MERGES if merges_contacts(m, made_up=True)] == ["intercom_ids", "all"]
    assert [m for m in MERGES if merges_contacts(m, made_up=False)] == ["all"]
