"""Intercom's webhook signature: ``X-Hub-Signature: sha1=<40 hex digits>``.

HMAC-SHA1 of the raw body with the app's client secret (source: Intercom, webhook documentation, "Signed
notifications"). It covers no time, so a replay is not detectable here; events are deduplicated by id.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable

HEADER = "X-Hub-Signature"

_FORM = re.compile(r"sha1=([0-9a-fA-F]{40})", re.ASCII)


def sign(body: bytes, secret: str) -> str:
    """The header's value for this body."""
    return "sha1=" + _digest(body, secret).hex()


def well_formed(header: str | None) -> bool:
    """Whether a header's value has the form of a signature."""
    return header is not None and _FORM.fullmatch(header) is not None


def signer(body: bytes, header: str | None, secrets: Iterable[tuple[str, str]]) -> str | None:
    """Whose secret made this signature of the raw body; ``secrets`` are pairs of owner and secret.

    None where it was none of them. Every secret is tried and compared in constant time, so that the
    answer's time tells neither how much of a guess was right nor which secret fits.
    """
    match = _FORM.fullmatch(header or "")
    claimed = bytes.fromhex(match[1]) if match else b""
    signed_by: str | None = None
    for owner, secret in secrets:
        if hmac.compare_digest(_digest(body, secret), claimed):
            signed_by = owner
    return signed_by


def _digest(body: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), body, "sha1")
