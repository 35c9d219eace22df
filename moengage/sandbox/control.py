"""Looking into the sandbox and making it fail: the paths under /sandbox, which MoEngage has not.

They ask for no credentials: the sandbox is for the machine it runs on.
"""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from events.codec import decode_object
from events.errors import InvalidJson, InvalidPayload
from moengage.sandbox.calls import Sandbox
from moengage.sandbox.faults import read_fault


class Control:
    """The handlers under /sandbox, and /healthz."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        """Every path with its handler."""
        return [
            web.get("/healthz", self.healthz),
            web.get("/sandbox/users", self.users),
            web.get("/sandbox/users/{customer_id:.+}", self.user),
            web.get("/sandbox/events", self.events),
            web.get("/sandbox/forgotten", self.forgotten),
            web.get("/sandbox/stats", self.stats),
            web.post("/sandbox/faults", self.add_fault),
            web.delete("/sandbox/faults", self.clear_faults),
            web.post("/sandbox/reset", self.reset),
        ]

    async def healthz(self, _: web.Request) -> web.Response:
        """Whether it runs."""
        return _json({"status": "ok"})

    async def users(self, request: web.Request) -> web.Response:
        """All users, in the order of their creation; ``limit`` keeps the latest."""
        users = self._sandbox.store.users(now_ms=self._sandbox.now_ms)
        return _listing(request, "users", [user.document() for user in users])

    async def user(self, request: web.Request) -> web.Response:
        """One user; 404 where there is none."""
        user = self._sandbox.store.user(request.match_info["customer_id"], now_ms=self._sandbox.now_ms)
        if user is None:
            return _problem(404, "customer_id", "no such user")
        return _json(user.document())

    async def events(self, request: web.Request) -> web.Response:
        """Events in order of arrival, of one customer or one action; ``limit`` keeps the latest."""
        query = request.query
        events = self._sandbox.store.kept_events(
            customer_id=query.get("customer_id"), action=query.get("action")
        )
        return _listing(request, "events", [event.document() for event in events])

    async def forgotten(self, request: web.Request) -> web.Response:
        """What was taken and forgotten on demand, in order of arrival; ``limit`` keeps the latest."""
        forgotten = self._sandbox.store.forgotten
        return _listing(request, "forgotten", [element.document() for element in forgotten])

    async def stats(self, _: web.Request) -> web.Response:
        """Counts since the start or the last reset; ``dropped`` is what MoEngage does silently."""
        sandbox, store = self._sandbox, self._sandbox.store
        return _json(
            {
                "requests": sandbox.requests,
                "elements": store.elements,
                "users": len(store.users(now_ms=sandbox.now_ms)),
                "events": store.events,
                "duplicate_events": store.duplicate_events,
                "user_updates": store.user_updates,
                "forgotten": len(store.forgotten),
                "lost_answers": sandbox.lost_answers,
                "refused": {str(status): count for status, count in sorted(sandbox.refused.items())},
                "dropped": dict(sorted(store.dropped.items())),
            }
        )

    async def add_fault(self, request: web.Request) -> web.Response:
        """Line up a fault; 400 naming the field of one that cannot be."""
        try:
            fault = read_fault(decode_object(await request.read()))
        except InvalidPayload as error:
            return _problem(400, error.field, error.problem)
        except InvalidJson as error:
            return _problem(400, "$", str(error))
        self._sandbox.faults.add(fault)
        return _json({"status": "success"})

    async def clear_faults(self, _: web.Request) -> web.Response:
        """Forget all faults that have not happened yet."""
        self._sandbox.faults.clear()
        return _json({"status": "success"})

    async def reset(self, _: web.Request) -> web.Response:
        """Forget everything, faults included."""
        self._sandbox.reset()
        return _json({"status": "success"})


def _listing(request: web.Request, name: str, documents: list[dict[str, Any]]) -> web.Response:
    limit = request.query.get("limit", "")
    if limit and not (limit.isascii() and limit.isdigit()):
        return _problem(400, "limit", "expected a whole number of 0 or more")
    total = len(documents)
    return _json({"total": total, name: documents[max(0, total - int(limit)) :] if limit else documents})


def _problem(status: int, field: str, problem: str) -> web.Response:
    return _json({"status": "fail", "error": {"field": field, "message": problem}}, status)


def _json(document: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(document), content_type="application/json")
