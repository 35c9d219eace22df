"""HTTP as the client needs it: one POST, and the truth about one that failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from moengage.errors import TransportFailed

_MAX_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as it came; of a body longer than 64 KiB the rest is left out."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Sends one POST."""

    async def post(
        self, url: str, *, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> Response:
        """Raises TransportFailed where no status came back within ``timeout_s`` seconds."""
        ...


class AiohttpTransport:
    """A pool of kept-alive connections. Made and closed inside a running event loop."""

    def __init__(self, *, connections: int = 8) -> None:
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_note_sent)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
        )

    async def post(
        self, url: str, *, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> Response:
        """Send; a POST is never sent twice here, and no redirect is followed."""
        attempt = _Attempt()
        try:
            async with self._session.post(
                url,
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
                trace_request_ctx=attempt,
            ) as response:
                return Response(response.status, response.headers, await _read(response))
        except TimeoutError:
            reason = f"no answer within {timeout_s:g} s"
            raise TransportFailed(reason, ambiguous=attempt.sent) from None
        except (aiohttp.ClientError, OSError) as error:
            # Its text can hold the address, headers and what the peer sent; its name is enough.
            raise TransportFailed(type(error).__name__, ambiguous=attempt.sent) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


@dataclass(slots=True)
class _Attempt:
    """Whether anything of a request may have left this process."""

    sent: bool = False


async def _note_sent(
    session: aiohttp.ClientSession,
    context: object,
    params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    attempt = getattr(context, "trace_request_ctx", None)
    if isinstance(attempt, _Attempt):
        attempt.sent = True


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, or what came of it: the status has been said, and that is what counts."""
    chunks = bytearray()
    try:
        async for chunk in response.content.iter_any():
            chunks += chunk
            if len(chunks) >= _MAX_ANSWER_BYTES:
                break
    except (aiohttp.ClientError, OSError, TimeoutError):
        pass
    return bytes(chunks[:_MAX_ANSWER_BYTES])
