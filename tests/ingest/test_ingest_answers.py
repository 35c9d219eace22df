"""What holds for every endpoint, through HTTP: sizes, types, broker trouble, health, metrics."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest
from front_door import (
    FORMER_SECRET,
    SECRET,
    WORKSPACE,
    config,
    notification,
    post_webhook,
    refusal,
    send_partner,
    success,
)

from ingest.basic_auth import basic_header
from ingest.errors import BrokerUnavailable, InvalidConfig
from ingest.signature import sign


async def in_pieces(*pieces):
    for piece in pieces:
        yield piece


async def post_both(door, body):
    """A body through each of the two doors."""
    yield await post_webhook(door, body)
    yield await send_partner(door, body)


async def test_a_body_up_to_the_limit_is_taken_and_not_one_byte_more(open_door, publisher):
    body = json.dumps(notification()).encode()
    door = await open_door(max_body_bytes=len(body))
    async for response in post_both(door, body):
        await success(response)
    async for response in post_both(door, body + b" "):
        assert str(len(body)) in await refusal(response, 413, "body_too_large")
    assert len(publisher.taken) == 2


async def test_a_chunked_body_is_read_no_further_than_the_limit(open_door):
    door = await open_door(max_body_bytes=1000)
    headers = {"Content-Type": "application/json", "X-Hub-Signature": sign(b"", SECRET)}
    endless = in_pieces(*(10 * [600 * b" "]))
    response = await door.post("/intercom/webhooks", data=endless, headers=headers)
    await refusal(response, 413, "body_too_large")


async def test_a_chunked_body_within_the_limit_is_taken(door, publisher):
    body = json.dumps(notification()).encode()
    headers = {"Content-Type": "application/json", "X-Hub-Signature": sign(body, SECRET)}
    pieces = in_pieces(body[:50], body[50:])
    await success(await door.post("/intercom/webhooks", data=pieces, headers=headers))
    assert publisher.taken[0][0].payload == body


async def raw_request(door, head: str, body: bytes) -> bytes:
    """Speak HTTP by hand; the answer's first line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        writer.write(f"POST /intercom/webhooks HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode() + body)
        await writer.drain()
        async with asyncio.timeout(10):
            return await reader.readline()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("Content-Length: 2000000", b"", b" 413 "),
        ("Content-Length: 100", b"{", b" 408 "),
        ("Transfer-Encoding: chunked", b"zz\r\n", b" 400 "),
        ("Transfer-Encoding: chunked", b"2\r\n{}\r\nzz\r\n", b" 400 "),
    ],
)
async def test_a_body_that_is_too_long_too_slow_or_broken(open_door, head, body, status):
    door = await open_door(body_deadline_s=0.05)
    assert status in await raw_request(door, head, body)


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/a+json"],
)
async def test_json_has_many_names(door, kind):
    await success(await post_webhook(door, notification(), Content_Type=kind))


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "json", "+json", "application/jsonp"]
)
async def test_other_types_are_refused(door, publisher, kind):
    response = await post_webhook(door, notification(), Content_Type=kind)
    await refusal(response, 415, "wrong_content_type")
    assert publisher.taken == []


async def test_a_missing_type_is_taken_for_json(door):
    body = json.dumps(notification()).encode()
    response = await door.post(
        "/intercom/webhooks",
        data=body,
        headers={"X-Hub-Signature": sign(body, SECRET)},
        skip_auto_headers=["Content-Type"],
    )
    await success(response)


async def test_compressed_bodies_are_refused(door):
    body = gzip.compress(json.dumps(notification()).encode())
    response = await post_webhook(door, body, Content_Encoding="gzip")
    await refusal(response, 415, "wrong_content_type")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/intercom/webhooks", "HEAD,POST"),
        ("DELETE", "/v1/partner/intercom/user", "HEAD,POST,PUT"),
        ("POST", "/healthz", "GET,HEAD"),
    ],
)
async def test_another_method_is_told_which_ones_there_are(door, method, path, allowed):
    response = await door.request(method, path)
    await refusal(response, 405, "wrong_method")
    assert response.headers["Allow"] == allowed


async def test_an_unknown_path_is_refused_like_everything_else(door):
    await refusal(await door.get("/wp-login.php"), 404, "unknown_path")


async def test_while_the_broker_is_away_the_caller_is_asked_to_come_again(open_door, publisher):
    door = await open_door(retry_after_s=7)
    publisher.failure = BrokerUnavailable("10.0.0.5:9092 refuses connections")
    async for response in post_both(door, json.dumps(notification()).encode()):
        assert "10.0.0.5" not in await refusal(response, 429, "broker_unavailable")
        assert response.headers["Retry-After"] == "7"


async def test_a_publisher_that_hangs_does_not_hang_the_caller(open_door, publisher):
    door = await open_door(answer_deadline_s=0.01)
    publisher.held = asyncio.Event()
    async for response in post_both(door, json.dumps(notification()).encode()):
        await refusal(response, 429, "broker_unavailable")
        assert response.headers["Retry-After"] == "5"
    assert publisher.taken == []


async def test_more_requests_than_places_are_asked_to_come_again(open_door, publisher):
    door = await open_door(max_in_flight=1)
    publisher.held = asyncio.Event()
    first = asyncio.create_task(post_webhook(door, notification()))
    await publisher.waiting.wait()
    second = await post_webhook(door, notification())
    await refusal(second, 429, "too_busy")
    assert "Retry-After" in second.headers
    publisher.held.set()
    await success(await first)
    await success(await post_webhook(door, notification()))


async def test_bodies_take_no_more_memory_than_they_may(open_door, publisher):
    body = json.dumps(notification()).encode()
    door = await open_door(max_in_flight_bytes=3 * len(body) - 1)
    publisher.held = asyncio.Event()
    first = asyncio.create_task(post_webhook(door, body))
    await publisher.waiting.wait()
    publisher.waiting.clear()
    second = asyncio.create_task(post_webhook(door, body))
    await publisher.waiting.wait()
    async for response in post_both(door, body):
        await refusal(response, 429, "too_busy")
        assert "Retry-After" in response.headers
    publisher.held.set()
    await success(await first)
    await success(await second)
    for _ in range(9):
        await refusal(await post_webhook(door, body, "guessed"), 401, "signature_wrong")
    await success(await post_webhook(door, body))


async def test_an_error_of_ours_is_answered_and_logged_without_what_was_in_the_body(
    door, publisher, caplog
):
    publisher.failure = RuntimeError("cannot handle ada@example.com")
    await refusal(await post_webhook(door, notification()), 500, "unexpected_error")
    assert "RuntimeError" in caplog.text
    assert "ada@" not in caplog.text


async def test_readiness_follows_the_broker_and_health_does_not(door, publisher):
    assert (await door.get("/readyz")).status == 200
    publisher.ready = False
    response = await door.get("/readyz")
    assert response.status == 503
    assert "broker" in (await response.json())["reason"]
    assert (await door.get("/healthz")).status == 200


async def test_metrics_count_answers_by_closed_sets_of_labels(door, publisher):
    await post_webhook(door, notification("made.up.by.the.caller"))
    await post_webhook(door, notification("ping"))
    await post_webhook(door, notification(), "guessed")
    await send_partner(door, {"u_fn": "Ada"})
    await door.get("/nowhere")
    publisher.ready = False
    lines = (await (await door.get("/metrics")).text()).splitlines()
    requests = "moebridge_ingest_requests_total"
    assert {
        requests + '{endpoint="webhook",outcome="accepted"} 1.0',
        requests + '{endpoint="webhook",outcome="ping"} 1.0',
        requests + '{endpoint="webhook",outcome="signature_wrong"} 1.0',
        requests + '{endpoint="partner",outcome="accepted"} 1.0',
        requests + '{endpoint="other",outcome="unknown_path"} 1.0',
        'moebridge_ingest_request_seconds_count{endpoint="webhook"} 3.0',
        'moebridge_ingest_published_total{source="webhook"} 1.0',
        'moebridge_ingest_published_total{source="partner"} 1.0',
        "moebridge_ingest_in_flight 0.0",
        "moebridge_ingest_broker_up 0.0",
    } <= set(lines)
    assert "made.up" not in "".join(lines)


def test_a_configuration_shows_no_secret():
    shown = repr(config())
    assert not any(secret in shown for secret in (SECRET, FORMER_SECRET, "data:key", WORKSPACE))


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook_secrets": ("good", "")},
        {"partner_credentials": (("ws", ""),)},
        {"partner_credentials": (("w:s", "key"),)},
        {"max_in_flight": 0},
        {"answer_deadline_s": 0.0},
        {"config_name": ""},
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused_by_name(wrong):
    with pytest.raises(InvalidConfig, match=next(iter(wrong))) as caught:
        config(**wrong)
    assert "good" not in str(caught.value)


def test_the_header_helper_makes_what_the_guide_says():
    assert basic_header("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
