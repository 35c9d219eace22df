"""The functions that expressions have beyond JMESPath's own, and one of those made fast.

Each takes one value of any kind and gives null for what it cannot read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jmespath.functions import Functions, signature

from mappings.conversion import digits


def first_name(value: Any) -> str | None:
    """The first word of a person's name; null for no name, and for an e-mail address in its place."""
    words = _words(value)
    return words[0] if words else None


def last_name(value: Any) -> str | None:
    """All words of a person's name after the first; null where there is only one."""
    return " ".join(_words(value)[1:]) or None


def length(value: Any) -> int | None:
    """JMESPath's own, with null where that fails."""
    return len(value) if isinstance(value, str | list | dict) else None


def _words(value: Any) -> list[str]:
    return value.split() if isinstance(value, str) and "@" not in value else []


#: By the name that expressions use.
OWN_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "digits": digits,
    "first_name": first_name,
    "last_name": last_name,
    "length": length,
}


class RuleFunctions(Functions):
    """JMESPath's functions and ours, for the interpreter."""

    @signature({"types": []})
    def _func_digits(self, value: Any) -> str | None:
        return digits(value)

    @signature({"types": []})
    def _func_first_name(self, value: Any) -> str | None:
        return first_name(value)

    @signature({"types": []})
    def _func_last_name(self, value: Any) -> str | None:
        return last_name(value)
