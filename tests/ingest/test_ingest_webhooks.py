"""Webhooks, through HTTP: what is taken, how it is stored, what is refused."""

from __future__ import annotations

import json

import pytest
from front_door import (
    CONTACT,
    FORMER_SECRET,
    NOW_MS,
    SECRET,
    notification,
    post_webhook,
    refusal,
    success,
)

from events.envelope import Source
from ingest.signature import sign, signer


def test_the_signature_is_the_one_of_the_documented_vector():
    body = b'{"type":"notification_event","topic":"ping"}'
    header = "sha1=afd46c2e2b3cd345f03cef349d0d10c6ebe3542a"
    assert sign(body, "client-secret") == header
    assert signer(body, header, [("a", "another"), ("b", "client-secret"), ("c", "third")]) == "b"
    assert signer(body + b" ", header, [("b", "client-secret")]) is None
    assert signer(body, header, []) is None


async def test_a_webhook_is_stored_as_received_and_keyed_by_its_contact(door, publisher):
    body = json.dumps(notification(), indent=3).encode()
    assert await success(await post_webhook(door, body)) == "notif_0000-1111"
    [(envelope, key)] = publisher.taken
    assert envelope.payload == body
    assert key == CONTACT.encode()
    assert (envelope.source, envelope.topic) == (Source.WEBHOOK, "contact.user.updated")
    assert (envelope.workspace, envelope.config) == ("app9", "default")
    assert (envelope.received_at, envelope.occurred_at) == (NOW_MS, NOW_MS - 2000)


async def test_topics_that_nobody_knows_yet_are_stored(door, publisher):
    await success(await post_webhook(door, notification("hologram.waved", data={"item": {}})))
    [(envelope, key)] = publisher.taken
    assert envelope.topic == "hologram.waved"
    assert key == b"notif_0000-1111"


async def test_a_ping_is_answered_and_not_stored(door, publisher):
    ping = notification("ping", id=None, data={"item": {"type": "ping", "message": "hello"}})
    await success(await post_webhook(door, ping), "ping")
    assert publisher.taken == []


async def test_a_ping_needs_its_signature_too(door):
    await refusal(await post_webhook(door, notification("ping"), "guessed"), 401, "signature_wrong")


async def test_the_url_check_gets_200(door):
    response = await door.head("/intercom/webhooks")
    assert response.status == 200
    assert await response.read() == b""


@pytest.mark.parametrize("secret", [SECRET, FORMER_SECRET])
async def test_every_accepted_secret_may_have_signed(door, secret):
    await success(await post_webhook(door, notification(), secret))


async def test_a_signature_with_another_secret_is_refused(door, publisher):
    await refusal(await post_webhook(door, notification(), "guessed"), 401, "signature_wrong")
    assert publisher.taken == []


async def test_the_signature_is_looked_at_before_the_body_is_parsed(door):
    await refusal(await post_webhook(door, b"{ not json", "guessed"), 401, "signature_wrong")


async def test_without_secrets_nothing_is_accepted(open_door):
    door = await open_door(webhook_secrets=())
    await refusal(await post_webhook(door, notification(), ""), 401, "signature_wrong")


@pytest.mark.parametrize("header", ["", "sha1=", "sha256=" + 40 * "a", "sha1=" + 40 * "g", 45 * "ü"])
async def test_a_header_that_is_no_signature_is_refused(door, header):
    response = await post_webhook(door, notification(), X_Hub_Signature=header)
    await refusal(response, 401, "signature_missing")


async def test_a_missing_signature_is_refused(door):
    response = await door.post("/intercom/webhooks", json=notification())
    await refusal(response, 401, "signature_missing")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "line 1, column 1, byte 0"),
        (b'{"topic": NaN}', "line 1, column 11, byte 10"),
        (b'{"a": 1,\n "b": }', "line 2, column 7, byte 15"),
        (b'{"topic": "x"', "line 1, column 14, byte 13"),
        (b"\xff\xfe", "byte 0"),
    ],
)
async def test_what_is_not_json_is_refused_with_the_position(door, body, where):
    assert where in await refusal(await post_webhook(door, body), 400, "not_json")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"[]", "$: expected a JSON object, got a list"),
        (b'"text"', "$: expected a JSON object, got a string"),
        (b'{"data": {"item": {}}}', "topic"),
        (b'{"topic": 7, "data": {"item": {}}}', "topic"),
        (b'{"topic": "contact.deleted"}', "data.item"),
        (b'{"topic": "contact.deleted", "data": {"item": []}}', "data.item"),
    ],
)
async def test_a_missing_field_is_named(door, publisher, body, field):
    assert (await refusal(await post_webhook(door, body), 400, "wrong_shape")).startswith(field)
    assert publisher.taken == []


@pytest.mark.parametrize("field", ["id", "app_id"])
async def test_ids_that_would_not_fit_a_records_headers_are_refused(door, field):
    response = await post_webhook(door, notification(**{field: 257 * "x"}))
    assert (await refusal(response, 400, "wrong_shape")).startswith(field + ":")


async def test_nesting_that_cannot_be_digested_is_refused(door):
    deep = b'{"topic": "x.y", "data": {"item": {"a": ' + 300 * b"[" + 300 * b"]" + b"}}}"
    assert "nested" in await refusal(await post_webhook(door, deep), 400, "wrong_shape")
