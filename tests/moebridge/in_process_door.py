"""A front door in this process, before a list of what it took."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from events.elements import Element
from events.envelope import Envelope
from ingest.app import create_app
from mappings.rules import RuleSet
from moebridge.settings import Settings
from moebridge.wiring import ingest_config
from streams.rehearsal import rehearse

NOW_MS = 1_768_100_000_000


@dataclass
class Taken:
    """What was published."""

    ready: bool = True
    broker_up: bool = True
    spooled: int = 0
    envelopes: list[Envelope] = field(default_factory=list)

    async def publish(self, envelope: Envelope, key: bytes) -> None:
        self.envelopes.append(envelope)

    def mapped(self, rules: RuleSet) -> list[Element]:
        """What becomes of it in MoEngage; empties the list."""
        told, self.envelopes = self.envelopes, []
        return [one.element for one in rehearse(rules, told)]


@asynccontextmanager
async def front_door(settings: Settings) -> AsyncIterator[tuple[TestClient[Any, Any], Taken]]:
    """A client of the front door that these settings make, and what it takes."""
    taken = Taken()
    app = create_app(ingest_config(settings), taken, now_ms=lambda: NOW_MS)
    async with TestClient(TestServer(app)) as client:
        yield client, taken
