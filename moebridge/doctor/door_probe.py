"""Asking the front door over HTTP."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

import aiohttp
import orjson

from ingest.app import PARTNER, WEBHOOKS
from ingest.basic_auth import HEADER as AUTHORIZATION
from ingest.basic_auth import basic_header
from ingest.signature import HEADER as SIGNATURE
from ingest.signature import sign
from moebridge.doctor.door_verdict import Health, Reply
from moebridge.site import os_reason

#: A topic that Intercom has not: stored like any other, about nobody, so that nothing is made of it.
DOCTOR_TOPIC = "moebridge.doctor"

_JSON = {"Content-Type": "application/json"}
_NAME = re.compile(r"[a-z_]{1,40}")
_MAX_ANSWER_BYTES = 10_000


class Door:
    """The front door at ``url``. Each request takes ``timeout_s`` at most; no redirect is followed."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, timeout_s: float) -> None:
        self.url = url
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def health(self) -> Health:
        """What it says of itself, and to Intercom's HEAD."""
        webhooks = await self._ask("HEAD", WEBHOOKS)
        if not webhooks.status:
            return Health(webhooks, webhooks, webhooks)
        return Health(await self._ask("GET", "/healthz"), await self._ask("GET", "/readyz"), webhooks)

    async def connector(self, workspace: str, key: str, configuration: str) -> Reply:
        """A connector's request with a body that is refused after the credentials were looked at."""
        headers = {**_JSON, AUTHORIZATION: basic_header(workspace, key)}
        return await self._ask(
            "POST", f"{PARTNER}/user", body=b"[]", headers=headers, query={"configName": configuration}
        )

    async def signed_webhook(self, event_id: str, secret: str, *, now_s: int) -> Reply:
        """A webhook of which nothing is made."""
        body = doctor_body(event_id, now_s=now_s)
        return await self._ask(
            "POST", WEBHOOKS, body=body, headers={**_JSON, SIGNATURE: sign(body, secret)}
        )

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Reply:
        try:
            async with self._session.request(
                method,
                self.url + path,
                params=query,
                data=body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                return Reply(response.status, _name(await response.content.read(_MAX_ANSWER_BYTES)))
        except TimeoutError:
            return Reply(0, reason=f"no answer within {self._timeout.total:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Reply(0, reason=_reason(error))


def new_event_id() -> str:
    """An id that no other event has."""
    return f"doctor_{uuid.uuid4().hex}"


def doctor_body(event_id: str, *, now_s: int) -> bytes:
    """A notification that names no contact and no company; ``now_s`` in epoch seconds."""
    return orjson.dumps(
        {
            "type": "notification_event",
            "app_id": "moebridge",
            "id": event_id,
            "topic": DOCTOR_TOPIC,
            "created_at": now_s,
            "data": {"type": "notification_event_data", "item": {"type": "doctor"}},
        }
    )


def _name(body: bytes) -> str:
    """What the front door calls its answer, or its state; "" where somebody else answers."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(document, dict):
        return ""
    name = document.get("name", document.get("status"))
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted here"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known here"
    if isinstance(error, aiohttp.ClientConnectorError):
        return os_reason(error.os_error)
    return type(error).__name__
