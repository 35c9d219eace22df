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
from streams.chunks import Place
from streams.progress import Phase, Verdict


async def test_readiness_follows_the_worker(aiohttp_client: Any) -> None:
    ready = False
    verdict = Verdict(Phase.JOINING)
    client = await aiohttp_client(create_app(CollectorRegistry(), lambda: ready, lambda: verdict))
    assert (await client.get("/healthz")).status == 200
    assert (await client.get("/readyz")).status == 503
    ready = True
    assert (await client.get("/readyz")).status == 200
    verdict = Verdict(Phase.WORKING, stalled=("the event loop is blocked for 130 s",))
    assert (await client.get("/readyz")).status == 503


async def test_health_says_what_stands_still_and_what_waits_for_what(aiohttp_client: Any) -> None:
    lanes = [Place("moengage.deliveries", partition) for partition in (1, 0)]
    verdict = Verdict(Phase.WORKING, waits=dict.fromkeys(lanes, "MoEngage limits the rate"))
    trouble = {"default": "MoEngage answers 401: no such key"}
    app = create_app(CollectorRegistry(), lambda: True, lambda: verdict, troubles=lambda: trouble)
    client = await aiohttp_client(app)
    response = await client.get("/healthz")
    assert response.status == 200
    assert await response.json() == {
        "status": "alive",
        "phase": "working",
        "stalled": [],
        "waiting": {"MoEngage limits the rate": ["moengage.deliveries[0]", "moengage.deliveries[1]"]},
        "troubles": {"default": "MoEngage answers 401: no such key"},
        "broker": "answers",
    }
    verdict = Verdict(Phase.RECOVERING, stalled=("the recovery of tables has stood still for 120 s",))
    response = await client.get("/healthz")
    assert response.status == 503
    assert (await response.json())["stalled"] == ["the recovery of tables has stood still for 120 s"]


async def test_metrics_are_those_of_the_registry(aiohttp_client: Any) -> None:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    app = create_app(registry, lambda: True, lambda: Verdict(Phase.WORKING))
    response = await (await aiohttp_client(app)).get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain")
    assert "things_total 3.0" in await response.text()


async def test_the_mapping_in_force_is_shown(aiohttp_client: Any) -> None:
    client = await aiohttp_client(
        create_app(CollectorRegistry(), lambda: True, lambda: Verdict(Phase.WORKING), lambda: {"eu": 1})
    )
    assert await (await client.get("/mapping")).json() == {"eu": 1}


async def test_a_site_is_there_while_it_is_needed() -> None:
    app = create_app(CollectorRegistry(), lambda: True, lambda: Verdict(Phase.WORKING))
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
