"""Basic auth (RFC 7617), as MoEngage's Intercom guide has connectors and Series webhooks send it."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from hashlib import sha256

HEADER = "Authorization"
#: The header that a 401 must carry, and its value.
CHALLENGE = ("WWW-Authenticate", 'Basic realm="moebridge", charset="UTF-8"')


def basic_header(user: str, password: str) -> str:
    """The Authorization header's value for these credentials."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def parse_basic(header: str | None) -> tuple[str, str] | None:
    """User and password of a header's value; None where it is absent, of another scheme or broken."""
    scheme, _, token = (header or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):  # ValueError: not ASCII, or not UTF-8 inside
        return None
    return (user, password) if colon else None


def accepted(header: str | None, credentials: Iterable[tuple[str, str]]) -> list[bool]:
    """Of each pair of workspace id and data key, whether the header holds it.

    Every pair is compared, by digest, so that neither the time nor a length tells anything.
    """
    given = parse_basic(header)
    claimed = _digest(*given) if given else b""
    return [hmac.compare_digest(_digest(user, password), claimed) for user, password in credentials]


def _digest(user: str, password: str) -> bytes:
    return sha256(f"{user}:{password}".encode()).digest()
