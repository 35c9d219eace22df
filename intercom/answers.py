"""What an answer of Intercom means, by status, error code and headers. Pure.

Sources, read in November 2026: HTTP Responses, Error Codes and Rate Limiting of the REST API reference;
``GET /contacts/{id}`` of Intercom's OpenAPI descriptions 2.7 to 2.16.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import orjson

#: Where a 429 says nothing of time: half a window.
DEFAULT_WAIT_S = 5.0

# Request Timeout and Too Early; 5xx are passing too. All our calls only read, so they can be repeated.
_PASSING = frozenset({408, 425})
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CANONICAL = re.compile(r'<[^<>]*/contacts/([A-Za-z0-9_-]+)>\s*;[^,]*\brel="?canonical\b', re.IGNORECASE)


class Verdict(Enum):
    """What to do with an answer."""

    FOUND = auto()  # an object, in ``document``
    NOTHING = auto()  # there is no such thing
    MERGED = auto()  # the contact lives on as another, named by ``survivor``
    LIMITED = auto()  # over the rate: wait for ``wait_s`` seconds, then the same again
    AGAIN = auto()  # a passing fault: back off, then the same again
    REFUSED = auto()  # ``setting`` is wrong: no call will pass
    REJECTED = auto()  # this request will never be taken


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, judged. ``status`` is 0 where there was none; ``reason`` is safe to log."""

    verdict: Verdict
    status: int = 0
    reason: str = ""
    document: dict[str, Any] = field(default_factory=dict, repr=False)
    survivor: str = field(default="", repr=False)
    setting: str = ""
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an answer tells of the rate: calls a window, calls left in it, its end in epoch seconds."""

    limit: int
    remaining: int
    reset_s: float


def classify(status: int, headers: Mapping[str, str], body: bytes, *, now_s: float) -> Answer:
    """Judge an answer. ``now_s`` is in epoch seconds."""
    document = _document(body)
    if 200 <= status < 300:
        if document is None:
            return Answer(Verdict.AGAIN, status, "an answer that is not a JSON object")
        return Answer(Verdict.FOUND, status, document=document)
    code = _code(document)
    reason = f"{status} {code}".strip()
    if status in (404, 410):
        survivor = _survivor(headers)
        return Answer(Verdict.MERGED if survivor else Verdict.NOTHING, status, reason, survivor=survivor)
    if status == 429:
        return Answer(Verdict.LIMITED, status, reason, wait_s=_wait_s(headers, now_s))
    if status >= 500 or status in _PASSING:
        return Answer(Verdict.AGAIN, status, reason)
    setting = _setting(status, code)
    return Answer(Verdict.REFUSED if setting else Verdict.REJECTED, status, code, setting=setting)


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """What the answer tells of the rate; None where it does not: one without credentials does not."""
    lower = _lower(headers)
    limit = _number(lower.get("x-ratelimit-limit", ""))
    remaining = _number(lower.get("x-ratelimit-remaining", ""))
    reset = _number(lower.get("x-ratelimit-reset", ""))
    if limit is None or limit < 1 or remaining is None or reset is None:
        return None
    return Allowance(int(limit), max(0, int(remaining)), reset)


def _setting(status: int, code: str) -> str:
    """The setting behind a refusal; empty where the request alone is at fault."""
    if status in (401, 403):
        return "access_token"
    if 300 <= status < 400:  # not the host that answers for this workspace
        return "region"
    return "api_version" if code == "intercom_version_invalid" else ""


def _wait_s(headers: Mapping[str, str], now_s: float) -> float:
    """Seconds until the window ends, unbounded: the pace bounds them."""
    lower = _lower(headers)
    reset = _number(lower.get("x-ratelimit-reset", ""))
    if reset is not None and reset > now_s - 1:  # else our clock is ahead, and the header says nothing
        return max(0.0, reset - now_s)
    after = _number(lower.get("retry-after", ""))
    return DEFAULT_WAIT_S if after is None else max(0.0, after)


def _survivor(headers: Mapping[str, str]) -> str:
    """The contact id of ``Link: </contacts/{id}>; rel="canonical"``; its host is never followed."""
    found = _CANONICAL.search(_lower(headers).get("link", ""))
    return found[1] if found else ""


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None  # a gateway's page, or nothing
    return document if isinstance(document, dict) else None


def _code(document: dict[str, Any] | None) -> str:
    """The first error's code. Messages are left alone: they can repeat what was asked."""
    errors = (document or {}).get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value.strip() for name, value in headers.items()}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
