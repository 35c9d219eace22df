"""Running the front door: listen until told to stop, then leave nobody without an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import CollectorRegistry

from ingest.app import METRICS, create_app
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
    not_http = _NotHttp(app[METRICS].not_http)
    log.addFilter(not_http)
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
            log.removeFilter(not_http)


class _NotHttp(logging.Filter):
    """aiohttp logs what is no HTTP as an error, with the bytes in question.

    Whoever sends it could fill the log. It is counted instead; the kind of error is logged for debugging.
    """

    def __init__(self, count: Callable[[], None]) -> None:
        super().__init__()
        self._count = count

    def filter(self, line: logging.LogRecord) -> bool:
        """Keep our own lines as they are."""
        if not line.exc_info or line.exc_info[0] is None:
            return True
        line.msg, line.args = f"{line.getMessage()}: {line.exc_info[0].__name__}", ()
        if issubclass(line.exc_info[0], HttpProcessingError):
            self._count()
            line.levelno, line.levelname = logging.DEBUG, "DEBUG"
        line.exc_info = line.exc_text = None
        return log.isEnabledFor(line.levelno)


def _for_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
