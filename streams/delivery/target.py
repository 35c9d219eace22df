"""One workspace that is delivered to: its client, its elements, and what is said of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from moengage.answers import Answer
from moengage.budgets import Rates
from moengage.client import Calls
from moengage.fair_use import FairUse
from moengage.workspace import Workspace
from streams.delivery.config import DeliverConfig
from streams.delivery.parking import Parking
from streams.delivery.requests import Request
from streams.delivery.scheduler import Scheduler
from streams.metrics import Metrics

log = logging.getLogger(__name__)


class Target:
    """A workspace. ``names`` are the configurations that go there; the first one stands for it."""

    def __init__(
        self, names: Sequence[str], scope: str, client: Calls, config: DeliverConfig, metrics: Metrics
    ) -> None:
        self.names = tuple(names)
        self.client = client
        self.parking = Parking(scope, active=config.after_refusal == "park")
        rates = Rates.least(config.rates.get(name, Rates()) for name in names)
        self._workspace = Workspace(
            users_per_minute=rates.users_per_minute,
            events_per_minute=rates.events_per_minute,
            brake=config.brake,
            policy=config.retry,
        )
        fair_use = FairUse(rates.customer_per_minute)
        self.scheduler = Scheduler(config.limits(), self._workspace, fair_use, self.parking, config.retry)
        self._metrics = metrics
        self._told = ""
        self._show()

    @property
    def name(self) -> str:
        """What it is called in metrics and lines of the log."""
        return self.names[0]

    @property
    def trouble(self) -> str:
        """Why nothing is delivered until a person looks; "" where something is."""
        return self._workspace.trouble

    def set_share(self, share: float) -> None:
        """This worker's part of the workspace's budgets."""
        self._workspace.users.set_share(share)
        self._workspace.events.set_share(share)
        self._show()

    async def ask(self, request: Request) -> Answer:
        """Make a call of MoEngage's."""
        if request.call == "bulk":
            return await self.client.transition([element.body for element in request.elements])
        [element] = request.elements
        call = self.client.merge if request.call == "merge" else self.client.delete
        return await call(element.body)

    def tell(self) -> None:
        """Say loudly, once, when nothing is delivered until a person looks; and when it is again."""
        self._show()
        trouble = self.trouble
        if trouble == self._told:
            return
        if self._workspace.paused is not None:
            log.error(
                "configuration %s: %s. Nothing is dropped; delivery waits until workspace, key and data "
                "centre fit together.",
                self.name, trouble,
            )  # fmt: skip
        elif trouble:
            log.error(
                "configuration %s: %s. No more are put away; delivery waits, and tries one request at a "
                "time. What was refused is among the dead letters.",
                self.name, trouble,
            )  # fmt: skip
        else:
            log.warning("configuration %s: MoEngage takes deliveries again", self.name)
        self._told = trouble

    def _show(self) -> None:
        workspace, metrics = self._workspace, self._metrics
        metrics.set("moebridge_delivery_paused", workspace.paused is not None, config=self.name)
        braked = workspace.brake.tries_at is not None
        metrics.set("moebridge_delivery_braked", braked, config=self.name)
        for kind, budget in (("user", workspace.users), ("event", workspace.events)):
            metrics.set(
                "moebridge_delivery_budget_per_minute", budget.per_minute, config=self.name, kind=kind
            )
