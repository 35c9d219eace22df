"""Wrong credentials, at start and while running: nothing is dropped, everything waits and says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import payloads
import pytest
from bridge import Bridge, WorkerProcess, bridge, until
from test_redrive import letters

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

TRIES = {"MOEBRIDGE_DELIVERY__PAUSE_S": "0.5"}


def tickets(first: int, last: int) -> list[dict[str, Any]]:
    return [
        payloads.ticket_moved(n, n % 10, "resolved", id=f"notif_{n}", at=n) for n in range(first, last)
    ]


async def says_so(one: Bridge, worker: WorkerProcess) -> None:
    async def told() -> bool:
        health = await worker.health(one.session)
        return health is not None and "401" in health["troubles"].get("default", "")

    await until(told, "the worker says that MoEngage refuses the credentials", 60)
    health = await worker.health(one.session)
    assert health is not None
    assert health["status"] == "alive"


async def test_nothing_is_dropped_and_everything_arrives_with_the_right_ones(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        wrong = await one.start_worker(**TRIES, MOEBRIDGE_MOENGAGE__API_KEY="wrong")
        events = tickets(0, 400)
        await one.post(*events[:200])
        await says_so(one, wrong)
        assert await one.events() == []
        assert await wrong.stop() == 0

        right = await one.start_worker(**TRIES)
        await one.arrived([event["id"] for event in events[:200]])

        await one.faults(kind="status", status=401, count=1_000_000)  # while it runs
        await one.post(*events[200:])
        await says_so(one, right)
        await one.faults()
        await one.arrived([event["id"] for event in events])
        assert await letters(one) == []
        assert sorted(await one.event_ids()) == sorted(event["id"] for event in events)
        health = await right.health(one.session)
        assert health is not None
        assert health["troubles"] == {}
