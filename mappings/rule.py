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
from mappings.report import Change, Report, note
from mappings.safety import (
    INT64,
    MAX_EVENT_ATTRIBUTES,
    MAX_STRING_LENGTH,
    MAX_USER_ATTRIBUTES,
    STANDARD_ATTRIBUTES,
    is_moengages_own,
    name_changes,
    over,
    put,
    renamed,
    safe_name,
)
from mappings.triggers import Trigger

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
    MoEngage's own attributes pass, for bodies that were written for MoEngage; into an event
    (``of_event``) go none of those that only users have.
    """

    get: Getter
    prefix: str = ""
    exceptions: frozenset[str] = frozenset()
    as_given: bool = False
    of_event: bool = False
    taken: frozenset[str] = frozenset()
    _names: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    # Names that were changed in a way that is counted stand here instead, with what was done.
    _changed: dict[str, tuple[str, tuple[Change, ...]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def fill(
        self, out: dict[str, Any], document: dict[str, Any], limit: int, report: Report | None
    ) -> None:
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
                name = self._name(key, report)
            if name in out:
                name = renamed(name)
                if name in out or name in self.taken:
                    note(report, "name_taken")
                    continue
                note(report, "name_renamed")
            if not name:
                continue
            if len(out) >= limit:
                note(report, over(limit))
                continue
            kind = type(value)
            if as_given and name in STANDARD_ATTRIBUTES:
                given, value = value, CONVERTERS[STANDARD_ATTRIBUTES[name]](value)
                if value is None:
                    _note_unreadable(given, report)
            elif kind is str:
                size = len(value)
                if 0 < size <= MAX_STRING_LENGTH and not value.isspace():
                    if size > 18 and value[4] == "-" and value[7] == "-":
                        value = iso_datetime(value) or value
                    out[name] = value
                    continue
            elif (kind is int or kind is float) and key.endswith("_at"):
                value = to_datetime(value)
            put(out, name, value, limit, report)

    def _name(self, key: str, report: Report | None) -> str:
        """The name of a key; "" for one that is not to be copied."""
        known = self._changed.get(key)
        if known is None:
            name, changes = self._name_and_changes(key)
            if len(self._names) + len(self._changed) < _NAMES_REMEMBERED:
                if len(key) > _LONGEST_REMEMBERED:
                    pass
                elif changes:
                    self._changed[key] = name, changes
                else:
                    self._names[key] = name
        else:
            name, changes = known
        for change in changes:
            note(report, change)
        return name

    def _name_and_changes(self, key: str) -> tuple[str, tuple[Change, ...]]:
        if key in self.exceptions:
            return "", ()
        standard = self.as_given and not (self.of_event and is_moengages_own(self.prefix + key))
        spelling = (key, self.prefix, not self.as_given, standard)
        name, changes = safe_name(*spelling), name_changes(*spelling)
        if name not in self.taken:
            return name, changes
        name = renamed(name)
        return ("", ("name_taken",)) if name in self.taken else (name, (*changes, "name_renamed"))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``name`` is its own, "" where it has none.

    ``event`` gives the event's name and is None for a rule that makes a user; ``event_name`` is that name
    where it is always the same. ``parts`` are the parts of the document that the rule reads.
    """

    name: str
    trigger: Trigger
    event: Spec | None
    event_name: str
    each: Getter | None
    at: Getter | None
    attributes: tuple[tuple[str, Spec], ...]
    spreads: tuple[Spread, ...]
    parts: frozenset[str]

    def fill_user(self, out: dict[str, Any], document: dict[str, Any], report: Report | None) -> None:
        """Add a user's attributes."""
        self._fill(out, document, MAX_USER_ATTRIBUTES, report)

    def fill_event(self, out: dict[str, Any], document: dict[str, Any], report: Report | None) -> None:
        """Add an event's attributes to those that are in ``out`` already, up to MoEngage's limit."""
        self._fill(out, document, MAX_EVENT_ATTRIBUTES, report)

    def name_of_event(self, document: dict[str, Any], report: Report | None) -> str:
        """The event's name, as MoEngage takes it."""
        assert self.event is not None
        name = self.event.value(document)
        for change in name_changes(name):
            note(report, change)
        return safe_name(name)

    def _fill(
        self, out: dict[str, Any], document: dict[str, Any], limit: int, report: Report | None
    ) -> None:
        for name, (get, part, field_name, convert, default) in self.attributes:
            if part:
                holder = document[part]
                value = holder.get(field_name) if type(holder) is dict else None
            else:
                value = get(document)
            if value is not None and convert is not None:
                given, value = value, convert(value)
                if value is None:
                    _note_unreadable(given, report)
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
                put(out, name, value, limit, report)
        for spread in self.spreads:
            spread.fill(out, document, limit, report)


def _note_unreadable(value: Any, report: Report | None) -> None:
    if value not in ("", [], {}):
        note(report, "value_unreadable")
