"""What an answer of MoEngage means for a request, by HTTP status.

The error types in the bodies differ between MoEngage's own pages, so they explain and never decide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import orjson

MAX_MESSAGE_CHARS = 300
MAX_WAIT_S = 60.0
#: Where a 429 says nothing of time, and so that one that says 0 does not make a busy loop.
DEFAULT_WAIT_S = 5.0
MIN_WAIT_S = 0.1

# x-ratelimit-reset holds seconds left on one page and epoch seconds on another (2001 in seconds).
_EPOCH_BEGINS = 1e9
# About the address or the account, not about the elements: nothing may be dropped. 404 and 405 mean a
# wrong host or path, 402 and 407 somebody's bill or proxy; MoEngage documents none of them for bulk.
_PAUSING = frozenset({401, 402, 403, 404, 405, 407, 409})
_PASSING = frozenset({408, 425})
_BISECTING = frozenset({400, 422})
# A gateway in between gave up waiting for MoEngage, which may have the request by then.
_AMBIGUOUS = frozenset({502, 504})

_EMAIL = re.compile(r"[^\s\"'<>(),;:=]+@[^\s\"'<>(),;:=]+")
_NOT_PRINTED = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")


class Verdict(StrEnum):
    """What to do next."""

    ACCEPTED = "accepted"  # taken for processing
    WAIT = "wait"  # over the rate: wait, then the same again
    AGAIN = "again"  # a passing fault: back off, then the same again
    PAUSE = "pause"  # credentials or configuration: keep everything, shout, try again later
    SPLIT = "split"  # too large: halves
    BISECT = "bisect"  # some element is bad, nobody says which: halves
    REFUSED = "refused"  # the request as such will never be taken


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, judged. ``status`` is 0 where there was none; ``ambiguous``: it may have been taken.

    ``wait_s`` is in seconds and set with WAIT only. ``message`` is safe to log.
    """

    verdict: Verdict
    status: int
    wait_s: float = 0.0
    message: str = ""
    request_id: str = ""
    ambiguous: bool = False


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now_s: float,
    secrets: Iterable[str] = (),
    of_users: bool = False,
) -> Answer:
    """Judge an answer. ``now_s`` is in epoch seconds; ``secrets`` are kept out of the message.

    ``of_users``: the request is about users who must exist, so 404 may speak of them and not of the path.
    """
    verdict = Verdict.REFUSED if of_users and status == 404 else _verdict(status)
    document = _document(body)
    return Answer(
        verdict=verdict,
        status=status,
        wait_s=_wait_s(headers, now_s) if verdict is Verdict.WAIT else 0.0,
        message=_message(document, status, secrets),
        request_id=_request_id(document, secrets),
        ambiguous=status in _AMBIGUOUS,
    )


def _verdict(status: int) -> Verdict:
    if 200 <= status < 300:
        return Verdict.ACCEPTED
    if status == 429:
        return Verdict.WAIT
    if status == 413:
        return Verdict.SPLIT
    if status in _BISECTING:
        return Verdict.BISECT
    if status in _PAUSING or 300 <= status < 400:  # a redirect: not the host we were told
        return Verdict.PAUSE
    if 400 <= status < 500 and status not in _PASSING:
        return Verdict.REFUSED
    return Verdict.AGAIN


def _wait_s(headers: Mapping[str, str], now_s: float) -> float:
    """Seconds until another try: the longer of the two headers, between MIN_WAIT_S and MAX_WAIT_S."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    waits = []
    reset = _number(lower.get("x-ratelimit-reset", ""))
    if reset is not None:
        waits.append(reset - now_s if reset > _EPOCH_BEGINS else reset)
    retry_after = lower.get("retry-after", "")
    seconds = _number(retry_after)
    if seconds is not None:
        waits.append(seconds)
    elif retry_after:
        try:
            waits.append(parsedate_to_datetime(retry_after).timestamp() - now_s)
        except ValueError:
            pass
    return min(MAX_WAIT_S, max(MIN_WAIT_S, *waits)) if waits else DEFAULT_WAIT_S


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}  # a gateway's page, or nothing: the status says enough
    return document if isinstance(document, dict) else {}


def _message(document: dict[str, Any], status: int, secrets: Iterable[str]) -> str:
    """What the answer says of itself, from the fields that MoEngage documents and no other."""
    error = document.get("error")
    if not isinstance(error, dict):
        error = {}
    message = error.get("message") or document.get("message")
    parts = [_text(error.get("type") or error.get("code")), _text(message)]
    said = ": ".join(part for part in parts if part)
    attribute = _text(error.get("attribute"))
    if attribute:
        said = f"{said} (attribute {attribute})"
    return _safe(said, secrets)[:MAX_MESSAGE_CHARS] or f"HTTP {status}"


def _request_id(document: dict[str, Any], secrets: Iterable[str]) -> str:
    error = document.get("error")
    inner = error.get("request_id") if isinstance(error, dict) else None
    return _safe(_text(inner or document.get("request_id")), secrets)[:100]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _safe(text: str, secrets: Iterable[str]) -> str:
    """On one line, without e-mail addresses and without what must stay secret."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[secret]")
    return _EMAIL.sub("[e-mail]", _NOT_PRINTED.sub(" ", text)).strip()
