"""HTTP as the client needs it: one request, and either a whole answer or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import aiohttp

from intercom.errors import TransportFailed

#: A page of fifty contacts is some hundred kilobytes.
MAX_ANSWER_BYTES = 8 * 1024 * 1024

Method = Literal["GET", "POST"]


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Sends one request."""

    async def request(
        self,
        method: Method,
        url: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> Response:
        """``url`` is quoted already. Raises TransportFailed without a whole answer in ``timeout_s`` s."""
        ...


class AiohttpTransport:
    """A pool of kept-alive connections. Made and closed inside a running event loop."""

    def __init__(self, *, connections: int = 8, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._max_answer_bytes = max_answer_bytes
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def request(
        self,
        method: Method,
        url: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> Response:
        """Send; no redirect is followed, so the token goes to no other host."""
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as response:
                return Response(response.status, response.headers, await self._read(response))
        except TimeoutError:
            raise TransportFailed(f"no answer within {timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # Its text can hold the address, which names a contact; its name is enough.
            raise TransportFailed(type(error).__name__) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_answer_bytes:
                raise TransportFailed(f"an answer of more than {self._max_answer_bytes} bytes")
        return bytes(body)
