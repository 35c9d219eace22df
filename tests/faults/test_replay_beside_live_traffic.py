"""A large replay beside live traffic: exact, in order, killed in the middle, and hardly noticed."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from bridge import Bridge, bridge, until
from live_traffic import LiveTraffic, percentile
from replays import check_order, command, event_ids, mapping, past, plan, quiet, record, replayed, start

from events.topics import EVENTS as EVENTS_TOPIC
from events.topics import topic_name
from moebridge.replay_desk import Ground, NoteReader
from streams.replay.control import Standing, total
from streams.replay.positions import GroupPositions

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(3600)]

EVENTS = int(os.environ.get("MOEBRIDGE_TEST_REPLAY_EVENTS", "50000"))
#: Twenty tickets each.
CUSTOMERS = EVENTS // 20
#: Live events a second, and seconds of them before the replay, and after it.
LIVE_RATE = int(os.environ.get("MOEBRIDGE_TEST_REPLAY_LIVE_RATE", "200"))
ALONE_S = 30.0
#: What is promised: the 95th percentile from Intercom to MoEngage, during a replay, against before it.
AT_MOST = 1.5
#: Of all that is recorded by then: not the live tickets.
PAST = "starts_with(id, 'past-') || starts_with(id, 'update-')"


class Watcher:
    """Looks at the notes and positions from beside, without a process of its own."""

    def __init__(self, one: Bridge) -> None:
        connection = {"bootstrap_servers": one.bootstrap_servers}
        self.place = Ground(connection, one.prefix, f"{one.prefix}moebridge", "default", 1_000_000)
        self.notes = NoteReader(self.place)
        self._source = topic_name(EVENTS_TOPIC, one.prefix)

    async def standing(self) -> Standing | None:
        """The newest replay."""
        await self.notes.take()
        return list(self.notes.book.replays.values())[-1] if self.notes.book.replays else None

    async def is_in(self, state: str, besides: str = "") -> Standing:
        """Wait until it is in this state, by another runner than that."""

        async def there() -> bool:
            one = await self.standing()
            return one is not None and one.state == state and one.runner != besides

        await until(there, f"the replay is {state}", 1800)
        found = await self.standing()
        assert found is not None
        return found

    async def published(self, replay: str, count: int) -> None:
        """Wait until so many records were published."""
        positions = GroupPositions(self.place.connection, self._source, self.place.group(replay))
        try:

            async def there() -> bool:
                return total(await positions.read()).records >= count

            await until(there, f"{count} records were published", 1800)
        finally:
            await positions.close()


async def test_a_replay_beside_live_traffic(kafka_broker: Any, topic_prefix: str, tmp_path: Path) -> None:
    rules = tmp_path / "mapping"
    rules.mkdir()
    (rules / "own.yaml").write_text(mapping("first"))
    story = past(EVENTS, CUSTOMERS)
    async with bridge(kafka_broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await one.start_worker(MOEBRIDGE_MAPPING__PATH=str(rules), MOEBRIDGE_MAPPING__RELOAD_S="0.2")
        await record(one, story)
        await quiet(one, 900)
        (rules / "own.yaml").write_text(mapping("second"))
        live = LiveTraffic(one, LIVE_RATE)
        async with live.running():
            await asyncio.sleep(10)
            first = live.mark()
            await asyncio.sleep(ALONE_S)
            before = (first, live.mark())

            began_ms = time.time_ns() // 1_000_000
            what = ("--by-duration", "PT1H", "--where", PAST)
            told = await plan(one, rules, *what)
            during: list[tuple[int, int]] = []
            watcher = Watcher(one)
            async with watcher.notes:
                process = await start(one, rules, *what, "--execute")
                running = await watcher.is_in("running")
                mark = live.mark()
                await watcher.published(running.id, EVENTS // 2)
                during.append((mark, live.mark()))
                process.kill()
                await process.communicate()

                resuming = asyncio.create_task(command(one, rules, "resume"))
                await watcher.is_in("running", besides=running.runner)
                mark = live.mark()
                assert f"replay {running.id} is done" in await resuming
                during.append((mark, live.mark()))
            took_s = (time.time_ns() // 1_000_000 - began_ms) / 1000
            await asyncio.sleep(5)
            mark = live.mark()
            await asyncio.sleep(ALONE_S)
            after = (mark, live.mark())
        await quiet(one, 900)

        events = await one.events()
        assert live.refused == 0
        mine = replayed(events, running.id)
        counts = check_order(mine, story)
        delays = live.delays(events, *before)
        beside = [delay for marks in during for delay in live.delays(events, *marks)]
        p95_before, p95_during = percentile(delays, 0.95), percentile(beside, 0.95)
        p95_after = percentile(live.delays(events, *after), 0.95)
        print(
            f"\n{EVENTS} recorded, plan {told['totals']['chosen']} records, "
            f"{told['totals']['elements']} elements; delivered {len(counts)} events, "
            f"{sum(counts.values()) - len(counts)} twice, {took_s:.0f} s with the dry run and a SIGKILL; "
            f"live {LIVE_RATE}/s, p50/p95 {percentile(delays, 0.5)}/{p95_before} ms before "
            f"({len(delays)} events), {percentile(beside, 0.5)}/{p95_during} ms during ({len(beside)}), "
            f"p95 {p95_after} ms after"
        )
        assert set(counts) == event_ids(story)
        assert set(counts.values()) == {1}
        assert Counter(event["action"] for event in mine) == told["totals"]["events"]
        assert {event["attributes"]["mapped_by"] for event in mine} == {"second"}
        assert p95_during <= AT_MOST * p95_before
