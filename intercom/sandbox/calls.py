"""Intercom's calls over HTTP, as its REST API reference describes them (read in November 2026)."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from events.codec import decode_object
from events.errors import InvalidData
from intercom.errors import SandboxRefusal
from intercom.sandbox import documents
from intercom.sandbox.config import SandboxConfig
from intercom.sandbox.faults import Faults, LostAnswer, StatusFault
from intercom.sandbox.rates import RateWindow
from intercom.sandbox.search import read_query
from intercom.sandbox.store import Store

Answered = Callable[[web.Request], Awaitable[dict[str, Any]]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

DEFAULT_VERSION = "2.14"
VERSIONS = frozenset(
    {f"1.{minor}" for minor in range(5)} | {f"2.{minor}" for minor in range(18)} | {"Unstable"}
)
DEFAULT_PER_PAGE = 50
MAX_PER_PAGE = 150
#: How a call that got no answer stands in the statistics.
LOST = "lost"


class Sandbox:
    """The state behind the application, and its Intercom half. ``clock`` gives epoch seconds."""

    def __init__(self, config: SandboxConfig, clock: Callable[[], float]) -> None:
        self.config = config
        self.clock = clock
        self.faults = Faults()
        self.closing = asyncio.Event()
        self.at_once = 0
        self._ids = 0
        self.reset()

    def reset(self) -> None:
        """Forget whom it knows, what it counted, and all faults."""
        self.store = Store(self.config.workspace_id, search_delay_s=self.config.search_delay_s)
        self.rates = RateWindow.per_minute(self.config.calls_per_minute)
        self.faults.clear()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.most_at_once = 0

    def calls(self) -> Mapping[str, Answered]:
        """Every call by its name, method and path."""
        return {
            "GET /me": self.me,
            "POST /contacts/search": self.search,
            "GET /contacts/{id}": self.contact,
            "GET /contacts/{id}/companies": self.companies_of,
            "GET /companies/{id}": self.company,
            "GET /ticket_states": self.ticket_states,
        }

    def handler(self, call: str, answer: Answered) -> Handler:
        """A handler that lets known callers in, at their rate, and counts."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                fault = self.faults.next(call)
                if isinstance(fault, LostAnswer):
                    self.counts[call, LOST] += 1
                    return await self._lose(request, fault)
                await asyncio.sleep(self.config.latency_s)
                response = await self._answer(request, answer, fault)
                self.counts[call, str(response.status)] += 1
                return response
            finally:
                self.at_once -= 1

        return handle

    async def me(self, _: web.Request) -> dict[str, Any]:
        """The admin behind the token, and the workspace."""
        config = self.config
        workspace = {
            "type": "app",
            "id_code": config.workspace_id,
            "name": config.workspace_name,
            "region": config.region,
            "timezone": "Etc/UTC",
            "identity_verification": False,
        }
        return {"type": "admin", "id": "1", "name": "Sandbox", "email_verified": True, "app": workspace}

    async def contact(self, request: web.Request) -> dict[str, Any]:
        """A contact by id; one that was merged away as its API version has it."""
        contact_id = request.match_info["id"]
        document = self.store.contact(contact_id)
        if document is not None:
            return document
        survivor = self.store.survivor(contact_id)
        if survivor and _tells_of_merges(_version(request)):
            message = "This contact has been merged. See the 'Link' header for the canonical contact."
            link = {"Link": f'</contacts/{survivor}>; rel="canonical"'}
            raise SandboxRefusal(410, "contact_merged", message, headers=link)
        raise SandboxRefusal(404, "not_found", "User Not Found")

    async def companies_of(self, request: web.Request) -> dict[str, Any]:
        """A contact's companies, page by page; the next page is an address."""
        companies = self.store.companies_of(request.match_info["id"])
        if companies is None:
            raise SandboxRefusal(404, "not_found", "User Not Found")
        page = _whole(request.query.get("page", "1"), "page", most=10_000)
        told = request.query.get("per_page", str(self.config.companies_per_page))
        per_page = _whole(told, "per_page", most=MAX_PER_PAGE)
        document = documents.page_of(companies, page=page, per_page=per_page)
        query = urlencode({"per_page": per_page, "page": page + 1})
        more = page < document["pages"]["total_pages"]
        document["pages"]["next"] = f"{request.url.origin()}{request.path}?{query}" if more else None
        return document

    async def company(self, request: web.Request) -> dict[str, Any]:
        """A company by Intercom's id."""
        document = self.store.company(request.match_info["id"])
        if document is None:
            raise SandboxRefusal(404, "company_not_found", "Company Not Found")
        return document

    async def search(self, request: web.Request) -> dict[str, Any]:
        """Contacts by query, page by page; the next page is a cursor."""
        try:
            body = decode_object(await request.read())
        except InvalidData:
            raise SandboxRefusal(400, "parameter_invalid", "the body is no JSON object") from None
        query = read_query(body.get("query"))
        paging = body.get("pagination") or {}
        if not isinstance(paging, dict):
            raise _invalid("pagination", "is expected to be an object")
        per_page = _whole(paging.get("per_page", DEFAULT_PER_PAGE), "per_page", most=MAX_PER_PAGE)
        page = _page_after(paging.get("starting_after"))
        found = list(self.store.search(query, self.clock()))
        document = documents.page_of(found, page=page, per_page=per_page)
        if page < document["pages"]["total_pages"]:
            cursor = base64.urlsafe_b64encode(str(page + 1).encode()).decode()
            document["pages"]["next"] = {"page": page + 1, "starting_after": cursor}
        return document

    async def ticket_states(self, _: web.Request) -> dict[str, Any]:
        """The workspace's ticket states."""
        return documents.ticket_states()

    async def nowhere(self, _: web.Request) -> dict[str, Any]:
        """A path that Intercom has not, or the sandbox has not."""
        raise SandboxRefusal(404, "not_found", "The requested resource was not found")

    async def _answer(
        self, request: web.Request, answer: Answered, fault: StatusFault | None
    ) -> web.Response:
        headers: dict[str, str] = {}
        try:
            self._authorize(request)
            # A caller without valid credentials is told nothing of rates.
            try:
                self.rates.take(self.clock())
            finally:
                headers = self.rates.headers()
            if fault is not None:
                raise fault.refusal(self.clock())
            if _version(request) not in VERSIONS:
                message = "The requested version could not be found"
                raise SandboxRefusal(400, "intercom_version_invalid", message)
            return _json(await answer(request), 200, headers)
        except SandboxRefusal as refusal:
            return self._refuse(refusal, headers)

    def _authorize(self, request: web.Request) -> None:
        told = request.headers.get("Authorization", "")
        expected = f"Bearer {self.config.access_token}"
        if not hmac.compare_digest(told.encode(errors="surrogateescape"), expected.encode()):
            raise SandboxRefusal(401, "unauthorized", "Access Token Invalid")

    async def _lose(self, request: web.Request, fault: LostAnswer) -> web.StreamResponse:
        """Let the caller wait, then close the connection without a word."""
        try:
            async with asyncio.timeout(fault.seconds):
                await self.closing.wait()
        except TimeoutError:
            pass
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # aiohttp wants one; nobody is there to get it

    def _refuse(self, refusal: SandboxRefusal, headers: Mapping[str, str]) -> web.Response:
        self._ids += 1
        error = {"code": refusal.code, "message": refusal.message}
        if refusal.field:
            error["field"] = refusal.field
        listed = {"type": "error.list", "request_id": f"sandbox-{self._ids:06x}", "errors": [error]}
        return _json(listed, refusal.status, {**headers, **refusal.headers})


def _version(request: web.Request) -> str:
    return request.headers.get("Intercom-Version", DEFAULT_VERSION)


def _tells_of_merges(version: str) -> bool:
    """410 with a Link from 2.16 on, before that a 404 like any other (source: Get a contact)."""
    return version == "Unstable" or [int(part) for part in version.split(".")] >= [2, 16]


def _whole(value: Any, name: str, *, most: int) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 9) or not 1 <= int(text) <= most:
        raise _invalid(name, f"is expected to be a whole number from 1 to {most}")
    return int(text)


def _page_after(cursor: Any) -> int:
    if cursor is None:
        return 1
    try:
        return _whole(base64.urlsafe_b64decode(str(cursor)).decode(), "starting_after", most=10_000)
    except ValueError:  # not ASCII, not base64, not UTF-8
        raise _invalid("starting_after", "is no cursor of a page") from None


def _invalid(field: str, problem: str) -> SandboxRefusal:
    return SandboxRefusal(400, "parameter_invalid", f"{field} {problem}", field=field)


def _json(document: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(document),
        headers=dict(headers),
        content_type="application/json",
    )
