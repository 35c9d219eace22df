"""The sandbox as an aiohttp application: which path leads where."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from intercom.sandbox.calls import Sandbox
from intercom.sandbox.config import SandboxConfig
from intercom.sandbox.control import Control

# For seeding in bulk; what Intercom is asked is small.
_MAX_BODY_BYTES = 64 * 1024 * 1024


def create_app(config: SandboxConfig, *, clock: Callable[[], float] = time.time) -> web.Application:
    """The sandbox, ready to be served. ``clock`` gives epoch seconds."""
    sandbox = Sandbox(config, clock)
    app = web.Application(client_max_size=_MAX_BODY_BYTES)
    app.add_routes(Control(sandbox).routes())
    for call, answer in sandbox.calls().items():
        method, path = call.split(" ")
        app.router.add_route(method, path, sandbox.handler(call, answer))
    app.router.add_route("*", "/{path:.*}", sandbox.handler("elsewhere", sandbox.nowhere))

    async def release(_: web.Application) -> None:
        sandbox.closing.set()

    app.on_shutdown.append(release)
    return app
