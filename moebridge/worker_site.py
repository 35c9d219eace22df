"""What a worker shows over HTTP: whether it is alive, whether it works, and its metrics.

| path | what it says |
|---|---|
| ``/healthz`` | 200 while it makes progress or knows why it waits, 503 while it stands still; and why |
| ``/readyz`` | 200 once partitions are assigned and tables recovered, 503 before and while it stops |
| ``/mapping`` | the mapping in force by configuration, and why changed files are refused |
| ``/lag`` | how far the whole group is behind (moebridge.lag_site), unless lag.interval_s is 0 |
| ``/metrics`` | Prometheus |
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from streams.progress import Verdict


def create_app(
    registry: CollectorRegistry,
    ready: Callable[[], bool],
    verdict: Callable[[], Verdict],
    mapping: Callable[[], Mapping[str, Any]] = dict,
    troubles: Callable[[], Mapping[str, str]] = dict,
) -> web.Application:
    """The application; what it shows is asked at every call.

    ``troubles``: by configuration, why nothing is delivered until a person looks.
    """

    async def healthz(_: web.Request) -> web.Response:
        seen = verdict()
        waiting: dict[str, list[str]] = defaultdict(list)
        for place, reason in sorted(seen.waits.items()):
            waiting[reason].append(f"{place.topic}[{place.partition}]")
        told = {
            "status": "stalled" if seen.stalled else "alive",
            "phase": seen.phase.value,
            "stalled": seen.stalled,
            "waiting": waiting,
            "troubles": troubles(),
            "broker": "answers" if seen.broker else "does not answer",
        }
        return web.json_response(told, status=503 if seen.stalled else 200)

    async def readyz(_: web.Request) -> web.Response:
        if ready() and not verdict().stalled:
            return web.json_response({"status": "ready"})
        reason = "joining the group, recovering tables, stopping, or standing still (/healthz)"
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
