"""What a replay was asked for, as a value: whoever has it needs nothing else to run the replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from events.errors import InvalidRecord
from events.topics import DELIVERIES, EVENTS, TopicName

#: Derive: received events through today's mapping. Deliver: mapped elements again, as they were.
Kind = Literal["derive", "deliver"]

#: The topic that each kind reads.
SOURCES: Mapping[Kind, TopicName] = {"derive": EVENTS, "deliver": DELIVERIES}

_EXPECTED = "replay: expected id, config, kind, spans, filters, only_missing, label and created_at"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a record must be to be replayed; what is empty asks for nothing.

    A record must have one of each kind that is asked for. ``event_topics`` (which may end in ``*``),
    ``tickets`` and ``companies`` are asked of received events; ``customers``, ``kinds`` and ``names`` of
    deliveries; ``contacts`` and ``event_ids`` of both. ``where`` is a JMESPath condition.
    """

    event_topics: frozenset[str] = frozenset()
    contacts: frozenset[str] = field(default=frozenset(), repr=False)
    tickets: frozenset[str] = frozenset()
    companies: frozenset[str] = frozenset()
    event_ids: frozenset[str] = frozenset()
    customers: frozenset[str] = field(default=frozenset(), repr=False)
    kinds: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    where: str = field(default="", repr=False)

    def document(self) -> dict[str, Any]:
        """As JSON, without what asks for nothing."""
        asked = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: value if isinstance(value, str) else sorted(value)
            for name, value in asked.items()
            if value
        }

    @classmethod
    def read(cls, document: Any) -> Filters:
        """Read it back. Raises InvalidRecord."""
        if not isinstance(document, dict) or document.keys() - {one.name for one in fields(cls)}:
            raise InvalidRecord("replay: filters: expected an object of known filters")
        where = document.get("where", "")
        sets = {name: value for name, value in document.items() if name != "where"}
        if not isinstance(where, str) or not all(map(_are_texts, sets.values())):
            raise InvalidRecord("replay: filters: expected lists of texts, and 'where' as a text")
        return cls(where=where, **{name: frozenset(value) for name, value in sets.items()})


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """One replay. ``spans`` are offsets by partition of the topic that is read, [first, end).

    ``id`` has 12 hex digits; ``config`` is a configuration's name; ``label`` is the name of the attribute
    that shows the replay in MoEngage, "" for none; ``created_at`` in ms since the epoch.
    """

    id: str
    config: str
    kind: Kind
    spans: Mapping[int, tuple[int, int]]
    filters: Filters
    only_missing: bool
    label: str
    created_at: int

    @property
    def source(self) -> TopicName:
        """The topic that is read, without prefix."""
        return SOURCES[self.kind]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "id": self.id,
            "config": self.config,
            "kind": self.kind,
            "spans": {str(partition): list(span) for partition, span in sorted(self.spans.items())},
            "filters": self.filters.document(),
            "only_missing": self.only_missing,
            "label": self.label,
            "created_at": self.created_at,
        }

    @classmethod
    def read(cls, document: Any) -> ReplayRequest:
        """Read it back. Raises InvalidRecord."""
        if not isinstance(document, dict):
            raise InvalidRecord(_EXPECTED)
        texts = document.get("id"), document.get("config"), document.get("label")
        spans, only_missing = document.get("spans"), document.get("only_missing")
        if (
            not _are_texts(texts)
            or document.get("kind") not in get_args(Kind)
            or not isinstance(only_missing, bool)
            or not _is_offset(document.get("created_at"))
            or not isinstance(spans, dict)
            or not all(partition.isdecimal() and _is_span(span) for partition, span in spans.items())
        ):
            raise InvalidRecord(_EXPECTED)
        return cls(
            id=document["id"],
            config=document["config"],
            kind=document["kind"],
            spans={int(partition): (first, end) for partition, (first, end) in spans.items()},
            filters=Filters.read(document.get("filters")),
            only_missing=only_missing,
            label=document["label"],
            created_at=document["created_at"],
        )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)


def _is_offset(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_span(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_offset, value))
