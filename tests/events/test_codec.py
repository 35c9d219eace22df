"""JSON in and out."""

from __future__ import annotations

from typing import Any

import pytest

from events.codec import MAX_DEPTH, canonical, decode, decode_object, encode, kind_of
from events.errors import InvalidJson, InvalidPayload


@pytest.mark.parametrize(
    ("raw", "position", "line", "column"),
    [
        (b"", 0, 1, 1),
        (b'{"a": x}', 6, 1, 7),
        (b'{"a": 1,\n "b": }', 15, 2, 7),
        (b'{"a": "\xff"}', 7, 1, 1),  # not UTF-8: only the byte is known
        ('["éé", x]'.encode(), 9, 1, 8),  # columns are characters
    ],
)
def test_what_is_no_json_is_told_with_its_place(
    raw: bytes, position: int, line: int, column: int
) -> None:
    with pytest.raises(InvalidJson) as refusal:
        decode(raw)
    error = refusal.value
    assert (error.position, error.line, error.column) == (position, line, column)
    assert f"line {line}, column {column}, byte {position}" in str(error)


@pytest.mark.parametrize("raw", [b"NaN", b'{"a": NaN}', b"[Infinity]", b"-Infinity", b"1e999"])
def test_numbers_that_json_does_not_have_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidJson):
        decode(raw)


def test_a_message_about_bad_json_shows_none_of_it() -> None:
    with pytest.raises(InvalidJson) as refusal:
        decode(b'{"email": "ada@example.com" "name": 1}')
    assert "ada" not in str(refusal.value)


@pytest.mark.parametrize("raw", [b"null", b"true", b"1.5", b'"personal"', b"[]"])
def test_only_an_object_is_an_object(raw: bytes) -> None:
    with pytest.raises(InvalidPayload) as refusal:
        decode_object(raw)
    assert kind_of(decode(raw)) in str(refusal.value)
    assert "personal" not in str(refusal.value)


def test_every_kind_has_a_name() -> None:
    values: list[Any] = [None, True, 1, 1.5, "", [], {}]
    assert [kind_of(value) for value in values] == [
        "null", "a boolean", "a number", "a number", "a string", "a list", "an object",
    ]  # fmt: skip


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def test_what_is_read_can_be_written_again() -> None:
    """orjson reads 1024 levels and writes 254, so what is deeper than we take is refused at once."""
    assert canonical(decode_object(nested(MAX_DEPTH))) == nested(MAX_DEPTH)


@pytest.mark.parametrize(
    "levels",
    [
        pytest.param(
            MAX_DEPTH + 1,
        ),
        2 * MAX_DEPTH,
        300,
        1000,
    ],
)
def test_what_is_nested_too_deeply_is_refused(levels: int) -> None:
    with pytest.raises(InvalidPayload, match="nested"):
        decode_object(nested(levels))


def test_many_values_side_by_side_are_not_deep() -> None:
    wide = b'{"a":[' + b",".join([b'{"b":[{}]}'] * 500) + b"]}"
    assert len(decode_object(wide)["a"]) == 500


def test_a_value_too_deep_to_be_written_is_refused_as_data() -> None:
    with pytest.raises(InvalidPayload):
        canonical(decode(nested(300)))


def test_canonical_sorts_and_encode_does_not() -> None:
    one, other = {"b": 1, "a": {"d": 2, "c": 3}}, {"a": {"c": 3, "d": 2}, "b": 1}
    assert canonical(one) == canonical(other) == b'{"a":{"c":3,"d":2},"b":1}'
    assert encode(one) == b'{"b":1,"a":{"d":2,"c":3}}'
