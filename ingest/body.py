"""Reading a request's body: bounded in size and time."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ingest.content import require_size
from ingest.errors import BodyBroken, BodyTooSlow


async def read_body(request: web.Request, *, limit: int, deadline_s: float) -> bytes:
    """The raw body, at most ``limit`` bytes of it and within ``deadline_s`` seconds.

    A Content-Length beyond the limit is refused before anything is read; a chunked body as soon as it
    exceeds the limit. Raises BodyTooLarge, BodyTooSlow, BodyBroken.
    """
    require_size(request.content_length, limit)
    body = bytearray()
    try:
        async with asyncio.timeout(deadline_s):
            async for piece in request.content.iter_any():
                require_size(len(body) + len(piece), limit)
                body += piece
    except TimeoutError:
        raise BodyTooSlow(f"The body did not arrive within {deadline_s:g} s.") from None
    except (HttpProcessingError, ConnectionError):
        raise BodyBroken("The body broke off or is not framed as its headers say.") from None
    return bytes(body)
