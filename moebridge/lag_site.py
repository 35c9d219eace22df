"""What `moebridge lag --listen` shows over HTTP: the lag of the whole group, also when no worker lives.

| path | what it says |
|---|---|
| ``/lag`` | the report as JSON; 503 where the broker does not tell |
| ``/metrics`` | Prometheus |
| ``/healthz`` | 200 while the process runs |
"""

from __future__ import annotations

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from streams.lag.report import document
from streams.lag.watch import LagWatch


def lag_answer(watch: LagWatch | None) -> web.Response:
    """The last report of a watch as JSON; None: nobody looks."""
    report = watch.report() if watch else None
    if report is None:
        reason = "the broker does not answer, or was not asked yet" if watch else "lag.interval_s is 0"
        return web.json_response({"verdict": None, "reason": reason}, status=503)
    return web.json_response(document(report))


def create_app(registry: CollectorRegistry, watch: LagWatch) -> web.Application:
    """The application."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def show_lag(_: web.Request) -> web.Response:
        return lag_answer(watch)

    async def metrics(_: web.Request) -> web.Response:
        headers = {hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST}
        return web.Response(body=generate_latest(registry), headers=headers)

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/lag", show_lag)
    app.router.add_get("/metrics", metrics)
    return app
