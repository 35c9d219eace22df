"""The transport against real sockets: a whole answer or none, and nothing personal in the reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp.test_utils import unused_port

from intercom.errors import TransportFailed
from intercom.transport import AiohttpTransport

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport(max_answer_bytes=64)
    yield transport
    await transport.close()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[bytes], Awaitable[tuple[str, list[bytes]]]]]:
    """A server that says these bytes to every request, then closes; returns its address and requests."""
    servers = []

    async def start(answer: bytes) -> tuple[str, list[bytes]]:
        requests: list[bytes] = []

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            if answer:
                writer.close()
            else:
                await reader.read()  # until the caller gives up
                writer.close()

        server = await asyncio.start_server(converse, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests

    yield start
    for server in servers:
        server.close()


Serve = Callable[[bytes], Awaitable[tuple[str, list[bytes]]]]


async def get(transport: AiohttpTransport, url: str, timeout_s: float = 5.0) -> tuple[int, bytes]:
    response = await transport.request(
        "GET", url, body=None, headers={"X-Test": "yes"}, timeout_s=timeout_s
    )
    return response.status, response.body


async def test_an_answer_comes_back_whole_and_the_path_goes_out_as_it_is(
    transport: AiohttpTransport, serve: Serve
) -> None:
    url, requests = await serve(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}")
    assert await get(transport, f"{url}/a%2Fb?page=2&starting_after=W%2B%3D") == (404, b"{}")
    assert requests[0].startswith(b"GET /a%2Fb?page=2&starting_after=W%2B%3D HTTP/1.1\r\n")
    assert b"X-Test: yes" in requests[0]


async def test_a_redirect_is_an_answer_and_is_not_followed(
    transport: AiohttpTransport, serve: Serve
) -> None:
    url, requests = await serve(
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    )
    assert await get(transport, url) == (302, b"")
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "ClientPayloadError"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n" + b"x" * 65,
            "an answer of more than 64 bytes",
        ),
        (b"nonsense\r\n\r\n", "ClientResponseError"),
        (b"", "no answer within 0.2 s"),
    ],
)
async def test_half_an_answer_is_none(
    transport: AiohttpTransport, serve: Serve, answer: bytes, reason: str
) -> None:
    url, _ = await serve(answer)
    with pytest.raises(TransportFailed) as caught:
        await get(transport, f"{url}/contacts/ada", timeout_s=5.0 if answer else 0.2)
    assert str(caught.value) == reason


async def test_nobody_there_says_nothing_of_whom_it_was_about(transport: AiohttpTransport) -> None:
    with pytest.raises(TransportFailed) as caught:
        await get(transport, f"http://127.0.0.1:{unused_port()}/contacts/ada")
    assert "ada" not in str(caught.value)
    assert "127" not in str(caught.value)
