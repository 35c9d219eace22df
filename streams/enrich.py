"""Between a chunk and its step: ask Intercom for the contacts that the chunk names and nobody knows.

Intercom never stops a worker: who is not found, or cannot be asked for in time, is mapped with what the
event tells (docs/failure-modes.md).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol

from events.keys import split_scope
from intercom.client import IntercomClient, RetryPolicy
from intercom.config import IntercomConfig
from intercom.enrichment import Enricher, Found, Outcome, Unavailable, Wanted
from intercom.errors import IntercomError, IntercomRefused
from intercom.transport import AiohttpTransport
from streams.metrics import Metrics
from streams.runner import StepFunction
from streams.stages.contacts import Contacts
from streams.state import State

#: How long a chunk waits for Intercom at most, in seconds: long enough for a window of its rate limit,
#: which is ten seconds, to pass.
PATIENCE_S = 15.0
#: Less patient than the client on its own, for a whole partition waits. When nothing answers, a chunk
#: waits some seconds in a minute, and all others go on at once.
POLICY = RetryPolicy(attempts=2, patience_s=12.0, rest_s=60.0)

log = logging.getLogger(__name__)


class Looks(Protocol):
    """What enrichment needs of intercom.enrichment.Enricher."""

    async def enrich(self, wanted: Sequence[Wanted]) -> Mapping[Wanted, Outcome]:
        """The outcome for each. Never raises an IntercomError."""
        ...


class Enrichment:
    """Prepares the steps of the stage ``contacts``.

    ``looks`` are by configuration; of one that has none, nobody is asked for.
    """

    def __init__(self, contacts: Contacts, looks: Mapping[str, Looks], metrics: Metrics) -> None:
        self._contacts = contacts
        self._looks = looks
        self._metrics = metrics
        self._told: dict[str, type[IntercomError | None]] = {}

    async def prepare(self, records: Sequence[Any], state: State) -> StepFunction:
        """The step, with everybody whom Intercom knows of those that were wanted."""
        default = self._contacts.configurations.default
        wanted: dict[str, dict[str, Wanted]] = {}
        for contact, key in self._contacts.wanted(records, state).items():
            config = split_scope(contact)[0] or default
            if config in self._looks:
                wanted.setdefault(config, {})[contact] = key
        if not wanted:
            return self._contacts.step
        found: dict[str, Found] = {}
        asked = [self._ask(config, one, found) for config, one in wanted.items()]
        await asyncio.gather(*asked)
        return partial(self._contacts.step, found=found)

    async def _ask(self, config: str, wanted: Mapping[str, Wanted], found: dict[str, Found]) -> None:
        """Put whom the Intercom of this configuration knows among the found."""
        outcomes = await self._looks[config].enrich(list(wanted.values()))
        errors = [one.error for one in outcomes.values() if isinstance(one, Unavailable)]
        self._tell(config, errors[0] if errors else None)
        for contact, key in wanted.items():
            outcome = outcomes[key]
            self._metrics.count("moebridge_enrichment_contacts_total", outcome=_word(outcome))
            if isinstance(outcome, Found):
                found[contact] = outcome

    def _tell(self, config: str, error: IntercomError | None) -> None:
        """Say it once, until all is well again or something else is wrong; the metric counts."""
        before, self._told[config] = self._told.get(config, type(None)), type(error)
        if error is None or before is type(error):
            return
        refused = isinstance(error, IntercomRefused)
        log.log(
            logging.ERROR if refused else logging.WARNING,
            "configuration %s: Intercom cannot be asked for contacts that are not known; they are mapped "
            "with what their events tell: %s%s",
            config,
            "intercom." if refused else "",  # the error names the setting first
            error,
        )


def _word(outcome: Outcome) -> str:
    match outcome:
        case Found():
            return "found"
        case Unavailable(error):
            return "refused" if isinstance(error, IntercomRefused) else "unavailable"
        case None:
            return "missed"


@asynccontextmanager
async def asking(config: IntercomConfig, metrics: Metrics) -> AsyncIterator[Enricher]:
    """An enricher over HTTP, whose calls are counted. Inside a running event loop."""

    def observe(call: str, status: int) -> None:
        metrics.count("moebridge_enrichment_calls_total", call=call, status=str(status))

    transport = AiohttpTransport(connections=config.max_concurrent)
    try:
        client = IntercomClient(
            config,
            transport,
            clock=time.time,
            sleep=asyncio.sleep,
            random=random.random,
            policy=POLICY,
            observe=observe,
        )
        yield Enricher(client, now_s=time.monotonic, patience_s=PATIENCE_S)
    finally:
        await transport.close()
