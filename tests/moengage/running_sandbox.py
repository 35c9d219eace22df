"""A sandbox on a free port, and the ways to it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import aiohttp

from moengage.client import MoEngageClient, MoEngageConfig
from moengage.transport import AiohttpTransport

WORKSPACE = "WS1EXAMPLE"
KEY = "data-key-for-tests"
NOW_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def basic(user: str = WORKSPACE, password: str = KEY) -> dict[str, str]:
    """The header of these credentials."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@dataclass
class Running:
    """A sandbox that runs; its clock is ``now_s``."""

    url: str
    http: aiohttp.ClientSession
    transport: AiohttpTransport
    now_s: float = NOW_S

    def client(self, **changes: Any) -> MoEngageClient:
        settings = {"workspace_id": WORKSPACE, "api_key": KEY, "base_url": self.url, "timeout_s": 5.0}
        config = MoEngageConfig(**{**settings, **changes})
        return MoEngageClient(config, self.transport, lambda: self.now_s)

    async def get(self, path: str) -> Any:
        async with self.http.get(self.url + path) as response:
            return await response.json()

    async def fault(self, **document: Any) -> tuple[int, Any]:
        async with self.http.post(f"{self.url}/sandbox/faults", json=document) as response:
            return response.status, await response.json()

    async def call(self, path: str, document: Any, **options: Any) -> tuple[int, Any, Any]:
        """A call with valid credentials, unless told otherwise; returns (status, JSON, headers)."""
        options = {"headers": basic(), "json": document, **options}
        async with self.http.post(self.url + path, **options) as response:
            return response.status, await response.json(), response.headers
