"""Looking again and again, and the report on the last looks."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from streams.errors import LagUnreadable
from streams.lag.look import GroupLook, WatchedGroup
from streams.lag.report import GroupLag, report_of

#: After this many intervals without a look a report is too old to be shown.
STALE_INTERVALS = 3

log = logging.getLogger(__name__)


class Looks(Protocol):
    """What looks at the group."""

    group: WatchedGroup

    async def look(self) -> GroupLook: ...


@dataclass(frozen=True, slots=True)
class LagConfig:
    """A look every ``interval_s``; ``window`` of them are what a verdict is made from."""

    interval_s: float = 10.0
    window: int = 12
    allowed_lag: int = 0
    cluster_name: str = "kafka"


class LagWatch:
    """The last looks at a group. ``now_ms`` is the clock that they are dated by."""

    def __init__(self, reader: Looks, config: LagConfig, *, now_ms: Callable[[], int]) -> None:
        self.config = config
        self.took_ms = 0
        self._reader = reader
        self._now_ms = now_ms
        self._looks: deque[GroupLook] = deque(maxlen=config.window)
        self._report: GroupLag | None = None
        self._failing = False

    async def look(self) -> GroupLag:
        """Look once more. Raises LagUnreadable."""
        began = self._now_ms()
        look = await self._reader.look()
        self.took_ms = self._now_ms() - began
        if self._looks and look.at_ms - self._looks[-1].at_ms > self._stale_ms:
            self._looks.clear()  # what was in between nobody knows
        self._looks.append(look)
        self._report = report_of(
            self._reader.group,
            self._looks,
            window=self.config.window,
            allowed_lag=self.config.allowed_lag,
        )
        return self._report

    def report(self) -> GroupLag | None:
        """The last report; None before the first, and once it is too old."""
        if self._report is None or self._now_ms() - self._report.at_ms > self._stale_ms:
            return None
        return self._report

    async def run(self) -> None:
        """Look every interval, for ever. A look that fails is told of once, and the next one is made."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self.config.interval_s
            try:
                await self.look()
            except LagUnreadable as error:
                if not self._failing:
                    log.warning("%s", error)
                self._failing = True
            except Exception:
                # Nobody waits for a report; whoever works beside it goes on.
                log.exception("looking at the lag failed")
            else:
                if self._failing:
                    log.info("the broker tells the lag again")
                self._failing = False
            await asyncio.sleep(max(0.0, due - loop.time()))

    @property
    def _stale_ms(self) -> float:
        return max(1000.0, STALE_INTERVALS * self.config.interval_s * 1000)
