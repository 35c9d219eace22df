"""The queries of ``POST /contacts/search``: read once, then asked contact by contact. Pure.

Source: Search contacts, read in November 2026. Of the fields only those that name somebody are here, of
the operators those of strings without wildcards; the words of refusals are the sandbox's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from intercom.errors import SandboxRefusal

MAX_FILTERS = 15
#: Groups within groups: (1 OR 2) AND (3 OR 4).
MAX_DEPTH = 2
FIELDS = ("id", "role", "name", "email", "phone", "external_id")
OPERATORS = ("=", "!=", "IN", "NIN")


@dataclass(frozen=True, slots=True)
class Query:
    """``matches`` tells whether a contact is meant, by its FIELDS.

    Whoever is meant has one of the ``pairs`` of field and value; None where nothing narrows it down.
    """

    matches: Callable[[Mapping[str, Any]], bool]
    pairs: frozenset[tuple[str, str | None]] | None


def read_query(document: Any, *, depth: int = 1) -> Query:
    """The query of a search. Raises SandboxRefusal (400) naming the field."""
    if not isinstance(document, dict):
        _refuse("query", "query is expected to be an object")
    operator, value = document.get("operator"), document.get("value")
    if operator in ("AND", "OR"):
        return _group(operator == "OR", value, depth)
    if operator not in OPERATORS:
        _refuse("operator", f"the sandbox has {', '.join(OPERATORS)}, AND and OR")
    name = document.get("field")
    if name not in FIELDS:
        _refuse("field", f"the sandbox searches {', '.join(FIELDS)}")
    values = value if operator in ("IN", "NIN") else [value]
    if not isinstance(values, list) or not all(isinstance(v, str | None) for v in values):
        _refuse("value", "value is expected to be a string, for IN and NIN a list of strings")
    wanted = frozenset(values)
    if operator in ("=", "IN"):
        pairs = frozenset((name, each) for each in wanted)
        return Query(lambda contact: contact.get(name) in wanted, pairs)
    return Query(lambda contact: contact.get(name) not in wanted, None)


def _group(either: bool, value: Any, depth: int) -> Query:
    if depth > MAX_DEPTH:
        _refuse("query", f"filters are nested at most {MAX_DEPTH} deep")
    if not isinstance(value, list) or not value:
        _refuse("value", "value is expected to be a list of filters")
    if len(value) > MAX_FILTERS:
        _refuse("value", f"a group holds at most {MAX_FILTERS} filters")
    filters = [read_query(each, depth=depth + 1) for each in value]
    told = [each.pairs for each in filters if each.pairs is not None]
    if either:
        pairs = frozenset[tuple[str, str | None]]().union(*told) if len(told) == len(filters) else None
        return Query(lambda contact: any(each.matches(contact) for each in filters), pairs)
    return Query(
        lambda contact: all(each.matches(contact) for each in filters), min(told, key=len, default=None)
    )


def _refuse(field: str, message: str) -> NoReturn:
    raise SandboxRefusal(400, "parameter_invalid", message, field=field)
