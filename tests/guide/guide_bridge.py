"""One bridge for all of the guide's tests: what Intercom does goes in, what MoEngage heard comes out."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
import uuid
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Middleware
from bridge import KEY, PARTITIONS, SECRET, WORKSPACE, Bridge, bridge
from heard import Element, Event, IntercomHeard, MoEngageHeard
from intercom_says import Body, custom_event
from payloads import notification
from people import Person

from ingest.basic_auth import basic_header
from ingest.config import Senders
from intercom.sandbox.app import create_app as create_intercom
from intercom.sandbox.config import SandboxConfig as IntercomSandbox
from moengage.sandbox.app import create_app as create_moengage
from moengage.sandbox.config import SandboxConfig as MoEngageSandbox

TOKEN = "token-of-the-guide"
#: The last thing that is told before news are read, and no news itself.
END = "end_of_news"


@dataclass
class Guide:
    """A configuration of the bridge, the sandboxes, and how far each customer's elements were read."""

    configuration: Configuration
    one: Bridge
    moengage: MoEngageHeard
    intercom: IntercomHeard
    intercom_url: str
    #: The settings of the whole installation.
    env: dict[str, str]
    #: What the front door last answered to a connector.
    answer: str = ""
    _read: dict[str, int] = field(default_factory=dict)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def webhook(self, topic: str, item: Body, *, at: int = 0, id: str = "") -> str:
        """Send a signed notification; its id. ``at`` is in seconds after payloads.BEGAN."""
        told = notification(topic, item, id=id or f"notif_guide_{next(self._ids)}", at=at)
        assert await self.one.post_raw(json.dumps(told).encode()) == 200
        return str(told["id"])

    async def connector(
        self, kind: str, body: Body | bytes, *, method: str = "POST", query: str | None = None,
        key: str = "",
    ) -> int:  # fmt: skip
        """Send a connector's or a Series webhook's body to the endpoint ``kind``; the status.

        ``query`` and ``key`` are the configuration's own, unless something else is to be tried.
        """
        own = self.configuration
        url = f"{self.one.front_url}/v1/partner/intercom/{kind}"
        url += f"?configName={own.name}" if query is None else query
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {
            "Content-Type": "application/json",
            "Authorization": basic_header(own.workspace, key or own.key),
        }
        async with self.one.session.request(method, url, data=data, headers=headers) as answer:
            self.answer = await answer.text()
            return answer.status

    async def news(self, person: Person) -> list[Element]:
        """Everything of a known contact that has come to MoEngage since last asked.

        A last event of the same contact takes the same way, one record behind the other; when it is
        there, so is all that was before it.
        """
        return await self.news_of(person.customer_id, person)

    async def news_of(self, customer_id: str, person: Person) -> list[Element]:
        """The same where MoEngage knows the contact by another id than its own."""
        await self.webhook("event.created", custom_event(person, END))
        return await self._news_before_end(customer_id)

    async def connector_news(self, customer_id: str, **named: str) -> list[Element]:
        """The same of somebody whom only connectors have named, by customer id or as in ``named``."""
        name = named or {"customer_id": customer_id}
        body = {**name, "event_name": END, "number": next(self._ids)}
        assert await self.connector("event", body) == 200
        return await self._news_before_end(customer_id)

    async def arrives(self, person: Person, wanted: Callable[[Element], bool], what: str) -> Element:
        """Wait for an element that has not been read; nothing is counted as read."""

        def look() -> Element | None:
            return next((element for element in self.unread(person) if wanted(element)), None)

        return await self.moengage.until(look, what)

    def unread(self, person: Person) -> list[Element]:
        """What has come of a contact since its news were read."""
        return self.moengage.of(person.customer_id)[self._read.get(person.customer_id, 0) :]

    async def user(self, customer_id: str) -> dict[str, Any] | None:
        """A user's attributes as MoEngage has them now; None where there is no such user."""
        return await self.one.attributes(customer_id)

    async def command(self, *arguments: str, **env: str) -> tuple[int, Any]:
        """Run a command that prints JSON, with these settings changed; the exit code and the output."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "moebridge", *arguments, "--json",
            env={**os.environ, **self.env, **env}, stdout=PIPE, stderr=PIPE, cwd=self.one.folder,
        )  # fmt: skip
        output, errors = await process.communicate()
        assert output, errors.decode()
        return await process.wait(), json.loads(output)

    async def seed(self, *contacts: Body, companies: tuple[Body, ...] = ()) -> None:
        """Let Intercom's sandbox know companies, then contacts."""
        for name, documents in (("companies", companies), ("contacts", contacts)):
            url = f"{self.intercom_url}/sandbox/{name}"
            async with self.one.session.post(url, json={name: list(documents)}) as answer:
                assert answer.status == 200, await answer.text()

    async def fault(self, fault: Body) -> None:
        """Line a fault up at Intercom's sandbox."""
        async with self.one.session.post(f"{self.intercom_url}/sandbox/faults", json=fault) as answer:
            assert answer.status == 200, await answer.text()

    async def _news_before_end(self, customer_id: str) -> list[Element]:
        begin = self._read.get(customer_id, 0)

        def look() -> int | None:
            heard = self.moengage.of(customer_id)
            ends = (place for place in range(begin, len(heard)) if _is_end(heard[place]))
            return next(ends, None)

        end = await self.moengage.until(look, f"the end of news of {customer_id}")
        self._read[customer_id] = end + 1
        return self.moengage.of(customer_id)[begin:end]


def _is_end(element: Element) -> bool:
    return isinstance(element, Event) and element.name == END


@dataclass(frozen=True)
class Configuration:
    """One Intercom workspace, one MoEngage workspace, and the mapping between them.

    ``settings`` are those of its mapping, as variables write them. Only with ``asks`` it has a token for
    Intercom's REST API.
    """

    name: str
    secret: str = SECRET
    workspace: str = WORKSPACE
    key: str = KEY
    settings: Mapping[str, str] = field(default_factory=dict)
    asks: bool = False

    def env(self, moengage_url: str, intercom_url: str) -> dict[str, str]:
        """Its settings."""
        settings = {
            "MOENGAGE__WORKSPACE_ID": self.workspace,
            "MOENGAGE__API_KEY": self.key,
            "MOENGAGE__BASE_URL": moengage_url,
            "INTERCOM__BASE_URL": intercom_url,
            "INTERCOM__WEBHOOK_SECRETS": self.secret,
            "INTERCOM__WORKSPACE_ID": self.workspace,
            "INTERCOM__DATA_KEY": self.key,
            **{f"MAPPING__{name}": value for name, value in self.settings.items()},
        }
        if self.asks:
            settings["INTERCOM__ACCESS_TOKEN"] = TOKEN
        section = "" if self.name == "default" else f"CONFIGURATIONS__{self.name.upper()}__"
        return {f"MOEBRIDGE_{section}{name}": value for name, value in settings.items()}


@asynccontextmanager
async def guide_bridge(
    broker: Any, folder: Path, default: Configuration, *others: Configuration
) -> AsyncIterator[dict[str, Guide]]:
    """A bridge with one worker for all these configurations, by name, and Intercom's sandbox beside it.

    ``broker`` is the fixture of that name.
    """
    heard, intercom = MoEngageHeard(), IntercomHeard(time.time)
    senders = tuple(Senders(each.name, (each.secret,), ((each.workspace, each.key),)) for each in others)
    async with AsyncExitStack() as stack:

        async def served(app: web.Application, middleware: Middleware) -> str:
            app.middlewares.append(middleware)
            server = await stack.enter_async_context(TestServer(app, host="127.0.0.1"))
            return str(server.make_url("")).rstrip("/")

        intercom_url = await served(create_intercom(IntercomSandbox(access_token=TOKEN)), intercom.note)
        one = await stack.enter_async_context(
            bridge(
                broker.bootstrap_servers, f"g{uuid.uuid4().hex[:8]}.", folder,
                before_moengage=[heard.note], others=senders,
            )
        )  # fmt: skip
        env = {
            "MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "MOEBRIDGE_KAFKA__TOPIC_PREFIX": one.prefix,
            "MOEBRIDGE_KAFKA__PARTITIONS": str(PARTITIONS),
            "MOEBRIDGE_DELIVERY__LINGER_MS": "5",
        }
        guides = {default.name: Guide(default, one, heard, intercom, intercom_url, env)}
        for each in others:
            heard = MoEngageHeard()
            sandbox = MoEngageSandbox(workspace_id=each.workspace, api_key=each.key)
            url = await served(create_moengage(sandbox), heard.note)
            guides[each.name] = Guide(
                each,
                replace(one, sandbox_url=url, secret=each.secret),
                heard,
                intercom,
                intercom_url,
                env,
            )
        for guide in guides.values():
            env |= guide.configuration.env(guide.one.sandbox_url, intercom_url)
        # Until the last test of the session the worker waits for more, and should do so in silence.
        await one.start_worker(options=["--embedded-broker"] if broker.kind == "embedded" else [], **env)
        yield guides
