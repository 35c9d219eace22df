"""JSON in and out, by orjson, with errors that say where."""

from __future__ import annotations

from typing import Any

import orjson

from events.errors import InvalidJson, InvalidPayload

#: Levels of objects and lists in a payload.
MAX_DEPTH = 100


def decode(raw: bytes) -> Any:
    """Read JSON. Raises InvalidJson with the position; NaN and Infinity are refused."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        position = _byte_position(raw, error.pos)
        raise InvalidJson(error.msg, position=position, line=error.lineno, column=error.colno) from None


def decode_object(raw: bytes) -> dict[str, Any]:
    """Read a JSON object. Raises InvalidJson, or InvalidPayload for any other kind of value.

    Also where it is nested deeper than MAX_DEPTH: orjson reads 1024 levels and writes 254, and what is
    read here must be written again, in rows and elements.
    """
    value = decode(raw)
    if not isinstance(value, dict):
        raise InvalidPayload("$", f"expected a JSON object, got {kind_of(value)}")
    # A value cannot be deeper than it has brackets; few payloads have that many.
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise InvalidPayload("$", f"nested too deeply; at most {MAX_DEPTH} levels are taken")
    return value


def encode(value: Any) -> bytes:
    """Write JSON in the order of the keys."""
    return orjson.dumps(value)


def canonical(value: Any) -> bytes:
    """Write JSON with sorted keys: equal values give equal bytes.

    Raises InvalidPayload where orjson cannot write it, being nested too deeply.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise InvalidPayload("$", "nested too deeply to be written") from None


def _byte_position(raw: bytes, character: int) -> int:
    """orjson counts characters, and says 0 for bytes that are no UTF-8."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(text[:character].encode())


def _deeper_than(value: Any, levels: int) -> bool:
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    return levels < 1 or any(
        _deeper_than(one, levels - 1) for one in inner if type(one) is dict or type(one) is list
    )


def kind_of(value: Any) -> str:
    """Name a decoded value's JSON kind, for messages that must not show the value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"
