"""MoEngage's calls: the write calls and the connection test, over HTTP.

Every request is taken whole or not at all. Source of paths, statuses and shapes: Data API reference,
read in November 2026.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from moengage.errors import SandboxRefusal
from moengage.sandbox.config import SandboxConfig
from moengage.sandbox.faults import Faults, LostAnswer, StatusFault
from moengage.sandbox.rates import RateWindow
from moengage.sandbox.store import Store
from moengage.sandbox.validation import (
    Reader,
    Taken,
    UserUpdate,
    read_deletion,
    read_merges,
    read_object,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Sandbox:
    """The state behind the application, and its MoEngage half. ``clock`` gives epoch seconds."""

    def __init__(self, config: SandboxConfig, clock: Callable[[], float]) -> None:
        self.config = config
        self.clock = clock
        self.faults = Faults()
        self.closing = asyncio.Event()
        credentials = f"{config.workspace_id}:{config.api_key}".encode()
        self._authorization = b"Basic " + base64.b64encode(credentials)
        self._ids = 0
        self.reset()

    def reset(self) -> None:
        """Forget what was taken and counted, and all faults."""
        self.store = Store(keep_events=self.config.keep_events)
        self.rates = RateWindow(
            self.config.users_per_minute, self.config.events_per_minute, self.config.reset_header
        )
        self.faults.clear()
        self.requests = 0
        self.lost_answers = 0
        self.refused: Counter[int] = Counter()

    @property
    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.clock() * 1000)

    def write_call(self, take: Callable[[bytes], None], max_bytes: int) -> Handler:
        """A handler for a write call: ``take`` takes the body or raises SandboxRefusal."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self.requests += 1
            fault = self.faults.next()
            if isinstance(fault, StatusFault):
                return self._refuse(fault.refusal())
            if fault is None:
                return await answer(request)
            if fault.after_taking:
                await answer(request)
            return await self._lose(request, fault)

        async def answer(request: web.Request) -> web.Response:
            try:
                self._authorize(request)
                take(await _body(request, max_bytes))
            except SandboxRefusal as refusal:
                return self._refuse(refusal)
            return self._accept({"message": "Your request has been accepted and will be processed."})

        return handle

    def transition(self, body: bytes) -> None:
        """Take a bulk request."""
        self._take(Reader.bulk, body)

    def customer(self, body: bytes) -> None:
        """Take a user."""
        self._take(Reader.user, body)

    def event(self, body: bytes) -> None:
        """Take a user's event or events."""
        self._take(Reader.event, body)

    def merge(self, body: bytes) -> None:
        """Merge users."""
        self.store.merge(read_merges(body), now_ms=self.now_ms)

    def delete(self, body: bytes) -> None:
        """Delete a user, a day from now."""
        self.store.delete(read_deletion(body), now_ms=self.now_ms)

    async def authentication(self, request: web.Request) -> web.StreamResponse:
        """The connection test; faults pass it by."""
        try:
            self._check_credentials(request)
            document = read_object(await _body(request, self.config.max_body_bytes))
            told = (request.headers.get("MOE-APPKEY"), document.get("app_id"), document.get("app_secret"))
            if told != (self.config.workspace_id, self.config.workspace_id, self.config.api_key):
                raise _unauthorized("MOE-APPKEY, app_id or app_secret does not match")
        except SandboxRefusal as refusal:
            return self._refuse(refusal)
        return self._accept({"app_name": self.config.app_name})

    def _take(self, read: Callable[[Reader, bytes], list[Taken]], body: bytes) -> None:
        now_s = self.clock()
        now_ms = int(now_s * 1000)
        latest_ms = now_ms + int(self.config.future_tolerance_s * 1000)
        reader = Reader(now_ms, latest_ms, self.config.objects_enabled)
        elements = read(reader, body)
        self.faults.refuse(elements)
        users = sum(isinstance(element, UserUpdate) for element in elements)
        self.rates.take(users=users, events=len(elements) - users, now_s=now_s)
        forgotten = self.faults.forget(len(elements))
        self.store.take(elements, reader.dropped, now_ms=now_ms, forgotten=forgotten)

    def _authorize(self, request: web.Request) -> None:
        """Raises SandboxRefusal where the caller is unknown (401) or not of this workspace (409)."""
        self._check_credentials(request)
        workspace = request.match_info.get("workspace_id") or request.query.get("app_id")
        if not workspace:
            raise SandboxRefusal(400, "ParamsRequired", "app_id is required in path or query")
        if workspace != self.config.workspace_id:
            mismatch = "app_id in path or query is not the one of the Authorization header"
            raise SandboxRefusal(409, "Authentication required", mismatch)

    def _check_credentials(self, request: web.Request) -> None:
        told = request.headers.get("Authorization")
        if told is None:
            raise _unauthorized("Authentication header required")
        if not hmac.compare_digest(told.encode(errors="surrogateescape"), self._authorization):
            raise _unauthorized("App secret key mismatch, or not Basic authentication")

    async def _lose(self, request: web.Request, fault: LostAnswer) -> web.StreamResponse:
        """Let the caller wait, then close the connection without a word."""
        self.lost_answers += 1
        try:
            async with asyncio.timeout(fault.seconds):
                await self.closing.wait()
        except TimeoutError:
            pass
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # aiohttp wants one; nobody is there to get it

    def _refuse(self, refusal: SandboxRefusal) -> web.Response:
        self.refused[refusal.status] += 1
        error = {"message": refusal.message, "type": refusal.error_type, "request_id": self._next_id()}
        if refusal.attribute:
            error["attribute"] = refusal.attribute
        body = orjson.dumps({"status": "fail", "error": error})
        return web.Response(
            status=refusal.status, body=body, headers=refusal.headers, content_type="application/json"
        )

    def _accept(self, fields: dict[str, str]) -> web.Response:
        body = orjson.dumps({"status": "success", **fields, "request_id": self._next_id()})
        return web.Response(body=body, content_type="application/json")

    def _next_id(self) -> str:
        self._ids += 1
        return f"sandbox-{self._ids:06x}"


async def _body(request: web.Request, max_bytes: int) -> bytes:
    """The body. Raises SandboxRefusal (415, 413)."""
    if request.content_type != "application/json":
        expected = "Content-Type is expected to be application/json"
        raise SandboxRefusal(415, "Unsupported media type", expected)
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        body = None
    if body is None or len(body) > max_bytes:
        raise SandboxRefusal(413, "PayloadTooLarge", f"Payload size exceeds {max_bytes // 1000} KB")
    return body


def _unauthorized(message: str) -> SandboxRefusal:
    return SandboxRefusal(401, "Authentication required", message)
