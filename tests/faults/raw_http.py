"""Requests as bytes, whatever they are, over as many connections as there are senders."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

NO_ANSWER, LEFT = 0, -1
#: Within which an answer must come, in seconds; how long to listen where none need come.
ANSWER_S = 20.0
QUIET_S = 0.5


@dataclass(frozen=True)
class Request:
    """Bytes to send, in ``pieces`` with ``pause_s`` seconds between them.

    ``then``: read one answer, which must come; read what comes until the other side closes, or says no
    more for QUIET_S; or leave without reading. ``body`` is what it carries, where it says so truly.
    """

    kind: str
    pieces: tuple[bytes, ...]
    pause_s: float = 0.0
    then: Literal["answer", "until_closed", "leave"] = "answer"
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Reply:
    """``status`` is NO_ANSWER where the connection ended without one, LEFT where nobody waited."""

    status: int
    body: bytes = b""


class Connection:
    """Sends one request after the other; opens a new connection where the last one is closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: Request) -> list[Reply]:
        """Every answer, at least one Reply. Raises TimeoutError where one must come and does not."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._send(request)
        except TimeoutError:
            self.close()
            raise TimeoutError(f"no answer to {request.kind}: {request.pieces[0][:300]!r}") from None
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self.close()
            return [Reply(NO_ANSWER)]

    async def _send(self, request: Request) -> list[Reply]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        try:
            for number, piece in enumerate(request.pieces):
                if number and request.pause_s:
                    await asyncio.sleep(request.pause_s)
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass  # refused before its end; the answer may be there
        if request.then == "leave":
            self.close()
            return [Reply(LEFT)]
        head_only = request.pieces[0].startswith(b"HEAD ")
        if request.then == "answer":
            reply, closing = await _read_reply(reader, head_only=head_only)
            if closing:
                self.close()
            return [reply]
        replies = []
        try:
            closing = False
            while not closing:
                async with asyncio.timeout(QUIET_S):
                    reply, closing = await _read_reply(reader, head_only=head_only)
                replies.append(reply)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            pass
        self.close()
        return replies or [Reply(NO_ANSWER)]

    def close(self) -> None:
        """Leave."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _read_reply(reader: asyncio.StreamReader, *, head_only: bool) -> tuple[Reply, bool]:
    """One answer, and whether the connection ends with it."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ", 2)
    if status == "100":
        return await _read_reply(reader, head_only=head_only)
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = 0 if head_only else int(fields.get("content-length", "0"))
    body = await reader.readexactly(length)
    closing = fields.get("connection", "").lower() == "close" or version == "HTTP/1.0"
    return Reply(int(status), body), closing


def http(
    method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes, *, length: str | None = ""
) -> bytes:
    """A request's bytes. ``length``: what Content-Length says; "" the truth, None nothing."""
    lines = [f"{method} {path} HTTP/1.1", "Host: door"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length is not None:
        lines.append(f"Content-Length: {length or len(body)}")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body
