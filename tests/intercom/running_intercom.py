"""A sandbox on a free port, a clock of its own, and the ways to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from intercom.client import IntercomClient, RetryPolicy
from intercom.config import IntercomConfig
from intercom.transport import AiohttpTransport

TOKEN = "token-for-tests"
NOW_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z


@dataclass
class Clock:
    """Time that passes only where somebody sleeps. ``slept`` are the waits, in seconds."""

    now_s: float = NOW_S
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        wakes_at = self.now_s + seconds
        await asyncio.sleep(0)
        self.now_s = max(self.now_s, wakes_at)


@dataclass
class Running:
    """A sandbox that runs on ``clock``."""

    url: str
    http: aiohttp.ClientSession
    transport: AiohttpTransport
    clock: Clock

    def client(self, policy: RetryPolicy | None = None, **changes: Any) -> IntercomClient:
        settings = {"access_token": TOKEN, "base_url": self.url, **changes}
        return IntercomClient(
            IntercomConfig(**settings),
            self.transport,
            clock=self.clock,
            sleep=self.clock.sleep,
            random=lambda: 0.5,
            policy=policy or RetryPolicy(),
        )

    async def stats(self) -> Any:
        async with self.http.get(f"{self.url}/sandbox/stats") as response:
            return await response.json()

    async def control(self, name: str, **document: Any) -> tuple[int, Any]:
        """Seed (contacts, companies) or break (faults)."""
        async with self.http.post(f"{self.url}/sandbox/{name}", json=document) as response:
            return response.status, await response.json()

    async def call(self, method: str, path: str, document: Any = None, **headers: str) -> Any:
        """A call with a valid token; returns (status, JSON, headers). A header ``X-Y`` is ``X_Y``."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {TOKEN}", **told}
        body = {} if document is None else {"json": document}
        async with self.http.request(method, self.url + path, headers=sent, **body) as response:
            return response.status, await response.json(), response.headers
