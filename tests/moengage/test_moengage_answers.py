from __future__ import annotations

from email.utils import formatdate

import orjson
import pytest

from moengage.answers import DEFAULT_WAIT_S, MAX_MESSAGE_CHARS, MIN_WAIT_S, Answer, Verdict, classify

NOW_S = 1_767_225_600.0


def failure(**error: str) -> bytes:
    return orjson.dumps({"status": "fail", "error": error})


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.ACCEPTED),
        (202, Verdict.ACCEPTED),
        (302, Verdict.PAUSE),
        (400, Verdict.BISECT),
        (401, Verdict.PAUSE),
        (403, Verdict.PAUSE),
        (404, Verdict.PAUSE),
        (408, Verdict.AGAIN),
        (409, Verdict.PAUSE),
        (413, Verdict.SPLIT),
        (415, Verdict.REFUSED),
        (418, Verdict.REFUSED),
        (422, Verdict.BISECT),
        (429, Verdict.WAIT),
        (500, Verdict.AGAIN),
        (503, Verdict.AGAIN),
        (599, Verdict.AGAIN),
    ],
)
def test_the_status_decides(status: int, verdict: Verdict) -> None:
    # A body that says otherwise changes nothing.
    answer = classify(status, {}, b'{"status":"success"}', now_s=NOW_S)
    assert (answer.verdict, answer.status) == (verdict, status)


def test_an_accepted_answer_carries_its_request_id() -> None:
    body = b'{"status":"success","message":"accepted","request_id":"r-1"}'
    assert classify(200, {}, body, now_s=NOW_S) == Answer(
        Verdict.ACCEPTED, 200, message="accepted", request_id="r-1"
    )


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"X-RateLimit-Reset": "17"}, 17.0),
        ({"x-ratelimit-reset": str(int(NOW_S) + 42)}, 42.0),
        ({"x-ratelimit-reset": str(int(NOW_S) - 5)}, MIN_WAIT_S),
        ({"x-ratelimit-reset": "0"}, MIN_WAIT_S),
        ({"x-ratelimit-reset": "9999"}, 60.0),
        ({"Retry-After": "2.5"}, 2.5),
        ({"retry-after": formatdate(NOW_S + 30, usegmt=True)}, 30.0),
        ({"x-ratelimit-reset": "3", "retry-after": "8"}, 8.0),
        ({"x-ratelimit-reset": "soon", "retry-after": "tomorrow"}, DEFAULT_WAIT_S),
        ({"x-ratelimit-reset": "nan", "retry-after": "inf"}, DEFAULT_WAIT_S),
        ({}, DEFAULT_WAIT_S),
    ],
)
def test_how_long_a_limited_rate_makes_us_wait(headers: dict[str, str], wait_s: float) -> None:
    assert classify(429, headers, b"", now_s=NOW_S).wait_s == wait_s


def test_only_a_limited_rate_waits() -> None:
    assert classify(503, {"retry-after": "30"}, b"", now_s=NOW_S).wait_s == 0.0


def test_the_message_explains_itself() -> None:
    body = failure(
        type="MissingAttributeError", message="not found", attribute="customer_id", request_id="r-2"
    )
    answer = classify(400, {}, body, now_s=NOW_S)
    assert answer.message == "MissingAttributeError: not found (attribute customer_id)"
    assert answer.request_id == "r-2"


def test_the_partner_shape_is_understood() -> None:
    body = orjson.dumps({"error": {"code": "e_9004", "message": "bad", "details": []}})
    assert classify(400, {}, body, now_s=NOW_S).message == "e_9004: bad"


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[1]", b'{"error":7,"message":8}'])
def test_an_answer_without_the_documented_shape_shows_its_status_alone(body: bytes) -> None:
    answer = classify(502, {}, body, now_s=NOW_S)
    assert (answer.message, answer.request_id) == ("HTTP 502", "")


def test_the_message_is_short_and_holds_nothing_secret_or_personal() -> None:
    said = "key topsecret of ada@example.com\r\nforged log line " + "x" * 500
    answer = classify(400, {}, failure(message=said), now_s=NOW_S, secrets=["topsecret", ""])
    assert answer.message.startswith("key [secret] of [e-mail] forged log line xxx")
    assert len(answer.message) == MAX_MESSAGE_CHARS


@pytest.mark.parametrize(("status", "ambiguous"), [(502, True), (504, True), (503, False), (429, False)])
def test_a_gateway_that_gave_up_leaves_it_open_whether_moengage_has_it(
    status: int, ambiguous: bool
) -> None:
    assert classify(status, {}, b"", now_s=NOW_S).ambiguous is ambiguous
