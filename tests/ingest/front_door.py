"""A front door without a broker: an in-memory publisher, requests as the three producers send them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from events.envelope import Envelope
from ingest.basic_auth import basic_header
from ingest.config import IngestConfig
from ingest.signature import sign

SECRET = "the-secret-of-now"
FORMER_SECRET = "the-secret-of-before"
WORKSPACE = "ws-7"
DATA_KEY = "data:key-with-a-colon"
NOW_MS = 1_800_000_000_000
ANSWER_KEYS = {"status", "request_id", "name", "description"}

CONTACT = "65f0c0ffee"


@dataclass
class MemoryPublisher:
    """Keeps what is published. ``failure`` is raised instead; ``held`` makes publishes wait for it."""

    taken: list[tuple[Envelope, bytes]] = field(default_factory=list)
    failure: Exception | None = None
    held: asyncio.Event | None = None
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    ready: bool = True
    spooled: int = 0
    started: bool = False
    closed: bool = False

    @property
    def broker_up(self) -> bool:
        return self.ready and not self.spooled

    async def publish(self, envelope: Envelope, key: bytes) -> None:
        if self.held is not None:
            self.waiting.set()
            await self.held.wait()
        if self.failure is not None:
            raise self.failure
        self.taken.append((envelope, key))

    async def start(self) -> None:
        self.started = True

    async def close(self, timeout_s: float) -> None:
        self.closed = True


def config(**changes: Any) -> IngestConfig:
    """The configuration of these tests."""
    settings: dict[str, Any] = {
        "webhook_secrets": (SECRET, FORMER_SECRET),
        "partner_credentials": ((WORKSPACE, DATA_KEY),),
        **changes,
    }
    return IngestConfig(**settings)


def notification(topic: str = "contact.user.updated", **changes: Any) -> dict[str, Any]:
    """A webhook notification about CONTACT."""
    return {
        "type": "notification_event",
        "id": "notif_0000-1111",
        "app_id": "app9",
        "topic": topic,
        "created_at": NOW_MS // 1000 - 2,
        "data": {"type": "notification_event_data", "item": {"type": "contact", "id": CONTACT}},
        **changes,
    }


async def post_webhook(
    door: TestClient, body: bytes | dict[str, Any], secret: str = SECRET, **headers: str
) -> ClientResponse:
    """Post a signed webhook."""
    raw = body if isinstance(body, bytes) else json.dumps(body, indent=1).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Hub-Signature": sign(raw, secret),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return await door.post("/intercom/webhooks", data=raw, headers=headers)


async def send_partner(
    door: TestClient,
    body: bytes | dict[str, Any],
    *,
    method: str = "POST",
    kind: str = "user",
    slash: str = "",
    query: str = "",
    key: str = DATA_KEY,
) -> ClientResponse:
    """Send what a connector or a Series webhook sends."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Authorization": basic_header(WORKSPACE, key)}
    return await door.request(
        method, f"/v1/partner/intercom/{kind}{slash}{query}", data=raw, headers=headers
    )


async def until_logged(caplog, text: str) -> None:
    """Wait for a line of the log."""
    async with asyncio.timeout(30):
        while True:
            if text in caplog.text:
                return
            await asyncio.sleep(0.01)


async def refusal(response: ClientResponse, status: int, name: str) -> str:
    """Check the form of a refusal; its description."""
    answer = await response.json()
    assert (response.status, answer["status"], answer["name"]) == (status, "fail", name)
    assert set(answer) == ANSWER_KEYS
    assert all(isinstance(value, str) and value for value in answer.values())
    return answer["description"]


async def success(response: ClientResponse, name: str = "accepted") -> str:
    """Check the form of a success; its request id."""
    answer = await response.json()
    assert (response.status, answer["status"], answer["name"]) == (200, "success", name)
    assert set(answer) == ANSWER_KEYS
    return answer["request_id"]
