"""Which records a replay means."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_deliveries import delivery

from events.envelope import Envelope, webhook_envelope
from events.subjects import subjects_of
from streams.errors import WrongReplay
from streams.replay.filters import DeliveryFilter, EventFilter, check
from streams.replay.request import Filters

TICKET = {
    "id": "n-1",
    "topic": "ticket.state.updated",
    "created_at": 1_790_000_000,
    "data": {
        "item": {
            "id": "t-1",
            "ticket_id": "77",
            "ticket_state": {"category": "resolved"},
            "contacts": {"contacts": [{"id": "c-1"}, {"id": "c-2"}]},
        }
    },
}
COMPANY = {
    "id": "n-2",
    "topic": "company.updated",
    "data": {"item": {"id": "co-1", "plan": {"name": "Pro"}}},
}


def takes(document: dict[str, Any], **asked: Any) -> bool:
    body = json.dumps(document).encode()
    envelope: Envelope = webhook_envelope(body, document, config="", received_at=1)
    filters = Filters(**{k: v if isinstance(v, str) else frozenset(v) for k, v in asked.items()})
    subjects = subjects_of(envelope.source, envelope.topic, document)
    return EventFilter(filters).takes(envelope, subjects, document)


@pytest.mark.parametrize(
    ("asked", "ticket", "company"),
    [
        ({}, True, True),
        ({"event_topics": ["ticket.*"]}, True, False),
        ({"event_topics": ["ticket"]}, False, False),
        ({"event_topics": ["company.updated", "ticket.state.*"]}, True, True),
        ({"contacts": ["c-2"]}, True, False),
        ({"tickets": ["t-1"]}, True, False),
        ({"tickets": ["77"]}, True, False),
        ({"tickets": ["co-1"]}, False, False),
        ({"companies": ["co-1"]}, False, True),
        ({"event_ids": ["n-1", "n-9"]}, True, False),
        ({"where": "data.item.plan.name == 'Pro'"}, False, True),
        ({"where": "data.item.ticket_state.category == 'resolved'", "contacts": ["c-1"]}, True, False),
        ({"where": "length(data.item.nothing) > `3`"}, False, False),
        ({"event_topics": ["ticket.*"], "contacts": ["c-9"]}, False, False),
    ],
)
def test_received_events(asked: dict[str, Any], ticket: bool, company: bool) -> None:
    assert (takes(TICKET, **asked), takes(COMPANY, **asked)) == (ticket, company)


USER = delivery(event_id="e/1", contact="c-1", customer_id="ann", body={"attributes": {"n": 3}})
EVENT = delivery(
    contact="c-2", kind="event", name="Ticket Created", customer_id="ben", body={"actions": [{}]}
)


@pytest.mark.parametrize(
    ("asked", "user", "event"),
    [
        ({}, True, True),
        ({"customers": ["ann"]}, True, False),
        ({"kinds": ["event"]}, False, True),
        ({"names": ["Ticket Created"]}, False, True),
        ({"event_ids": ["e/1"]}, True, False),
        ({"contacts": ["c-1"]}, True, False),
        ({"contacts": ["c-1", "c-2"]}, True, True),
        ({"contacts": ["c"]}, False, False),
        ({"where": "attributes.n > `2`"}, True, False),
    ],
)
def test_deliveries(asked: dict[str, Any], user: bool, event: bool) -> None:
    filters = Filters(**{k: v if isinstance(v, str) else frozenset(v) for k, v in asked.items()})
    assert (DeliveryFilter(filters).takes(USER), DeliveryFilter(filters).takes(EVENT)) == (user, event)


@given(st.text(max_size=30))
def test_any_condition_is_taken_or_refused(text: str) -> None:
    with suppress(WrongReplay):
        assert DeliveryFilter(Filters(where=text)).takes(USER) in (True, False)


@pytest.mark.parametrize(
    ("kind", "filters", "message"),
    [
        (
            "deliver",
            Filters(tickets=frozenset({"1"})),
            "--ticket: cannot be asked of moengage.deliveries",
        ),
        ("deliver", Filters(event_topics=frozenset({"x"})), "use --event-name and --kind there"),
        (
            "derive",
            Filters(names=frozenset({"x"})),
            "intercom.events; use --event-topic",
        ),
        ("derive", Filters(event_topics=frozenset({"a.*.b"})), "is not at its end"),
        ("deliver", Filters(kinds=frozenset({"merge"})), "cannot be replayed; only user and event"),
        ("derive", Filters(where="data.item]"), "at character"),
        ("derive", Filters(where="x" * 3000), "longer than 2000 characters"),
    ],
)
def test_what_does_not_fit_is_refused(kind: Any, filters: Filters, message: str) -> None:
    with pytest.raises(WrongReplay) as refused:
        check(kind, filters)
    assert message in str(refused.value)
