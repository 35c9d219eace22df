"""The transport against real sockets: what came back, and what is known where nothing did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp.test_utils import unused_port

from moengage.errors import TransportFailed
from moengage.transport import AiohttpTransport

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport()
    yield transport
    await transport.close()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Converse], Awaitable[str]]]:
    """A bare server that converses as told; returns its address."""
    servers = []

    async def start(converse: Converse) -> str:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await converse(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/transition/ws"

    yield start
    for server in servers:
        server.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


async def test_an_answer_comes_back_whole_and_the_connection_is_used_again(
    transport: AiohttpTransport, serve: Callable[[Converse], Awaitable[str]]
) -> None:
    connections = []

    async def answer_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        for _ in range(2):
            request = await read_request(reader)
            assert b"X-Test: yes" in request
            assert request.endswith(b"\r\n\r\n{}")
            writer.write(b"HTTP/1.1 429 Slow\r\nX-RateLimit-Reset: 7\r\nContent-Length: 2\r\n\r\nok")

    url = await serve(answer_twice)
    for _ in range(2):
        response = await transport.post(url, body=b"{}", headers={"X-Test": "yes"}, timeout_s=5)
        assert (response.status, response.headers["x-ratelimit-reset"], response.body) == (
            429,
            "7",
            b"ok",
        )
    assert len(connections) == 1


async def test_a_refused_connection_sent_nothing(transport: AiohttpTransport) -> None:
    url = f"http://127.0.0.1:{unused_port()}/"
    with pytest.raises(TransportFailed) as caught:
        await transport.post(url, body=b"{}", headers={}, timeout_s=5)
    assert caught.value.ambiguous is False


async def test_an_unknown_host_sent_nothing(transport: AiohttpTransport) -> None:
    with pytest.raises(TransportFailed) as caught:
        await transport.post("http://nowhere.invalid/", body=b"{}", headers={}, timeout_s=30)
    assert caught.value.ambiguous is False


async def test_a_time_out_before_the_connection_stands_sent_nothing(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)
    with pytest.raises(TransportFailed, match=r"no answer within 0\.05 s") as caught:
        await transport.post("http://127.0.0.1:9/", body=b"{}", headers={}, timeout_s=0.05)
    assert caught.value.ambiguous is False


async def test_a_time_out_after_sending_is_ambiguous(
    transport: AiohttpTransport, serve: Callable[[Converse], Awaitable[str]]
) -> None:
    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()  # until the caller gives up

    url = await serve(say_nothing)
    with pytest.raises(TransportFailed, match=r"no answer within 0\.2 s") as caught:
        await transport.post(url, body=b"{}", headers={}, timeout_s=0.2)
    assert caught.value.ambiguous is True


async def test_a_reset_after_sending_is_ambiguous_and_not_repeated(
    transport: AiohttpTransport, serve: Callable[[Converse], Awaitable[str]]
) -> None:
    requests = []

    async def answer_once_then_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        requests.append(await read_request(reader))
        writer.transport.abort()

    url = await serve(answer_once_then_reset)
    await transport.post(url, body=b"{}", headers={}, timeout_s=5)
    with pytest.raises(TransportFailed) as caught:
        await transport.post(url, body=b"{}", headers={}, timeout_s=5)
    assert caught.value.ambiguous is True
    assert len(requests) == 2


async def test_a_status_counts_even_when_the_body_breaks_off(
    transport: AiohttpTransport, serve: Callable[[Converse], Awaitable[str]]
) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    response = await transport.post(await serve(break_off), body=b"{}", headers={}, timeout_s=5)
    assert (response.status, response.body) == (200, b"half")


async def test_a_redirect_is_an_answer_and_is_not_followed(
    transport: AiohttpTransport, serve: Callable[[Converse], Awaitable[str]]
) -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    response = await transport.post(await serve(redirect), body=b"{}", headers={}, timeout_s=5)
    assert response.status == 302
