"""Running the front door: listen until told to stop, then leave nobody without an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry

from ingest.app import create_app
from ingest.config import IngestConfig
from ingest.errors import CannotListen
from ingest.publisher import RunningPublisher

log = logging.getLogger(__name__)

#: For requests in work to be answered after the stop, and for their records to be confirmed, in seconds.
FINISH_S = 5.0
#: A connection that is idle, or whose next request's head is not whole, is closed after so many seconds:
#: more than the 60 after which proxies commonly give up an idle connection, so that they go first.
IDLE_S = 75.0
#: A request's head: lines and fields, each of at most so many bytes, and how many fields.
MAX_LINE_BYTES = 8190
MAX_FIELDS = 100
#: What is read ahead of a handler, in bytes a connection.
READ_AHEAD_BYTES = 64 * 1024


async def serve(
    config: IngestConfig,
    publisher: RunningPublisher,
    *,
    host: str,
    port: int,
    now_ms: Callable[[], int],
    stop: asyncio.Event,
    on_listening: Callable[[str], None],
    registry: CollectorRegistry | None = None,
) -> None:
    """Run until ``stop`` is set: then accept no more, answer what is in work, disconnect the publisher.

    Starts the publisher, whether or not its broker is there. Port 0 takes a free one; ``on_listening``
    gets the URL once requests are taken. Ending takes FINISH_S at most for the requests and about as
    long again for a broker that does not answer. Raises CannotListen.
    """
    app = create_app(config, publisher, now_ms=now_ms, registry=registry)
    log.addFilter(_without_what_was_sent)
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=log,
        handle_signals=False,
        shutdown_timeout=FINISH_S,
        auto_decompress=False,  # bodies are signed as they are sent
        keepalive_timeout=IDLE_S,
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_LINE_BYTES,
        max_headers=MAX_FIELDS,
        read_bufsize=READ_AHEAD_BYTES,
    )
    await publisher.start()
    try:
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise CannotListen(host, port, error.strerror or type(error).__name__) from None
        on_listening(f"http://{_for_url(host)}:{runner.addresses[0][1]}")
        await stop.wait()
    finally:
        try:
            await runner.cleanup()
        finally:
            await publisher.close(FINISH_S)


def _without_what_was_sent(line: logging.LogRecord) -> bool:
    """aiohttp logs a request that is not HTTP with the bytes in question: keep the kind of error only."""
    if line.exc_info and line.exc_info[0]:
        line.msg, line.args = f"{line.getMessage()}: {line.exc_info[0].__name__}", ()
        line.exc_info = line.exc_text = None
    return True


def _for_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
