"""What the two sandboxes were asked, in order, and news of it for those who wait."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from moengage.sandbox.store import EVENT_ID_ATTRIBUTE

Found = TypeVar("Found")


@dataclass(frozen=True)
class User:
    """A user's attributes, as one element set them."""

    attributes: dict[str, Any]


@dataclass(frozen=True)
class Event:
    """An event. ``attributes`` are without the two that every event carries, which stand beside."""

    name: str
    attributes: dict[str, Any]
    at: str = field(compare=False, default="")
    event_id: str = field(compare=False, default="")
    topic: str = field(compare=False, default="")


@dataclass(frozen=True)
class Merged:
    """Another user was merged into this one."""

    customer_id: str
    attributes: ClassVar[dict[str, Any]] = {}


@dataclass(frozen=True)
class Deleted:
    """The user is to be deleted."""

    attributes: ClassVar[dict[str, Any]] = {}


Element = User | Event | Merged | Deleted


class MoEngageHeard:
    """The elements that MoEngage took, in order, by customer."""

    def __init__(self) -> None:
        self._taken: dict[str, list[Element]] = {}
        self._news = asyncio.Condition()

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let the sandbox answer, and note what it took."""
        response = await handler(request)
        if request.path.startswith("/v1/") and response.status == 200:
            for customer_id, element in _elements(request.path, json.loads(await request.read())):
                self._taken.setdefault(customer_id, []).append(element)
            async with self._news:
                self._news.notify_all()
        return response

    def of(self, customer_id: str) -> list[Element]:
        """All elements of a customer."""
        return self._taken.get(customer_id, [])

    async def until(self, look: Callable[[], Found | None], what: str, timeout: float = 60) -> Found:
        """Wait until there is something to find."""
        try:
            async with asyncio.timeout(timeout), self._news:
                while (found := look()) is None:
                    await self._news.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"MoEngage did not hear within {timeout} s: {what}") from None


def _elements(path: str, body: dict[str, Any]) -> Iterator[tuple[str, Element]]:
    """Each element of a call, with the customer whose it is; of a merge, the one that is kept."""
    if path.endswith("/customer/merge"):
        for pair in body["merge_data"]:
            yield pair["retained_user"], Merged(pair["merged_user"])
    elif path.endswith("/customer/delete"):
        yield body["identity_value"], Deleted()
    elif "/transition/" in path:
        for element in body["elements"]:
            yield element["customer_id"], _element(element)


def _element(element: dict[str, Any]) -> Element:
    if element["type"] == "customer":
        return User(element["attributes"])
    [action] = element["actions"]
    attributes = dict(action["attributes"])
    event_id, topic = attributes.pop(EVENT_ID_ATTRIBUTE), attributes.pop("intercom_topic")
    return Event(action["action"], attributes, action["current_time"], event_id, topic)


@dataclass(frozen=True)
class Call:
    """A call that Intercom's sandbox answered. ``at`` is in epoch seconds, ``body`` empty for a GET."""

    path: str
    body: dict[str, Any]
    status: int
    at: float
    reset_at: float


class IntercomHeard:
    """The calls that Intercom's sandbox answered, in order; each takes ``latency_s`` more."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.calls: list[Call] = []
        self.latency_s = 0.0
        self.most_at_once = 0
        self._at_once = 0

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note when a call came, and how it was answered."""
        if request.path.startswith("/sandbox/"):
            return await handler(request)
        at = self._clock()
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.latency_s)
            response = await handler(request)
        finally:
            self._at_once -= 1
        body = await request.json() if request.method == "POST" else {}
        reset_at = float(response.headers.get("X-RateLimit-Reset", 0))
        self.calls.append(Call(request.path, body, response.status, at, reset_at))
        return response

    def about(self, *words: str) -> list[Call]:
        """The calls that name one of these ids or addresses."""
        return [call for call in self.calls if any(word in f"{call.path} {call.body}" for word in words)]
