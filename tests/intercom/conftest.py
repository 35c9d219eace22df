"""Intercom's sandbox as a fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from running_intercom import TOKEN, Clock, Running

from intercom.sandbox.app import create_app
from intercom.sandbox.config import SandboxConfig
from intercom.transport import AiohttpTransport


@pytest.fixture
async def run_intercom() -> AsyncIterator[Callable[..., Awaitable[Running]]]:
    """Start a sandbox with these settings, on a clock of its own."""
    started: list[tuple[Running, TestServer]] = []

    async def run(**settings: Any) -> Running:
        clock = Clock()
        config = SandboxConfig(**{"access_token": TOKEN, **settings})
        server = TestServer(create_app(config, clock=clock))
        await server.start_server()
        url = str(server.make_url("")).rstrip("/")
        running = Running(url, aiohttp.ClientSession(), AiohttpTransport(), clock)
        started.append((running, server))
        return running

    yield run
    for running, server in started:
        await running.http.close()
        await running.transport.close()
        await server.close()


@pytest.fixture
async def sandbox(run_intercom: Callable[..., Awaitable[Running]]) -> Running:
    """A sandbox with the default settings, two companies and four contacts, one of them merged away."""
    running = await run_intercom()
    companies = [{"id": "c1", "company_id": "acme", "name": "Acme"}, {"id": "c2", "name": "Bravo"}]
    contacts = [
        {"id": "u1", "external_id": "x1", "email": "ada@example.com", "company_ids": ["c1", "c2"]},
        {"id": "u2", "external_id": "x2", "email": "bob@example.com"},
        {"id": "l1", "role": "lead", "external_id": "lead-uuid", "email": "bob@example.com"},
        {"id": "old", "email": "ada@example.com", "merged_into": "u1"},
    ]
    assert (await running.control("companies", companies=companies))[0] == 200
    assert (await running.control("contacts", contacts=contacts))[0] == 200
    return running
