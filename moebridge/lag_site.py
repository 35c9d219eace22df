"""The lag over HTTP, as part of a site, and a site of its own for when no worker lives.

| path | what it says |
|---|---|
| ``/lag`` | the report on the whole group as JSON; 503 where the broker does not tell |
| ``/metrics``, ``/healthz`` | of the site of its own: Prometheus; 200 while the process runs |
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from streams.lag.broker import LagReader
from streams.lag.report import document
from streams.lag.watch import LagWatch


def show_lag(app: web.Application, watch: LagWatch, reader: LagReader) -> None:
    """Show the lag at ``/lag``, and look at the broker in the site's event loop while it is served."""

    async def lag(_: web.Request) -> web.Response:
        report = watch.report()
        if report is None:
            reason = "no data: the broker does not answer, or was not asked yet"
            return web.json_response({"verdict": None, "reason": reason}, status=503)
        return web.json_response(document(report))

    async def looking(_: web.Application) -> AsyncIterator[None]:
        async with reader:
            task = asyncio.create_task(watch.run())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.wait({task})

    app.router.add_get("/lag", lag)
    app.cleanup_ctx.append(looking)


def create_app(registry: CollectorRegistry, watch: LagWatch, reader: LagReader) -> web.Application:
    """The site of its own."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def metrics(_: web.Request) -> web.Response:
        headers = {hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST}
        return web.Response(body=generate_latest(registry), headers=headers)

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    show_lag(app, watch, reader)
    return app
