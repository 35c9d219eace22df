"""A compiled rule: what it waits for, and how it fills one user's or one event's attributes.

This is the hot path. The two loops below look at the usual values themselves, short text, booleans and
numbers, and leave the rest to ``safety.put``, which knows all the limits; a call for each would double
the time of a contact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mappings.conversion import CONVERTERS, Converter, iso_datetime, to_datetime
from mappings.expressions import Getter
from mappings.moment import Moment
from mappings.safety import (
    INT64,
    MAX_EVENT_ATTRIBUTES,
    MAX_STRING_LENGTH,
    MAX_USER_ATTRIBUTES,
    STANDARD_ATTRIBUTES,
    put,
    renamed,
    safe_name,
)

# A spread remembers the names of this many keys.
_NAMES_REMEMBERED = 4096
_LONGEST_REMEMBERED = 256


class Spec(NamedTuple):
    """Where one value comes from, its type, and what stands in for null and for an empty string.

    ``part`` and ``field`` are set for a path of two names, such as contact.name, which needs no call.
    """

    get: Getter
    part: str = ""
    field: str = ""
    convert: Converter | None = None
    default: Any = None

    def value(self, document: dict[str, Any]) -> Any:
        """The value of the spec in a document; None for nothing."""
        value = self.get(document)
        if value is not None and self.convert is not None:
            value = self.convert(value)
        return self.default if value is None or value == "" else value


@dataclass(frozen=True, slots=True)
class Spread:
    """A whole map, copied under ``prefix``.

    ``taken`` are the names of the rule's own attributes. ``as_given`` keeps upper case and lets
    MoEngage's own attributes pass, for bodies that were written for MoEngage.
    """

    get: Getter
    prefix: str = ""
    exceptions: frozenset[str] = frozenset()
    as_given: bool = False
    taken: frozenset[str] = frozenset()
    _names: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def fill(self, out: dict[str, Any], document: dict[str, Any], limit: int) -> None:
        """Add what the map has. A name that the rule or ``out`` has already is put behind ``intercom_``.

        In the order of names, so that the same map always gives the same attributes. Times become
        MoEngage's: ISO 8601 texts, and whatever a name in ``_at`` holds, by Intercom's convention for
        custom dates.
        """
        source = self.get(document)
        if type(source) is not dict:
            return
        names, as_given = self._names, self.as_given
        for key in sorted(source):
            value = source[key]
            if value is None:
                continue
            name = names.get(key)
            if name is None:
                name = self._name(key)
            if name in out:
                name = renamed(name)
                if name in out or name in self.taken:
                    continue
            if not name:
                continue
            if len(out) >= limit:
                return
            kind = type(value)
            if as_given and name in STANDARD_ATTRIBUTES:
                value = CONVERTERS[STANDARD_ATTRIBUTES[name]](value)
            elif kind is str:
                size = len(value)
                if 0 < size <= MAX_STRING_LENGTH and not value.isspace():
                    if size > 18 and value[4] == "-" and value[7] == "-":
                        value = iso_datetime(value) or value
                    out[name] = value
                    continue
            elif (kind is int or kind is float) and key.endswith("_at"):
                value = to_datetime(value)
            put(out, name, value, limit)

    def _name(self, key: str) -> str:
        """The name of a key; "" for one that is not to be copied."""
        if key in self.exceptions:
            name = ""
        else:
            name = safe_name(key, self.prefix, not self.as_given, self.as_given)
            if name in self.taken:
                name = renamed(name)
                if name in self.taken:
                    name = ""
        if len(self._names) < _NAMES_REMEMBERED and len(key) <= _LONGEST_REMEMBERED:
            self._names[key] = name
        return name


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``name`` is None for a rule that makes a user.

    ``origins`` and ``goals`` are the categories of ``from:`` and ``to:``, empty for any. ``parts`` are
    the parts of the document that the rule reads.
    """

    when: frozenset[str]
    origins: frozenset[str]
    goals: frozenset[str]
    name: Spec | None
    each: Getter | None
    at: Getter | None
    attributes: tuple[tuple[str, Spec], ...]
    spreads: tuple[Spread, ...]
    parts: frozenset[str]

    def applies(self, moment: Moment) -> bool:
        """Whether the ticket's move is one that the rule waits for."""
        if self.origins and (moment.previous is None or moment.previous.category not in self.origins):
            return False
        return not self.goals or (
            moment.ticket is not None and moment.ticket.state.category in self.goals
        )

    def fill_user(self, out: dict[str, Any], document: dict[str, Any]) -> None:
        """Add a user's attributes."""
        self._fill(out, document, MAX_USER_ATTRIBUTES)

    def fill_event(self, out: dict[str, Any], document: dict[str, Any]) -> None:
        """Add an event's attributes to those that are in ``out`` already, up to MoEngage's limit."""
        self._fill(out, document, MAX_EVENT_ATTRIBUTES)

    def _fill(self, out: dict[str, Any], document: dict[str, Any], limit: int) -> None:
        for name, (get, part, field_name, convert, default) in self.attributes:
            if part:
                holder = document[part]
                value = holder.get(field_name) if type(holder) is dict else None
            else:
                value = get(document)
            if value is not None and convert is not None:
                value = convert(value)
            if value is None or value == "":
                if default is None:
                    continue
                value = default
            kind = type(value)
            if (
                kind is bool
                or (kind is int and -INT64 <= value < INT64)
                or (kind is str and len(value) <= MAX_STRING_LENGTH and not value.isspace())
            ):
                out[name] = value
            else:
                put(out, name, value, limit)
        for spread in self.spreads:
            spread.fill(out, document, limit)
