"""The same pipeline in plain Faust: the same pure stages, client and batch size, an agent each.

``async for event``, ``await topic.send(...)``, ``table[key] = ...``; deliveries by ``stream.take`` in
batches of the size and linger of moebridge's. Left out, in plain Faust's favour: waiting for the broker
to confirm each output, metrics, and several batches at once in order per customer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Iterator
from dataclasses import replace
from typing import Any

from bench.contenders.plain_faust import make_app
from bench.plan import Run
from bench.whole.process import Ready
from bench.whole.servers import app_id, moengage_config
from events.topics import CATALOGUE, COMPANIES, CONTACTS, DELIVERIES, EVENTS, topic_name
from mappings.rules import load
from moengage.answers import Verdict
from moengage.client import MoEngageClient
from moengage.transport import AiohttpTransport
from streams.delivery.config import DeliverConfig
from streams.stages.companies import Companies
from streams.stages.contacts import Contacts
from streams.stages.route import Route
from streams.stages.stage import Stage
from streams.state import DictRows, State


async def work(run: Run, stop: asyncio.Event, ready: Ready) -> None:
    """All stages, until told to stop."""
    app, rules = make_app(replace(run, name=app_id(run))), load()
    topics = {
        topic_name(name, run.name): app.topic(
            topic_name(name, run.name), key_serializer="raw", value_serializer="raw"
        )
        for name in CATALOGUE
    }
    tables = {
        name: app.Table(name, key_type=bytes, value_type=bytes) for name in ("contacts", "companies")
    }
    transport = AiohttpTransport()
    client = MoEngageClient(moengage_config(run), transport, time.time)
    limits = DeliverConfig()

    async def process(stage: Stage, event: Any, table: Any) -> None:
        state = State(TableRows(table) if stage.table else DictRows())
        step = stage.step([event.message], state, time.time_ns() // 1_000_000)
        for out in step.out:
            await topics[out.topic].send(key=out.key, value=out.value, headers=list(out.headers))
        for key, row in state.changes.items():
            if row is None:
                table.pop(key, None)
            else:
                table[key] = row

    @app.agent(topics[topic_name(EVENTS, run.name)])
    async def route(stream: Any) -> None:
        stage = Route(run.name)
        async for event in stream.events():
            await process(stage, event, None)

    @app.agent(topics[topic_name(CONTACTS, run.name)])
    async def contacts(stream: Any) -> None:
        stage = Contacts(lambda _: rules, run.name)
        async for event in stream.events():
            await process(stage, event, tables["contacts"])

    @app.agent(topics[topic_name(COMPANIES, run.name)])
    async def companies(stream: Any) -> None:
        stage = Companies(run.name)
        async for event in stream.events():
            await process(stage, event, tables["companies"])

    @app.agent(topics[topic_name(DELIVERIES, run.name)])
    async def deliver(stream: Any) -> None:
        batches: AsyncIterable[list[bytes]] = stream.take(limits.max_elements, within=limits.linger_s)
        async for bodies in batches:
            while True:
                answer = await client.transition(bodies)
                if answer.verdict is Verdict.ACCEPTED:
                    break
                await asyncio.sleep(answer.wait_s or 1.0)

    app.finalize()
    await app.start()
    ready("")
    await stop.wait()
    await app.stop()
    await transport.close()


class TableRows:
    """Rows of a Faust table, as the stages see them."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def get(self, key: bytes) -> bytes | None:
        """See streams.state.Rows."""
        row: bytes | None = self._table.get(key)
        return row

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See streams.state.Rows."""
        for key, row in sorted(self._table.items()):
            if key.startswith(prefix):
                yield key, row
