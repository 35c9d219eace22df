"""Live traffic at a steady rate, and how long each of its events took from Intercom to MoEngage."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import payloads
from bridge import Bridge

#: Contacts of live traffic begin at this number, so that nobody else's are among them.
FIRST_CONTACT = 50_000


@dataclass
class LiveTraffic:
    """Tickets that move, ``rate`` a second, of ``contacts`` contacts in turn. Times are ms.

    The contacts are so many that their rows stay small. With 500 of them each had a new ticket every few
    seconds, and what grew with time was their rows, replay or not.
    """

    one: Bridge
    rate: int
    contacts: int = 20_000
    posted: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    async def run(self) -> None:
        """Post until cancelled; a post that is late is made at once."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as posts:
            number = 0
            while True:
                await asyncio.sleep(max(0.0, began + number / self.rate - time.monotonic()))
                posts.create_task(self._post(number))
                number += 1

    async def _post(self, number: int) -> None:
        event_id = f"live-{number:06d}"
        contact = FIRST_CONTACT + number % self.contacts
        document = payloads.ticket_moved(
            FIRST_CONTACT + number, contact, "resolved", id=event_id, at=number
        )
        self.posted[event_id] = time.time_ns() // 1_000_000
        if await self.one.post_raw(json.dumps(document).encode()) != 200:
            self.refused += 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Inside, it runs."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    def mark(self) -> int:
        """How many were posted by now; two marks say which came between."""
        return len(self.posted)

    def delays(self, events: Iterable[dict[str, Any]], first: int, end: int) -> list[int]:
        """Milliseconds from posted to taken by MoEngage, of the posts between two marks.

        ``events`` are the sandbox's; each post must be among them.
        """
        taken: dict[str, int] = {}
        for event in events:
            if "moebridge_replay" not in event["attributes"]:
                taken.setdefault(event["attributes"]["intercom_event_id"], event["received_at"])
        return [taken[name] - at for name, at in list(self.posted.items())[first:end]]


def percentile(values: list[int], share: float) -> int:
    """The smallest value that this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
