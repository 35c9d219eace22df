"""Whether a record is one of those that a replay was asked for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from events.codec import decode_object
from events.elements import Delivery
from events.envelope import Envelope
from events.errors import InvalidData
from events.subjects import Subjects, item_of, ticket_of
from mappings.expressions import BadExpression, Expression, compile_expression, is_true
from streams.errors import WrongReplay
from streams.replay.places import is_of_contact
from streams.replay.request import SOURCES, Filters, Kind

#: Most characters of a condition.
MAX_CONDITION = 2_000

#: What the elements are that a replay can bring again; merges and deletes cannot be undone.
ELEMENTS = ("user", "event")

#: Filters by the option that asks for them: which kind of replay takes it, and what to use for the other.
_OPTIONS: Mapping[str, tuple[str, tuple[Kind, ...], str]] = {
    "event_topics": ("--event-topic", ("derive",), "--event-name and --kind"),
    "contacts": ("--contact", ("derive", "deliver"), ""),
    "tickets": ("--ticket", ("derive",), "--contact or --event-id"),
    "companies": ("--company", ("derive",), "--contact or --event-id"),
    "event_ids": ("--event-id", ("derive", "deliver"), ""),
    "customers": ("--customer", ("deliver",), "--contact"),
    "kinds": ("--kind", ("deliver",), "--event-topic"),
    "names": ("--event-name", ("deliver",), "--event-topic"),
    "where": ("--where", ("derive", "deliver"), ""),
}


def check(kind: Kind, filters: Filters) -> None:
    """Raises WrongReplay for a filter that cannot be asked of the topic, or cannot be read."""
    for name, (option, kinds, instead) in _OPTIONS.items():
        if getattr(filters, name) and kind not in kinds:
            raise WrongReplay(f"{option}: cannot be asked of {SOURCES[kind]}; use {instead} there")
    for topic in sorted(filters.event_topics):
        if "*" in topic[:-1]:
            raise WrongReplay(f"--event-topic: {topic!r} has a * that is not at its end")
    for element in sorted(filters.kinds - set(ELEMENTS)):
        raise WrongReplay(f"--kind: {element!r} cannot be replayed; only {' and '.join(ELEMENTS)}")
    _condition(filters.where)


class EventFilter:
    """Of received events. Raises WrongReplay for a condition that cannot be read."""

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._topics = frozenset(one for one in filters.event_topics if not one.endswith("*"))
        self._beginnings = tuple(one[:-1] for one in filters.event_topics if one.endswith("*"))
        self._holds = _condition(filters.where)

    def takes(self, envelope: Envelope, subjects: Subjects, document: Mapping[str, Any]) -> bool:
        """Whether the event is meant; ``document`` is its payload, decoded."""
        asked = self._filters
        return (
            (not asked.event_topics or self._of_topic(envelope.topic))
            and (not asked.event_ids or envelope.event_id in asked.event_ids)
            and (not asked.contacts or not asked.contacts.isdisjoint(subjects.contacts))
            and (not asked.companies or not asked.companies.isdisjoint(subjects.companies))
            and (not asked.tickets or not asked.tickets.isdisjoint(_tickets(envelope.topic, document)))
            and self._holds(document)
        )

    def _of_topic(self, topic: str) -> bool:
        return topic in self._topics or topic.startswith(self._beginnings)


class DeliveryFilter:
    """Of deliveries. Raises WrongReplay for a condition that cannot be read."""

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._holds = _condition(filters.where)

    def takes(self, delivery: Delivery) -> bool:
        """Whether the element is meant."""
        asked = self._filters
        return (
            (not asked.kinds or delivery.kind in asked.kinds)
            and (not asked.names or delivery.name in asked.names)
            and (not asked.customers or delivery.customer_id in asked.customers)
            and (not asked.event_ids or delivery.event_id in asked.event_ids)
            and (not asked.contacts or any(is_of_contact(delivery, one) for one in asked.contacts))
            and (not asked.where or self._holds(_body(delivery)))
        )


def _tickets(topic: str, document: Mapping[str, Any]) -> tuple[str, ...]:
    """How a ticket is called: its id, and the number that people see."""
    if topic.partition(".")[0] != "ticket":
        return ()
    ticket = ticket_of(item_of(document))
    named = ticket.get("id"), ticket.get("ticket_id")
    return tuple(str(one) for one in named if isinstance(one, str | int))


def _body(delivery: Delivery) -> Mapping[str, Any]:
    try:
        return decode_object(delivery.body)
    except InvalidData:
        return {}


def _condition(text: str) -> Callable[[Any], bool]:
    if not text:
        return lambda _: True
    if len(text) > MAX_CONDITION:
        raise WrongReplay(f"--where: longer than {MAX_CONDITION} characters")
    try:
        expression: Expression = compile_expression(text, None)
    except BadExpression as error:
        raise WrongReplay(f"--where: {error}") from None
    return lambda document: is_true(expression.get(document))
