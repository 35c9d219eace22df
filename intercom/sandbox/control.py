"""Seeding the sandbox, looking in and making it fail: the paths under /sandbox, which Intercom has not.

They ask for no credentials: the sandbox is for the machine it runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from events.codec import decode_object
from events.errors import InvalidJson, InvalidPayload
from intercom.sandbox.calls import Handler, Sandbox
from intercom.sandbox.faults import read_fault


class Control:
    """The handlers under /sandbox, and /healthz."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        """Every path with its handler."""
        return [
            web.get("/healthz", self.healthz),
            web.post("/sandbox/contacts", self._taking(self._seed_contacts)),
            web.post("/sandbox/companies", self._taking(self._seed_companies)),
            web.get("/sandbox/stats", self.stats),
            web.post("/sandbox/faults", self._taking(self._add_fault)),
            web.delete("/sandbox/faults", self.clear_faults),
            web.post("/sandbox/reset", self.reset),
        ]

    async def healthz(self, _: web.Request) -> web.Response:
        """Whether it runs."""
        return _json({"status": "ok"})

    async def stats(self, _: web.Request) -> web.Response:
        """Calls since the start or the last reset, by path and status, and the most at once."""
        sandbox = self._sandbox
        calls: dict[str, dict[str, int]] = {}
        for (call, status), count in sorted(sandbox.counts.items()):
            calls.setdefault(call, {})[status] = count
        requests = sandbox.counts.total()
        return _json(
            {
                "requests": requests,
                "calls": calls,
                "most_at_once": sandbox.most_at_once,
                **sandbox.store.counts,
            }
        )

    async def clear_faults(self, _: web.Request) -> web.Response:
        """Forget all faults that have not happened yet."""
        self._sandbox.faults.clear()
        return _json({"status": "success"})

    async def reset(self, _: web.Request) -> web.Response:
        """Forget everything, faults included."""
        self._sandbox.reset()
        return _json({"status": "success"})

    def _seed_contacts(self, document: dict[str, Any]) -> dict[str, Any]:
        """One contact, or several under ``contacts``; answers with their ids."""
        return {"ids": self._seed(document, "contacts", self._sandbox.store.seed_contact)}

    def _seed_companies(self, document: dict[str, Any]) -> dict[str, Any]:
        """One company, or several under ``companies``; answers with their ids."""
        return {"ids": self._seed(document, "companies", self._sandbox.store.seed_company)}

    def _seed(
        self, document: dict[str, Any], name: str, seed: Callable[[Mapping[str, Any], float], str]
    ) -> list[str]:
        each = document.get(name, [document])
        if not isinstance(each, list) or not all(isinstance(one, dict) for one in each):
            raise InvalidPayload(name, "expected a list of objects")
        return [seed(one, self._sandbox.clock()) for one in each]

    def _add_fault(self, document: dict[str, Any]) -> dict[str, Any]:
        """Line up a fault."""
        self._sandbox.faults.add(read_fault(document, calls=self._sandbox.calls()))
        return {"status": "success"}

    def _taking(self, take: Callable[[dict[str, Any]], dict[str, Any]]) -> Handler:
        """A handler for a body; 400 naming the field of one that cannot be."""

        async def handle(request: web.Request) -> web.Response:
            try:
                return _json(take(decode_object(await request.read())))
            except InvalidPayload as error:
                return _problem(error.field, error.problem)
            except InvalidJson as error:
                return _problem("$", str(error))

        return handle


def _problem(field: str, problem: str) -> web.Response:
    return _json({"status": "fail", "error": {"field": field, "message": problem}}, 400)


def _json(document: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(document), content_type="application/json")
