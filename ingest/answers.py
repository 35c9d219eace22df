"""The answers: always a JSON object with the same four keys, success or refusal.

MoEngage's own partner intake answers ``request_id``, ``name`` and ``description`` (source: its partner
documentation), so a connector that maps these goes on working when it is pointed here.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from aiohttp import web

from events.codec import encode
from ingest.basic_auth import CHALLENGE
from ingest.errors import BodyBroken, BodyTooLarge, BodyTooSlow, CredentialsWrong, Refusal, TryLater


class Answer(web.Response):
    """``{"status", "request_id", "name", "description"}``. ``outcome`` is the name, for the metrics."""

    def __init__(
        self,
        http_status: int,
        *,
        name: str,
        description: str,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.outcome = name
        self.request_id = request_id or str(uuid.uuid4())
        body = {
            "status": "success" if http_status == 200 else "fail",
            "request_id": self.request_id,
            "name": name,
            "description": description,
        }
        super().__init__(
            status=http_status, body=encode(body), content_type="application/json", headers=headers
        )


def refusal_answer(refusal: Refusal, *, retry_after_s: int, headers: Mapping[str, str]) -> Answer:
    """The answer to a refusal: Retry-After with 429, a challenge with failed Basic auth.

    The connection ends where the rest of the body has not been read and must not be.
    """
    headers = dict(headers)
    if isinstance(refusal, TryLater):
        headers["Retry-After"] = str(retry_after_s)
    if isinstance(refusal, CredentialsWrong):
        headers[CHALLENGE[0]] = CHALLENGE[1]
    response = Answer(refusal.status, name=refusal.name, description=refusal.description, headers=headers)
    if isinstance(refusal, BodyTooLarge | BodyTooSlow | BodyBroken):
        response.force_close()
    return response


def json_answer(http_status: int, body: Mapping[str, str]) -> web.Response:
    """Any small JSON object."""
    return web.Response(status=http_status, body=encode(body), content_type="application/json")
