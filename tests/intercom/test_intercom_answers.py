from __future__ import annotations

import orjson
import pytest

from intercom.answers import DEFAULT_WAIT_S, Allowance, Verdict, allowance, classify

NOW_S = 1_767_225_600.0


def errors(code: object, message: str = "ada@example.com is not welcome") -> bytes:
    return orjson.dumps({"type": "error.list", "errors": [{"code": code, "message": message}]})


@pytest.mark.parametrize(
    ("status", "body", "verdict", "reason", "setting"),
    [
        (200, b'{"id":"u1"}', Verdict.FOUND, "", ""),
        (200, b"[]", Verdict.AGAIN, "an answer that is not a JSON object", ""),
        (200, b"<html>", Verdict.AGAIN, "an answer that is not a JSON object", ""),
        (404, errors("not_found"), Verdict.NOTHING, "404 not_found", ""),
        (410, b"", Verdict.NOTHING, "410", ""),
        (401, errors("unauthorized"), Verdict.REFUSED, "unauthorized", "access_token"),
        (403, errors("api_plan_restricted"), Verdict.REFUSED, "api_plan_restricted", "access_token"),
        (302, b"", Verdict.REFUSED, "", "region"),
        (
            400,
            errors("intercom_version_invalid"),
            Verdict.REFUSED,
            "intercom_version_invalid",
            "api_version",
        ),
        (400, errors("parameter_invalid"), Verdict.REJECTED, "parameter_invalid", ""),
        (422, b"nonsense", Verdict.REJECTED, "", ""),
        (408, b"", Verdict.AGAIN, "408", ""),
        (500, errors("server_error"), Verdict.AGAIN, "500 server_error", ""),
        (504, b"<html>", Verdict.AGAIN, "504", ""),
        (429, errors("rate_limit_exceeded"), Verdict.LIMITED, "429 rate_limit_exceeded", ""),
    ],
)
def test_what_a_status_means(
    status: int, body: bytes, verdict: Verdict, reason: str, setting: str
) -> None:
    answer = classify(status, {}, body, now_s=NOW_S)
    assert (answer.verdict, answer.reason, answer.setting) == (verdict, reason, setting)


@pytest.mark.parametrize("code", ["ada@example.com", "Bearer x", "x" * 65, 7, None, ["a"]])
def test_what_is_no_error_code_is_not_repeated(code: object) -> None:
    assert classify(400, {}, errors(code), now_s=NOW_S).reason == ""


@pytest.mark.parametrize(
    ("link", "survivor"),
    [
        ('</contacts/6762f0d0>; rel="canonical"', "6762f0d0"),
        ('<https://elsewhere.example/contacts/u1>; title="x"; rel=canonical', "u1"),
        ('</other>; rel="next", </contacts/u1>; rel="canonical"', "u1"),
        ('</contacts/u1>; rel="next", </contacts/u2>; rel="prev"', ""),
        ('</contacts/../me>; rel="canonical"', ""),
        ("", ""),
    ],
)
@pytest.mark.parametrize("status", [404, 410])
def test_a_contact_merged_away_names_its_survivor(status: int, link: str, survivor: str) -> None:
    answer = classify(status, {"Link": link}, errors("contact_merged"), now_s=NOW_S)
    assert answer.survivor == survivor
    assert answer.verdict is (Verdict.MERGED if survivor else Verdict.NOTHING)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"X-RateLimit-Reset": f"{NOW_S + 7:.0f}"}, 7.0),
        ({"x-ratelimit-reset": f"{NOW_S:.0f}"}, 0.0),
        ({"X-RateLimit-Reset": f"{NOW_S - 60:.0f}"}, DEFAULT_WAIT_S),
        ({"X-RateLimit-Reset": "soon", "Retry-After": "3"}, 3.0),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:03 GMT"}, DEFAULT_WAIT_S),
        ({}, DEFAULT_WAIT_S),
    ],
)
def test_how_long_to_wait_when_over_the_rate(headers: dict[str, str], wait_s: float) -> None:
    assert classify(429, headers, b"", now_s=NOW_S).wait_s == wait_s


def test_what_an_answer_tells_of_the_rate() -> None:
    told = {"x-ratelimit-limit": "167", "X-RateLimit-Remaining": "166", "X-RateLimit-Reset": "1487332510"}
    assert allowance(told) == Allowance(167, 166, 1487332510.0)
    for name in told:
        assert allowance({**told, name: "x"}) is None
        assert allowance({k: v for k, v in told.items() if k != name}) is None
    assert allowance({**told, "x-ratelimit-limit": "0"}) is None
    assert allowance({**told, "X-RateLimit-Remaining": "inf"}) is None
