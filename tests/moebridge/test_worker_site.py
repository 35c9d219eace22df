"""What a worker shows over HTTP."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from moebridge.errors import CannotListen
from moebridge.site import serving, url
from moebridge.worker_site import create_app


async def test_readiness_follows_the_worker(aiohttp_client: Any) -> None:
    ready = False
    client = await aiohttp_client(create_app(CollectorRegistry(), lambda: ready))
    assert (await client.get("/healthz")).status == 200
    assert (await client.get("/readyz")).status == 503
    ready = True
    assert (await client.get("/readyz")).status == 200


async def test_metrics_are_those_of_the_registry(aiohttp_client: Any) -> None:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    response = await (await aiohttp_client(create_app(registry, lambda: True))).get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain")
    assert "things_total 3.0" in await response.text()


async def test_the_mapping_in_force_is_shown(aiohttp_client: Any) -> None:
    client = await aiohttp_client(create_app(CollectorRegistry(), lambda: True, lambda: {"eu": 1}))
    assert await (await client.get("/mapping")).json() == {"eu": 1}


async def test_a_site_is_there_while_it_is_needed() -> None:
    app = create_app(CollectorRegistry(), lambda: True)
    async with aiohttp.ClientSession() as session:
        async with (
            asyncio.timeout(10),
            serving(app, "127.0.0.1", 0, "worker.http_port") as address,
            session.get(f"{address}/healthz") as response,
        ):
            assert response.status == 200
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{address}/healthz")


async def test_a_port_in_use_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen) as caught:
            async with serving(web.Application(), "127.0.0.1", port, "worker.http_port"):
                pass
    assert str(caught.value) == (
        f"worker.http_port: cannot listen on 127.0.0.1:{port}: address already in use; "
        "choose another port, or stop what uses it"
    )


def test_urls() -> None:
    assert url("127.0.0.1", 80) == "http://127.0.0.1:80"
    assert url("::1", 80) == "http://[::1]:80"
