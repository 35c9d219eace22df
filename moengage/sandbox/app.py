"""The sandbox as an aiohttp application: which path leads where."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from moengage.sandbox.calls import Sandbox
from moengage.sandbox.config import SandboxConfig
from moengage.sandbox.control import Control


def create_app(config: SandboxConfig, *, clock: Callable[[], float] = time.time) -> web.Application:
    """The sandbox, ready to be served. ``clock`` gives epoch seconds."""
    sandbox = Sandbox(config, clock)
    # aiohttp refuses from this size on, in words that are not MoEngage's.
    app = web.Application(client_max_size=max(config.max_bulk_bytes, config.max_body_bytes) + 1)
    small = config.max_body_bytes
    post = app.router.add_post
    # The two calls without a workspace in their path come before those that would take them for one.
    post("/v1/customer/merge", sandbox.write_call(sandbox.merge, small))
    post("/v1/customer/delete", sandbox.write_call(sandbox.delete, small))
    for name, take, max_bytes in (
        ("customer", sandbox.customer, small),
        ("event", sandbox.event, small),
        ("transition", sandbox.transition, config.max_bulk_bytes),
    ):
        handler = sandbox.write_call(take, max_bytes)
        post(f"/v1/{name}", handler)
        post(f"/v1/{name}/{{workspace_id}}", handler)
    post("/v1/integrations/authentication", sandbox.authentication)
    app.add_routes(Control(sandbox).routes())

    async def release(_: web.Application) -> None:
        sandbox.closing.set()

    app.on_shutdown.append(release)
    return app
