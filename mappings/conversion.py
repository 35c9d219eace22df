"""The types that a rule can ask for, and what a value becomes under each.

A value that cannot be read as the type becomes None, which drops the attribute: MoEngage fixes an
attribute's type by the first value that it sees, and a wrong one would spoil it for good.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from events.times import iso_utc, parse_ms
from mappings.safety import scalar_text

Converter = Callable[[Any], Any]

_NOT_DIGITS = re.compile(r"[^0-9]+")
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}


def to_string(value: Any) -> str | None:
    """Text as it is, a number or boolean as JSON writes it."""
    return value if type(value) is str else scalar_text(value)


def to_number(value: Any) -> float | None:
    """A number, or text that is one: an int where it is whole."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return None
    return value if isinstance(value, float) and isfinite(value) else None


def to_bool(value: Any) -> bool | None:
    """A boolean, 1 or 0, or the words true, false, yes, no."""
    if isinstance(value, bool):
        return value
    text = scalar_text(value)
    return None if text is None else _BOOLEANS.get(text.strip().lower())


def to_datetime(value: Any) -> str | None:
    """``YYYY-MM-DDTHH:MM:SSZ``, the only form of a time that MoEngage takes for one.

    From an ISO 8601 text (UTC where it names no zone), or epoch seconds or milliseconds. Fractions of a
    second are cut off.
    """
    if isinstance(value, str):
        text = iso_datetime(value)
        if text is not None:
            return text
        try:
            value = float(value)
        except ValueError:
            return None
    ms = parse_ms(value)
    return None if ms is None else iso_utc(ms)


def iso_datetime(text: str) -> str | None:
    """The same of an ISO 8601 text in its extended form alone (digits alone may as well be a number)."""
    if text[4:5] != "-":
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is UTC and text[7] == "-" and text[10] == "T" and text[16:17] == ":":
            return text[:19] + "Z"  # as Intercom writes it; anything else takes twice the time
        if moment.tzinfo is not None and moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.isoformat(timespec="seconds")[:19] + "Z"


def to_list(value: Any) -> list[Any] | None:
    """The scalars of a list; a scalar becomes a list of one. ``safety.put`` makes it one of one type."""
    if isinstance(value, list):
        return [each for each in value if isinstance(each, str | bool | int | float)] or None
    return None if value is None or isinstance(value, dict) else [value]


def digits(value: Any) -> str | None:
    """The digits of a telephone number, which is how MoEngage wants it: no plus, no blanks."""
    text = scalar_text(value)
    if text is None:
        return None
    return _NOT_DIGITS.sub("", text) or None


def sha256(value: Any) -> str | None:
    """The SHA-256 of a value's text in UTF-8, as 64 hex digits in lower case.

    Blanks around the text are cut off, and an e-mail address (a text with an @ and no blanks) is put in
    lower case, so that one address has one hash however it is written. None for lists and objects.
    """
    text = scalar_text(value)
    text = text.strip() if text is not None else ""
    if not text:
        return None
    if "@" in text and len(text.split()) == 1:
        text = text.lower()
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


#: What ``hash:`` may be in a rule.
HASHES: Mapping[str, Converter] = {"sha256": sha256}

#: What ``type:`` may be in a rule.
TYPES: Mapping[str, Converter] = {
    "string": to_string,
    "number": to_number,
    "bool": to_bool,
    "datetime": to_datetime,
    "list": to_list,
}

#: And what MoEngage's own attributes may be besides.
CONVERTERS: Mapping[str, Converter] = {**TYPES, "digits": digits}
