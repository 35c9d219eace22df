"""The envelope: what it is made of, and the way through a record's headers and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codec import decode_object
from events.envelope import (
    DIGEST_PREFIX,
    PARTNER_TOPICS,
    Envelope,
    Source,
    digest_id,
    partner_envelope,
    webhook_envelope,
)
from events.errors import InvalidData, InvalidPayload, InvalidRecord

RECEIVED_AT = 1_780_000_000_500

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
times = st.integers(0, 2**53)
envelopes = st.builds(
    Envelope,
    source=st.sampled_from(Source),
    topic=words,
    event_id=words,
    workspace=words,
    config=words,
    received_at=times,
    occurred_at=times,
    payload=st.binary(max_size=200),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
json_objects = st.dictionaries(words, json_values, max_size=6)


def webhook(document: dict[str, Any], *, received_at: int = RECEIVED_AT) -> Envelope:
    return webhook_envelope(
        json.dumps(document).encode(), document, config="main", received_at=received_at
    )


def partner(document: dict[str, Any], *, kind: str = "user", config: str = "main") -> Envelope:
    return partner_envelope(
        json.dumps(document).encode(), document,
        kind=kind, workspace="ws1", config=config, received_at=RECEIVED_AT,
    )  # fmt: skip


def shuffled(value: Any) -> Any:
    """The same JSON value with the keys of its objects in the opposite order."""
    if isinstance(value, dict):
        return {key: shuffled(inner) for key, inner in reversed(value.items())}
    return [shuffled(inner) for inner in value] if isinstance(value, list) else value


NOTIFICATION: dict[str, Any] = {
    "type": "notification_event",
    "id": "notif_7c1e",
    "app_id": "ws1",
    "topic": "contact.user.updated",
    "created_at": 1_780_000_000,
    "data": {"item": {"id": "c1"}},
}


@given(envelopes)
@settings(deadline=None)
def test_an_envelope_comes_back_from_its_record(envelope: Envelope) -> None:
    assert Envelope.from_record(envelope.payload, envelope.headers()) == envelope


def test_headers_of_others_do_not_disturb() -> None:
    envelope = webhook(NOTIFICATION)
    headers = (("traceparent", b"00-ab-cd-01"), *envelope.headers(), ("kind", b"membership"))
    assert Envelope.from_record(envelope.payload, headers) == envelope


def test_a_notification_keeps_its_id_and_its_bytes() -> None:
    body = b'{ "topic":"contact.user.updated","data":{"item":{}}, "id":"notif_7c1e" }'
    envelope = webhook_envelope(body, json.loads(body), config="main", received_at=RECEIVED_AT)
    assert (envelope.event_id, envelope.topic, envelope.payload) == (
        "notif_7c1e", "contact.user.updated", body,
    )  # fmt: skip
    assert (envelope.source, envelope.config, envelope.workspace) == (Source.WEBHOOK, "main", "")


@pytest.mark.parametrize("nothing", [None, "", 17])
def test_a_notification_without_an_id_gets_a_digest(nothing: Any) -> None:
    document = {**NOTIFICATION, "topic": "ping", "id": nothing}
    assert webhook(document).event_id == webhook(shuffled(document)).event_id
    assert webhook(document).event_id.startswith(DIGEST_PREFIX)
    other = {**document, "data": {"item": {"id": "c2"}}}
    assert webhook(other).event_id != webhook(document).event_id


@given(json_objects)
@settings(deadline=None, max_examples=40)
def test_the_order_of_keys_does_not_make_another_event(document: dict[str, Any]) -> None:
    assert partner(document).event_id == partner(shuffled(document)).event_id


@given(json_values, json_values)
@settings(deadline=None, max_examples=40)
def test_different_bodies_have_different_ids(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest_id(one) == digest_id(other)) == same


def test_a_body_too_deep_for_a_digest_is_refused_as_data() -> None:
    body = b'{"customer_id": "u-1", "deep": ' + b"[" * 300 + b"]" * 300 + b"}"
    with pytest.raises(InvalidData):
        partner(decode_object(body))


def test_topic_and_configuration_are_part_of_a_connectors_event() -> None:
    body = {"customer_id": "u-1"}
    ids = {
        partner(body).event_id,
        partner(body, kind="event").event_id,
        partner(body, config="other").event_id,
    }
    assert len(ids) == 3
    assert partner(body, kind="users").event_id == partner(body).event_id


def test_both_spellings_of_the_partner_paths_are_known() -> None:
    topics = {kind: partner({}, kind=kind).topic for kind in PARTNER_TOPICS}
    assert topics == {
        "user": "partner.user",
        "users": "partner.user",
        "event": "partner.event",
        "events": "partner.event",
    }
    assert partner({}).workspace == "ws1"


@given(
    created_at=st.none() | st.integers(-5, 2 * RECEIVED_AT) | words,
    received_at=st.integers(1, 2 * RECEIVED_AT),
)
@settings(deadline=None)
def test_nothing_occurs_after_it_was_received(created_at: Any, received_at: int) -> None:
    document = {**NOTIFICATION, "created_at": created_at}
    assert webhook(document, received_at=received_at).occurred_at <= received_at


def test_a_notification_occurred_when_it_was_created() -> None:
    assert webhook(NOTIFICATION).occurred_at == 1_780_000_000_000


@pytest.mark.parametrize(
    ("body", "occurred_at"),
    [
        ({"modified_at": 1_779_000_000, "updated_at": 1_778_000_000}, 1_779_000_000_000),
        ({"modified_at": "", "updated_at": "1778000000"}, 1_778_000_000_000),
        ({"modified_at": "yesterday"}, RECEIVED_AT),
        ({"modified_at": 1_990_000_000}, RECEIVED_AT),
        ({}, RECEIVED_AT),
    ],
)
def test_a_connectors_body_tells_its_time_or_has_that_of_receipt(
    body: dict[str, Any], occurred_at: int
) -> None:
    assert partner(body).occurred_at == occurred_at


@pytest.mark.parametrize("topic", [None, "", 7, ["a"], "t" * 201])
def test_a_notification_needs_a_topic(topic: Any) -> None:
    with pytest.raises(InvalidPayload) as refusal:
        webhook({**NOTIFICATION, "topic": topic})
    assert refusal.value.field == "topic"


@pytest.mark.parametrize("data", [None, "x", {}, {"item": None}, {"item": [{}]}])
def test_a_notification_needs_an_item(data: Any) -> None:
    with pytest.raises(InvalidPayload) as refusal:
        webhook({**NOTIFICATION, "data": data})
    assert refusal.value.field == "data.item"


_READ = [name for name, _ in webhook(NOTIFICATION).headers() if name != "v"]


@pytest.mark.parametrize("name", _READ)
def test_a_missing_header_is_named(name: str) -> None:
    headers = [header for header in webhook(NOTIFICATION).headers() if header[0] != name]
    with pytest.raises(InvalidRecord, match=name):
        Envelope.from_record(b"{}", headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source", b"carrier-pigeon"),
        ("topic", b"\xff"),
        ("received_at", b"soon"),
        ("occurred_at", b""),
    ],
)
def test_a_wrong_header_is_named(name: str, value: bytes) -> None:
    headers = [*webhook(NOTIFICATION).headers(), (name, value)]
    with pytest.raises(InvalidRecord, match=name):
        Envelope.from_record(b"{}", headers)


def test_a_header_without_a_value_is_poison_and_no_crash() -> None:
    headers: list[tuple[str, Any]] = [*webhook(NOTIFICATION).headers(), ("topic", None)]
    with pytest.raises(InvalidRecord, match="topic"):
        Envelope.from_record(b"{}", headers)


def test_a_tombstone_is_no_envelope() -> None:
    with pytest.raises(InvalidRecord, match="value"):
        Envelope.from_record(None, webhook(NOTIFICATION).headers())


def test_an_envelope_is_a_value() -> None:
    assert replace(webhook(NOTIFICATION), config="b") != webhook(NOTIFICATION)
    assert hash(webhook(NOTIFICATION)) == hash(webhook(NOTIFICATION))
