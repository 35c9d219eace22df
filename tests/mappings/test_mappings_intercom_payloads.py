"""Whatever Intercom documents that it sends becomes something that MoEngage takes whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intercom_schema import NOTIFICATIONS, PARTNER_BODIES

from events.elements import DeleteElement, MergeElement
from mappings.payloads import envelopes
from mappings.rules import load
from moengage.bodies import render, transition
from moengage.sandbox.validation import Reader, read_deletion, read_merges
from streams.rehearsal import rehearse

RULES = load(merges="all", deletes=True)


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def check(payloads: list[dict[str, Any]]) -> bytes:
    """What MoEngage gets of the payloads, which it takes whole."""
    told = envelopes(payloads)
    now_ms = told[-1].received_at
    rehearsed = rehearse(RULES, told)
    if not rehearsed:
        return b""
    in_bulk: list[bytes] = []
    for one in rehearsed:
        rendered = render(one.element, now_ms=now_ms)
        if isinstance(one.element, MergeElement):
            [pair] = read_merges(rendered)
            assert pair == (one.element.customer_id, one.element.merged_id)
        elif isinstance(one.element, DeleteElement):
            assert read_deletion(rendered) == one.element.customer_id
        else:
            in_bulk.append(rendered)
    body = transition(in_bulk)
    assert b"SECRET" not in body
    reader = Reader(now_ms, latest_ms=now_ms)
    taken = reader.bulk(body)
    assert len(taken) == len(in_bulk)
    assert reader.dropped == {}
    return body


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
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
