"""What the engine changes for MoEngage's sake is counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest
from mapping_samples import RECEIVED_AT, moment

from mappings.report import CHANGES, Change
from mappings.rules import load, map_moment

EVENT = """
rules:
  - when: contact
    event: {expr: payload.kind, default: e}
    at: payload.when
    attributes:
      plan: {value: own}
      intercom_plan: {value: own}
      number: {expr: payload.number, type: number}
      listed: {expr: payload.listed, type: list}
    spread: [{from: payload.map}]
"""
MANY = {f"k{number}": number for number in range(300)}
LONG = "n" * 300


def counted(tmp_path: Path, rules: str, body: dict[str, Any]) -> dict[str, int]:
    (tmp_path / "own.yaml").write_text(rules)
    compiled = load(tmp_path)
    what = moment("contact", document=body)
    report: Counter[str] = Counter()
    elements = map_moment(compiled, what, report)
    assert map_moment(compiled, what) == elements, "whether counted or not"
    again: Counter[str] = Counter()
    map_moment(compiled, what, again)
    assert again == report, "every time, though names are remembered"
    return dict(report)


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        ({"map": {"Root cause?": "card"}}, {}),
        ({"map": {"status": "a", "MOE_x": "b"}}, {"name_renamed": 2}),
        ({"map": {LONG: "a"}}, {"name_cut": 1}),
        ({"map": {"Plan": "a"}}, {"name_taken": 1}),
        ({"map": {"Seats": 1, "seats": 2, "SEATS": 3}}, {"name_renamed": 1, "name_taken": 1}),
        ({"map": {"a": "x" * 513}}, {"text_cut": 1}),
        ({"map": {"a": "https://" + "x" * 600}}, {"url_dropped": 1}),
        ({"map": {"a": list(range(51))}}, {"list_cut": 1}),
        ({"map": {"a": [*range(50), "", None]}}, {}),
        ({"listed": list(range(51))}, {"list_cut": 1}),
        ({"map": {"a": [1, "b"]}}, {"list_as_text": 1}),
        ({"map": {"a": 1 << 63}}, {"number_as_text": 1}),
        ({"map": {"a": {"b": {"c": 1}}}}, {"object_as_text": 1}),
        ({"map": {"a": {"b": {"c": "x" * 600}}}}, {"object_dropped": 1}),
        ({"map": {"a": {"b": 1, "B ": 2}}}, {}),
        ({"map": {"a": {"b!": 1, "b?": 2}}}, {"name_taken": 1}),
        ({"number": "many"}, {"value_unreadable": 1}),
        ({"number": ""}, {}),
        ({"map": MANY}, {"attribute_dropped_over_100": 300 - 95}),
        ({"map": {**MANY, "k0": None}}, {"attribute_dropped_over_100": 299 - 95}),
        ({"when": RECEIVED_AT + 1000}, {"time_clamped": 1}),
        ({"kind": "install"}, {"name_renamed": 1}),
    ],
)
def test_of_an_event(tmp_path: Path, body: dict[str, Any], changes: dict[str, int]) -> None:
    assert counted(tmp_path, EVENT, {"number": 1, **body}) == changes


def test_of_users_that_become_one(tmp_path: Path) -> None:
    user = "{when: contact, user: true, spread: [{from: payload.%s}]}"
    rules = f"rules:\n  - {user % 'a'}\n  - {user % 'b'}\n"
    body = {"a": MANY, "b": {"other": 1, "k0": 5}}
    assert counted(tmp_path, rules, body) == {"attribute_dropped_over_256": 300 - 256 + 1}


def test_every_change_is_described() -> None:
    assert set(CHANGES) == set(get_args(Change))
