"""Whatever Intercom documents that it sends becomes something that MoEngage takes whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from intercom_schema import ITEMS, NOTIFICATIONS, PARTNER_BODIES

from events.elements import Delivery
from mappings.happenings import DOCUMENTED_TOPICS
from mappings.payloads import envelopes
from mappings.rules import load
from moengage.bodies import transition
from moengage.sandbox.validation import Reader, read_deletion, read_merges
from streams.rehearsal import Rehearsal

RULES = load(merges="all", deletes=True)

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def delivered(payloads: list[dict[str, Any]]) -> list[Delivery]:
    """What the stages hand on of the payloads, each of which they take."""
    bridge = Rehearsal(RULES)
    bridge.feed(envelopes(payloads))
    bridge.run()
    assert bridge.refusals == []
    return bridge.deliveries()


def check(payloads: list[dict[str, Any]]) -> bytes:
    """What MoEngage gets of the payloads in one request, which it takes whole; and its other calls."""
    now_ms = envelopes(payloads)[-1].received_at
    in_bulk: list[bytes] = []
    for one in delivered(payloads):
        if one.kind == "merge":
            assert len(read_merges(one.body)) == 1
        elif one.kind == "delete":
            assert read_deletion(one.body) == one.customer_id
        else:
            in_bulk.append(one.body)
    if not in_bulk:
        return b""
    body = transition(in_bulk)
    assert b"SECRET" not in body
    reader = Reader(now_ms, latest_ms=now_ms)
    taken = reader.bulk(body)
    assert len(taken) == len(in_bulk)
    assert reader.dropped == {}
    return body


def test_every_topic_that_is_documented_is_among_them() -> None:
    documented = {topic for topic in DOCUMENTED_TOPICS if not topic.startswith("partner.")}
    assert documented <= set(ITEMS)


#: Of these nothing is sent where nothing else is known: the end of a contact, and companies alone.
SILENT = {"contact.deleted", "company.created", "company.updated", "company.deleted"}


@pytest.mark.parametrize("topic", sorted(set(ITEMS) - SILENT))
def test_every_topic_can_become_something(topic: str) -> None:
    """Else nothing would be shown of it below."""
    any_will_do = settings(phases=[Phase.generate], suppress_health_check=SLOW)

    def is_delivered(item: dict[str, Any]) -> bool:
        return bool(delivered([{"topic": topic, "item": item}]))

    assert find(ITEMS[topic], is_delivered, settings=any_will_do)


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
@given(st.lists(NOTIFICATIONS, min_size=1, max_size=6))
def test_notifications_are_taken_and_nothing_of_them_is_dropped(payloads: list[dict[str, Any]]) -> None:
    check(payloads)


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(st.lists(PARTNER_BODIES, min_size=1, max_size=3))
def test_bodies_of_connectors_are_too(payloads: list[dict[str, Any]]) -> None:
    check(payloads)


def test_captured_payloads_are_taken_without_a_name_of_staff(samples_dir: Path) -> None:
    captured = [json.loads(path.read_bytes()) for path in sorted(samples_dir.glob("*.json"))]
    body = check(captured)
    assert body
    for words in (b"John Doe", b"admin@example.com", b"shetty", b"<p>"):
        assert words not in body
