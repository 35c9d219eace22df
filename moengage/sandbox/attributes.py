"""What MoEngage does to attributes without saying so: cut off, dropped, counted here by reason.

Sources, read in November 2026: Data Tracking Policies, Data Overview, Support for Object Data Type.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from moengage.limits import (
    DOCUMENTED_MOE_ATTRIBUTES,
    MAX_EVENT_ATTRIBUTES,
    MAX_LIST_ELEMENTS,
    MAX_NAME_CHARS,
    MAX_VALUE_CHARS,
    RESERVED_ATTRIBUTES,
    RESERVED_PREFIXES,
    STANDARD_STRING_ATTRIBUTES,
)

# What takes the place of a value that is dropped; None is a value of its own.
_DROPPED = object()


def keep_user_attributes(
    attributes: Mapping[str, Any], dropped: Counter[str], *, objects_enabled: bool
) -> dict[str, Any]:
    """What MoEngage keeps of a user's attributes; adds to ``dropped`` by reason."""
    kept = _keep(attributes, DOCUMENTED_MOE_ATTRIBUTES, dropped, objects_enabled)
    for name in STANDARD_STRING_ATTRIBUTES & kept.keys():
        if kept[name] is not None and not isinstance(kept[name], str):
            dropped["standard_not_string"] += 1  # kept, but it breaks MoEngage's own pages
    return kept


def keep_event_attributes(
    attributes: Mapping[str, Any], dropped: Counter[str], *, objects_enabled: bool
) -> dict[str, Any]:
    """What MoEngage keeps of an event's attributes; adds to ``dropped`` by reason."""
    kept = _keep(attributes, frozenset(), dropped, objects_enabled)
    if len(kept) > MAX_EVENT_ATTRIBUTES:
        dropped["event_attributes_over_limit"] += len(kept) - MAX_EVENT_ATTRIBUTES
        kept = dict(list(kept.items())[:MAX_EVENT_ATTRIBUTES])
    return kept


def keep_name(name: str, dropped: Counter[str]) -> str:
    """A name of an event or attribute, as long as MoEngage keeps it."""
    if len(name) <= MAX_NAME_CHARS:
        return name
    dropped["name_truncated"] += 1
    return name[:MAX_NAME_CHARS]


def _keep(
    attributes: Mapping[str, Any],
    allowed: frozenset[str],
    dropped: Counter[str],
    objects_enabled: bool,
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        if name not in allowed:
            lower = name.lower()
            if lower in RESERVED_ATTRIBUTES:
                dropped["reserved_name"] += 1
                continue
            if lower.startswith(RESERVED_PREFIXES):
                dropped["reserved_prefix"] += 1
                continue
        value = _keep_value(value, dropped, objects_enabled)
        if value is not _DROPPED:
            kept[keep_name(name, dropped)] = value
    return kept


def _keep_value(value: Any, dropped: Counter[str], objects_enabled: bool) -> Any:
    if isinstance(value, str):
        return value if len(value) <= MAX_VALUE_CHARS else _keep_long(value, dropped)
    if isinstance(value, dict):
        return value if objects_enabled else _drop("nested_object", dropped)
    if isinstance(value, list):
        return _keep_list(value, dropped, objects_enabled)
    return value


def _keep_long(value: str, dropped: Counter[str]) -> Any:
    if value.startswith(("http://", "https://")):  # a URL cut off would lead elsewhere
        return _drop("url_too_long", dropped)
    dropped["value_truncated"] += 1
    return value[:MAX_VALUE_CHARS]


def _keep_list(values: list[Any], dropped: Counter[str], objects_enabled: bool) -> Any:
    if not objects_enabled and any(isinstance(value, dict | list) for value in values):
        return _drop("nested_object", dropped)
    if len({_kind(value) for value in values}) > 1:
        return _drop("list_of_mixed_types", dropped)
    if len(values) > MAX_LIST_ELEMENTS:
        # "Up to 50 elements", with no word on what becomes of the others.
        dropped["list_truncated"] += 1
        values = values[:MAX_LIST_ELEMENTS]
    kept = (_keep_value(value, dropped, objects_enabled) for value in values)
    return [value for value in kept if value is not _DROPPED]


def _kind(value: Any) -> type:
    return float if type(value) is int else type(value)


def _drop(reason: str, dropped: Counter[str]) -> object:
    dropped[reason] += 1
    return _DROPPED
