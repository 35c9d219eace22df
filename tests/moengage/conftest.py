"""The sandbox as a fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from running_sandbox import KEY, WORKSPACE, Running

from moengage.sandbox.app import create_app
from moengage.sandbox.config import SandboxConfig
from moengage.transport import AiohttpTransport


@pytest.fixture
async def run_sandbox() -> AsyncIterator[Callable[..., Awaitable[Running]]]:
    """Start a sandbox with these settings; its clock is the ``now_s`` of what comes back."""
    started: list[tuple[Running, TestServer]] = []

    async def run(**settings: Any) -> Running:
        config = SandboxConfig(**{"workspace_id": WORKSPACE, "api_key": KEY, **settings})
        server = TestServer(create_app(config, clock=lambda: running.now_s))
        await server.start_server()
        url = str(server.make_url("")).rstrip("/")
        running = Running(url, aiohttp.ClientSession(), AiohttpTransport())
        started.append((running, server))
        return running

    yield run
    for running, server in started:
        await running.http.close()
        await running.transport.close()
        await server.close()


@pytest.fixture
async def sandbox(run_sandbox: Callable[..., Awaitable[Running]]) -> Running:
    """A sandbox with the default settings."""
    return await run_sandbox()
