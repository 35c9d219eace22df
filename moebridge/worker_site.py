"""What a worker shows over HTTP: that it lives, whether it works, and its metrics.

| path | what it says |
|---|---|
| ``/healthz`` | 200 while the process runs |
| ``/readyz`` | 200 once partitions are assigned and tables recovered, 503 before and while it stops |
| ``/mapping`` | the mapping in force by configuration, and why changed files are refused |
| ``/metrics`` | Prometheus |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


def create_app(
    registry: CollectorRegistry,
    ready: Callable[[], bool],
    mapping: Callable[[], Mapping[str, Any]] = dict,
) -> web.Application:
    """The application; ``ready`` and ``mapping`` are asked at every call."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        if ready():
            return web.json_response({"status": "ready"})
        reason = "joining the group, recovering tables, or stopping"
        return web.json_response({"status": "not ready", "reason": reason}, status=503)

    async def show_mapping(_: web.Request) -> web.Response:
        return web.json_response(mapping())

    async def metrics(_: web.Request) -> web.Response:
        headers = {hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST}
        return web.Response(body=generate_latest(registry), headers=headers)

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/mapping", show_mapping)
    app.router.add_get("/metrics", metrics)
    return app
