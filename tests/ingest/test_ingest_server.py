"""Running and ending the front door, as the process does it."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import asynccontextmanager

import aiohttp
import pytest
from front_door import NOW_MS, SECRET, config, notification, until_logged

from events.codec import encode
from ingest.errors import CannotListen
from ingest.server import serve
from ingest.signature import sign


@asynccontextmanager
async def serving(publisher):
    """A running front door: its port, and the event that stops it; waits for its end."""
    stop = asyncio.Event()
    listening = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(
            serve(
                config(),
                publisher,
                host="127.0.0.1",
                port=0,
                now_ms=lambda: NOW_MS,
                stop=stop,
                on_listening=listening.set_result,
            )
        )
        url = await listening
        assert url.startswith("http://127.0.0.1:")
        yield int(url.rpartition(":")[2]), stop
        stop.set()


async def post(port: int) -> int:
    body = encode(notification())
    headers = {"X-Hub-Signature": sign(body, SECRET), "Content-Type": "application/json"}
    url = f"http://127.0.0.1:{port}/intercom/webhooks"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as response,
    ):
        return response.status


async def test_the_end_waits_for_what_is_in_work_and_accepts_no_more(publisher):
    publisher.held = asyncio.Event()
    async with serving(publisher) as (port, stop):
        assert publisher.started
        in_work = asyncio.create_task(post(port))
        await publisher.waiting.wait()
        stop.set()
        while True:  # until the port is closed
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                break
            writer.close()
            await asyncio.sleep(0)
        assert not publisher.closed
        publisher.held.set()
        assert await in_work == 200
    assert len(publisher.taken) == 1
    assert publisher.closed


async def test_a_caller_who_hangs_up_is_no_error_of_ours(publisher, caplog):
    caplog.set_level(logging.DEBUG)
    async with serving(publisher) as (port, _):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /intercom/webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()
        await until_logged(caplog, "body_broken")
        assert await post(port) == 200
    assert [line for line in caplog.records if line.levelno > logging.INFO] == []


async def test_what_is_not_http_is_answered_counted_and_none_of_it_logged(publisher, caplog):
    caplog.set_level(logging.DEBUG)
    async with serving(publisher) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /intercom/webhooks HTTP/1.1\r\nAuthorization Basic c2VjcmV0\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
        metrics = await answers(port, b"GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n")
    assert b'requests_total{endpoint="other",outcome="not_http"} 1.0' in metrics
    assert [line for line in caplog.records if line.levelno > logging.INFO] == []
    assert "BadHttpMessage" in caplog.text or "InvalidHeader" in caplog.text
    assert "c2VjcmV0" not in caplog.text


async def answers(port: int, head: bytes) -> bytes:
    """What comes back to these bytes until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head)
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    "fields",
    [
        b"X-Large: " + 9000 * b"x" + b"\r\n",
        b"".join(b"X-%d: x\r\n" % number for number in range(200)),
    ],
)
async def test_a_head_has_bounds(publisher, fields):
    async with serving(publisher) as (port, _):
        answer = await answers(port, b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
        assert answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
        line = b"GET /" + 9000 * b"x" + b" HTTP/1.1\r\nHost: x\r\n\r\n"
        assert b" 400 " in (await answers(port, line)).splitlines()[0]
        assert await post(port) == 200


@pytest.mark.parametrize("head", [b"", b"POST /intercom/webhooks HTTP/1.1\r\nHost:"])
async def test_a_connection_that_sends_no_whole_head_is_closed(publisher, monkeypatch, head):
    monkeypatch.setattr("ingest.server.IDLE_S", 0.2)
    async with serving(publisher) as (port, _):
        assert await answers(port, head) == b""
        assert await post(port) == 200


async def test_an_address_that_is_taken_is_named(publisher):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}"):
            await serve(
                config(),
                publisher,
                host="127.0.0.1",
                port=port,
                now_ms=lambda: NOW_MS,
                stop=asyncio.Event(),
                on_listening=lambda url: None,
            )
    assert publisher.closed
