"""Names and values as MoEngage takes them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mappings.conversion import TYPES, to_datetime
from mappings.safety import put, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("plan", "plan"),
        ("planType-2", "planType-2"),
        ("ticket.state.updated", "ticket_state_updated"),
        ("Root cause?", "Root_cause"),
        ("a $.<+%>!`&*#|{?\"=}/:\\@' b", "a_b"),
        ("Größe", "Größe"),
        ("नाम", "नाम"),
        ("✈️ flight", "flight"),
        ("status", "intercom_status"),
        ("Status", "intercom_Status"),
        ("MOE_anything", "intercom_MOE_anything"),
        ("USER_ATTRIBUTE_X", "intercom_USER_ATTRIBUTE_X"),
        ("u_em", "intercom_u_em"),
        ("uid", "intercom_uid"),
        ("n" * 300, "n" * 200),
    ],
)
def test_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert safe_name(safe) == safe, "a safe name stays as it is"


def test_a_name_without_a_usable_character_still_is_one_of_its_own() -> None:
    assert re.fullmatch("x[0-9a-f]{8}", safe_name("🎉"))
    assert safe_name("🎉") != safe_name("🎈")


def test_prefix_case_and_standard() -> None:
    assert safe_name("_default Title_", "ticket_", lower=True) == "ticket_default_title"
    assert safe_name("moe_spam", standard=True) == "moe_spam"
    assert safe_name("moe_sms_subscription", standard=True) == "intercom_moe_sms_subscription"


def filled(value: Any, limit: int = 100) -> dict[str, Any]:
    out: dict[str, Any] = {}
    put(out, "a", value, limit)
    return out


@pytest.mark.parametrize("value", [None, "", " \n\u00a0", [], [None, ""], {}, float("nan"), [[1]]])
def test_nothing_is_left_out(value: Any) -> None:
    assert filled(value) == {}


@pytest.mark.parametrize(
    ("value", "out"),
    [
        (False, {"a": False}),
        (0, {"a": 0}),
        ("x" * 600, {"a": "x" * 512}),
        ("https://x.example/" + "x" * 600, {}),
        (1 << 70, {"a": str(1 << 70)}),
        ([1, 2.5], {"a": [1, 2.5]}),
        ([1, "b", True, 2.0], {"a": ["1", "b", "true", "2"]}),
        (list(range(90)), {"a": list(range(50))}),
        ({"b": 1, "c d": {"e": [1]}}, {"a_b": 1, "a_c_d": '{"e":[1]}'}),
        ({"b": {"c": "x" * 600}}, {}),
        ([{"name": "f.png", "url": "u"}, {"name": None}], {"a_count": 2, "a_names": ["f.png"]}),
        ({"name": "f.png", "filesize": 3, "url": "u"}, {"a_count": 1, "a_names": ["f.png"]}),
    ],
)
def test_values(value: Any, out: dict[str, Any]) -> None:
    assert filled(value) == out


def test_there_is_no_room_beyond_the_limit() -> None:
    assert len(filled({f"k{n}": n for n in range(9)}, limit=4)) == 4


@pytest.mark.parametrize(
    ("kind", "value", "out"),
    [
        ("string", 5, "5"),
        ("string", 5.0, "5"),
        ("string", True, "true"),
        ("string", {"a": 1}, None),
        ("number", "12", 12),
        ("number", "1.5", 1.5),
        ("number", "inf", None),
        ("number", True, None),
        ("bool", "TRUE ", True),
        ("bool", 0, False),
        ("bool", "maybe", None),
        ("list", "a", ["a"]),
        ("list", {"a": 1}, None),
    ],
)
def test_types(kind: str, value: Any, out: Any) -> None:
    assert TYPES[kind](value) == out


@pytest.mark.parametrize(
    ("value", "out"),
    [
        ("2026-01-10T04:11:34.013+00:00", "2026-01-10T04:11:34Z"),
        ("2026-01-10T04:11:34Z", "2026-01-10T04:11:34Z"),
        ("2026-01-10T04:11:34+05:30", "2026-01-09T22:41:34Z"),
        ("2026-01-10 04:11:34", "2026-01-10T04:11:34Z"),
        ("2026-W02-6T04:11:34Z", "2026-01-10T04:11:34Z"),
        ("2026-01-10", "2026-01-10T00:00:00Z"),
        (1_768_018_294, "2026-01-10T04:11:34Z"),
        (1_768_018_294_999, "2026-01-10T04:11:34Z"),
        ("1768018294", "2026-01-10T04:11:34Z"),
        ("1710111223059", "2024-03-10T22:53:43Z"),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        (0, None),
        (True, None),
    ],
)
def test_times(value: Any, out: str | None) -> None:
    assert to_datetime(value) == out
