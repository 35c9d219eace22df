"""JSON in and out, by orjson, with errors that say where."""

from __future__ import annotations

from typing import Any

import orjson

from events.errors import InvalidJson, InvalidPayload


def decode(raw: bytes) -> Any:
    """Read JSON. Raises InvalidJson with the position; NaN and Infinity are refused."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidJson(error.msg, position=error.pos, line=error.lineno, column=error.colno) from None


def decode_object(raw: bytes) -> dict[str, Any]:
    """Read a JSON object. Raises InvalidJson, or InvalidPayload for any other kind of value."""
    value = decode(raw)
    if not isinstance(value, dict):
        raise InvalidPayload("$", f"expected a JSON object, got {kind_of(value)}")
    return value


def encode(value: Any) -> bytes:
    """Write JSON in the order of the keys."""
    return orjson.dumps(value)


def canonical(value: Any) -> bytes:
    """Write JSON with sorted keys: equal values give equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


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
