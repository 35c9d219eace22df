"""An aiohttp application on an address, for as long as it is needed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from moebridge.errors import CannotListen

#: For requests in work to be answered after the stop, in seconds.
FINISH_S = 1.0


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int, setting: str) -> AsyncIterator[str]:
    """Serve ``app`` inside; gives its URL. Port 0 takes a free one.

    Raises CannotListen naming ``setting``, which is where the port comes from.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=FINISH_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise CannotListen(setting, host, port, os_reason(error)) from None
        yield url(host, runner.addresses[0][1])
    finally:
        await runner.cleanup()


def url(host: str, port: int) -> str:
    """``http://host:port``, with an IPv6 address in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def local_url(host: str, port: int) -> str:
    """The URL at which this machine reaches what listens on ``host``, which may be all addresses."""
    return url({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104  # to call


def os_reason(error: OSError) -> str:
    """What went wrong, in lower case, without the address."""
    # asyncio puts the address into the text of an error that has a number; resolvers' have none.
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return error.strerror or type(error).__name__
