"""Reading a request's body: bounded in size and time, and all bodies together in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ingest.content import require_size
from ingest.errors import BodyBroken, BodyTooSlow, TooBusy


@dataclass(slots=True)
class Room:
    """What bodies may take of the memory, all requests together, in bytes."""

    limit: int
    used: int = 0


@dataclass(slots=True)
class Share:
    """One request's part of the room; it leaves when its body is needed no more."""

    room: Room
    size: int = 0

    def take(self, size: int) -> None:
        """So many bytes more. Raises TooBusy where there is no room for them."""
        if self.room.used + size > self.room.limit:
            raise TooBusy("The event was not taken: too much is in work. Send it again later.")
        self.room.used += size
        self.size += size

    def leave(self) -> None:
        """Give back what was taken."""
        self.room.used -= self.size
        self.size = 0


async def read_body(request: web.Request, *, limit: int, deadline_s: float, share: Share) -> bytes:
    """The raw body, at most ``limit`` bytes of it and within ``deadline_s`` seconds.

    A Content-Length beyond the limit is refused before anything is read; a chunked body as soon as it
    exceeds the limit. Raises BodyTooLarge, BodyTooSlow, BodyBroken, TooBusy.
    """
    require_size(request.content_length, limit)
    body = bytearray()
    try:
        async with asyncio.timeout(deadline_s):
            async for piece in request.content.iter_any():
                require_size(len(body) + len(piece), limit)
                share.take(len(piece))
                body += piece
    except TimeoutError:
        raise BodyTooSlow(f"The body did not arrive within {deadline_s:g} s.") from None
    except (HttpProcessingError, ConnectionError):
        raise BodyBroken("The body broke off or is not framed as its headers say.") from None
    return bytes(body)
