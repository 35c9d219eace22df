"""What any body must satisfy, whoever sends it: size, kind, JSON object. Pure."""

from __future__ import annotations

from typing import Any

from events.codec import decode_object
from events.errors import InvalidJson, InvalidPayload
from ingest.errors import BodyTooLarge, NotJson, WrongContentType, WrongShape


def require_json(content_type: str | None, content_encoding: str | None) -> None:
    """Raise WrongContentType unless the headers announce plain JSON.

    ``application/json`` and any ``…+json``, parameters allowed; a missing type is accepted, since a
    connector's user may have typed none. Compressed bodies are refused: signatures cover the raw bytes.
    """
    if content_encoding is not None and content_encoding.strip().lower() not in ("", "identity"):
        raise WrongContentType("Content-Encoding: compressed bodies are not taken; send plain JSON.")
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not ("/" in kind and kind.endswith("+json")):
        raise WrongContentType("Content-Type: expected application/json.")


def require_size(size: int | None, limit: int) -> None:
    """Raise BodyTooLarge where a known size (in bytes) exceeds the limit."""
    if size is not None and size > limit:
        raise BodyTooLarge(f"The body exceeds {limit} bytes.")


def json_object(body: bytes) -> dict[str, Any]:
    """The body decoded. Raises NotJson with the position, or WrongShape for anything but an object."""
    try:
        return decode_object(body)
    except InvalidJson as error:
        raise NotJson(str(error)) from None
    except InvalidPayload as error:
        raise WrongShape(str(error)) from None
