"""Names and values as MoEngage takes them.

Source: MoEngage's Data Tracking Policies, Data API reference, Event Naming Conventions and Object Data
Type, read in November 2026. What MoEngage would cut, refuse or misread is made harmless here, always in
the same way, so that the same input gives the same name and value for good.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable
from functools import lru_cache
from math import isfinite
from typing import Any

import orjson

from events.codec import encode
from mappings.report import Change, Report, note

MAX_NAME_LENGTH = 200
MAX_STRING_LENGTH = 512
MAX_LIST_LENGTH = 50
MAX_EVENT_ATTRIBUTES = 100
#: MoEngage takes that many user attributes in a whole workspace; one user never has more.
MAX_USER_ATTRIBUTES = 256

#: What a name that MoEngage keeps for itself, or that is taken already, is put behind.
RENAMED_PREFIX = "intercom_"

#: MoEngage's own user attributes and the type that each must have (``conversion.convert``).
STANDARD_ATTRIBUTES = {
    "u_n": "string",
    "u_fn": "string",
    "u_ln": "string",
    "u_em": "string",
    "u_mb": "digits",
    "u_gd": "string",
    "u_bd": "string",
    "moe_unsubscribe": "bool",
    "moe_hard_bounce": "bool",
    "moe_spam": "bool",
}

# "uid" is the customer id itself; "moe_sms_subscription", "cr_t" and "u_l_a" are documented without a
# meaning that Intercom's data has.
_RESERVED = frozenset(
    {"", "status", "user_id", "source", "id", "_id", "install", "update", "uid", "customer_id"}
    | {"cr_t", "u_l_a"}
)
_RESERVED_STARTS = ("moe_", "user_attribute_")

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}").fullmatch
_CACHED_NAME_LENGTH = 256
INT64 = 1 << 63


def safe_name(name: str, prefix: str = "", lower: bool = False, standard: bool = False) -> str:
    """A name that MoEngage takes for an attribute or an event: ``Root cause?`` gives ``Root_cause``.

    Characters that MoEngage asks to avoid, blanks and emoji become one ``_``; letters of every script
    stay. Reserved names come out behind ``intercom_``, MoEngage's own user attributes too unless
    ``standard``. At most 200 characters; never empty.
    """
    if len(name) > _CACHED_NAME_LENGTH:
        return _safe_name(name, prefix, lower, standard)
    return _cached_name(name, prefix, lower, standard)


def is_reserved(name: str, *, standard: bool = False) -> bool:
    """Whether MoEngage keeps this name for itself; ``standard`` lets its own user attributes pass."""
    if name in STANDARD_ATTRIBUTES:
        return not standard
    folded = name.lower()
    return folded in _RESERVED or folded.startswith(_RESERVED_STARTS) or folded in STANDARD_ATTRIBUTES


def is_moengages_own(name: str) -> bool:
    """Whether MoEngage takes this name for a user's attribute and drops it from an event."""
    return name in STANDARD_ATTRIBUTES and name.startswith("moe_")


def renamed(name: str) -> str:
    """The name behind ``intercom_``."""
    return (RENAMED_PREFIX + name)[:MAX_NAME_LENGTH]


def name_changes(
    name: str, prefix: str = "", lower: bool = False, standard: bool = False
) -> tuple[Change, ...]:
    """What ``safe_name`` does to a name beyond writing it in characters that MoEngage takes."""
    spelled = _spelled(name, prefix, lower)
    changes: list[Change] = []
    if is_reserved(spelled, standard=standard):
        changes.append("name_renamed")
        spelled = RENAMED_PREFIX + spelled
    if len(spelled) > MAX_NAME_LENGTH:
        changes.append("name_cut")
    return tuple(changes)


def over(limit: int) -> Change:
    """What an attribute beyond this limit is counted as."""
    return "attribute_dropped_over_100" if limit == MAX_EVENT_ATTRIBUTES else "attribute_dropped_over_256"


def put(out: dict[str, Any], name: str, value: Any, limit: int, report: Report | None = None) -> None:
    """Add an attribute with a safe name to ``out``, as MoEngage takes it, while there is room for it.

    null, blank strings, empty lists, NaN and infinities are left out; strings are cut at 512 characters,
    but a URL beyond that is left out whole. An object becomes attributes ``name_key``, one level deep;
    what lies deeper becomes JSON text. A list keeps its first 50 scalars, all as strings where their
    types differ; a list of objects (a ticket's files) becomes ``name_count`` and ``name_names``.
    """
    kind = type(value)
    if kind is str:
        value = _safe_text(value, report)
        if value is None:
            return
    elif kind is int or kind is float:
        value = _safe_number(value, report)
        if value is None:
            return
    elif kind is list:
        _put_list(out, name, value, limit, report)
        return
    elif kind is dict:
        _put_object(out, name, value, limit, report)
        return
    elif kind is not bool:
        return
    if len(out) < limit:
        out[name] = value
    else:
        note(report, over(limit))


def safe_list(values: Iterable[Any], report: Report | None = None) -> list[Any]:
    """The first 50 scalars of one type; all of them as strings where their types differ."""
    kept: list[Any] = []
    kinds = set()
    for value in values:
        kind = type(value)
        if kind is str:
            value = _safe_text(value, report)
            if value is None:
                continue
        elif kind is int or kind is float:
            value = _safe_number(value, report)
            if value is None:
                continue
            kind = type(value) if type(value) is str else float
        elif kind is not bool:
            continue
        if len(kept) == MAX_LIST_LENGTH:
            note(report, "list_cut")
            break
        kinds.add(kind)
        kept.append(value)
    if len(kinds) <= 1:
        return kept
    note(report, "list_as_text")
    return [scalar_text(value) for value in kept]


def scalar_text(value: Any) -> str | None:
    """A string, number or boolean as text, the way JSON writes it; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not isfinite(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < INT64 else repr(value)
    return str(value) if isinstance(value, int) else None


def _put_list(
    out: dict[str, Any], name: str, values: list[Any], limit: int, report: Report | None
) -> None:
    objects = [value for value in values if type(value) is dict]
    if objects:
        _put_objects(out, name, objects, limit, report)
        return
    kept = safe_list(values, report)
    if not kept:
        return
    if len(out) < limit:
        out[name] = kept
    else:
        note(report, over(limit))


def _put_objects(
    out: dict[str, Any], name: str, objects: list[dict[str, Any]], limit: int, report: Report | None
) -> None:
    stem = name[: MAX_NAME_LENGTH - 6]
    put(out, f"{stem}_count", len(objects), limit, report)
    names = [value for value in (entry.get("name") for entry in objects) if type(value) is str]
    put(out, f"{stem}_names", names, limit, report)


def _put_object(
    out: dict[str, Any], name: str, value: dict[str, Any], limit: int, report: Report | None
) -> None:
    if "name" in value and ("content_type" in value or "filesize" in value):
        _put_objects(out, name, [value], limit, report)  # one file, where a ticket allows no more
        return
    for key in sorted(value):
        inner = value[key]
        if inner is None:
            continue
        inner_name = safe_name(f"{name}_{key}")
        if inner_name in out:
            note(report, "name_taken")
            continue
        if type(inner) is dict or (type(inner) is list and any(type(each) is dict for each in inner)):
            inner = _json_text(inner, report)
        put(out, inner_name, inner, limit, report)


def _json_text(value: Any, report: Report | None) -> str | None:
    """Compact JSON; None where it would have to be cut, for half a JSON text is of no use."""
    if not value:
        return None
    try:
        text = encode(value).decode()
    except orjson.JSONEncodeError:
        text = ""
    if not text or len(text) > MAX_STRING_LENGTH:
        note(report, "object_dropped")
        return None
    note(report, "object_as_text")
    return text


def _safe_text(value: str, report: Report | None) -> str | None:
    if not value or value.isspace():
        return None
    if len(value) <= MAX_STRING_LENGTH:
        return value
    if value.startswith(("http://", "https://")):
        note(report, "url_dropped")
        return None
    value = value[:MAX_STRING_LENGTH]
    if value.isspace():
        return None
    note(report, "text_cut")
    return value


def _safe_number(value: float, report: Report | None) -> float | str | None:
    """The number; text for an integer beyond 64 bits; None for NaN and infinities."""
    if type(value) is int:
        if -INT64 <= value < INT64:
            return value
        note(report, "number_as_text")
        return str(value)[:MAX_STRING_LENGTH]
    return value if isfinite(value) else None


def _safe_name(name: str, prefix: str, lower: bool, standard: bool) -> str:
    name = _spelled(name, prefix, lower)
    if is_reserved(name, standard=standard):
        name = RENAMED_PREFIX + name
    return name[:MAX_NAME_LENGTH]


def _spelled(name: str, prefix: str, lower: bool) -> str:
    """The name in characters that MoEngage takes, behind its prefix."""
    if lower:
        name = name.lower()
    if not _PLAIN_NAME(name):
        kept = "".join(character if _keeps(character) else " " for character in name)
        # A name without one usable character still needs one of its own.
        name = "_".join(kept.split()) or f"x{zlib.crc32(name.encode('utf-8', 'surrogatepass')):08x}"
    return prefix + (name.strip("_") or name) if prefix else name


_cached_name = lru_cache(maxsize=4096)(_safe_name)


def _keeps(character: str) -> bool:
    if character.isalnum() or character in "_-":
        return True
    # Vowel signs and accents belong to the letter before them; U+FE00 to U+FE0F only dress up emoji.
    return unicodedata.category(character) in ("Mn", "Mc") and not "\ufe00" <= character <= "\ufe0f"
