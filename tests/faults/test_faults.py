"""Twenty thousand events while things break: nothing lost, nothing out of order, little twice.

Each trouble alone and all of them together, on three Apache Kafka brokers and two workers. The seed is
fixed; MOEBRIDGE_TEST_FAULT_EVENTS and MOEBRIDGE_TEST_FAULT_SEED choose another run.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import troubles
from bridge import bridge
from rich.console import Console
from rich.table import Table
from stage import Play
from story import tell
from tally import Tally
from troubles import Trouble

from moebridge.brokers.apache_kafka import ApacheKafka

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(1800)]

EVENTS = int(os.environ.get("MOEBRIDGE_TEST_FAULT_EVENTS", "20000"))
SEED = int(os.environ.get("MOEBRIDGE_TEST_FAULT_SEED", "20"))
BATCH = 100

ALONE: dict[str, tuple[Trouble, ...]] = {
    "SIGKILL of a worker, 20 times": (troubles.kill_workers,),
    "SIGKILL of a broker of three, 3 times": (troubles.kill_brokers,),
    "a worker joins and leaves": (troubles.rebalance,),
    "30 % 429, 500, reset, time-out": (troubles.fail_at_random,),
    "2 % poison": (troubles.poison,),
}
TOGETHER = tuple(trouble for each in ALONE.values() for trouble in each)
ENVIRONMENT = {"MOEBRIDGE_MOENGAGE__TIMEOUT_S": "1", "MOEBRIDGE_KAFKA__REPLICATION": "3"}


@pytest.fixture(scope="module")
def rows() -> Iterator[list[tuple[str, Tally, int, int, float]]]:
    """What every run counted; printed at the end."""
    seen: list[tuple[str, Tally, int, int, float]] = []
    yield seen
    table = Table(title=f"{EVENTS} events, seed {SEED}, 2 workers, 3 brokers")
    columns = (
        "what breaks", "events in", "due", "delivered", "lost", "out of order", "twice", "poison",
        "dead letters", "kills", "no answer", "seconds",
    )  # fmt: skip
    for column in columns:
        table.add_column(column, justify="left" if column == "what breaks" else "right")
    for name, tally, kills, ambiguous, seconds in seen:
        numbers = (
            tally.events_in, tally.due, tally.delivered, tally.lost, tally.out_of_order, tally.twice,
            tally.poison, tally.dead_letters, kills, ambiguous, round(seconds),
        )  # fmt: skip
        table.add_row(name, *map(str, numbers))
    Console(width=150).print(table)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ApacheKafka]:
    async with ApacheKafka(tmp_path / "kafka", brokers=3) as running:
        yield running


@pytest.mark.parametrize("name", [*ALONE, "all together"])
async def test_nothing_lost_nothing_out_of_order(
    cluster: ApacheKafka, topic_prefix: str, tmp_path: Path, rows, name: str
) -> None:
    chosen = ALONE.get(name, TOGETHER)
    story = tell(SEED, EVENTS, poison=0.02 if troubles.poison in chosen else 0.0)
    began = time.monotonic()
    async with bridge(cluster.bootstrap_servers, topic_prefix, tmp_path, replication=3) as one:
        play = Play(one, story, SEED, ENVIRONMENT)
        for slot in range(troubles.WORKERS):
            await play.start_worker(slot, ready=True)
        causing = [asyncio.create_task(trouble(play, cluster)) for trouble in chosen]
        await play.post_all()
        play.over.set()
        await asyncio.gather(*causing)
        await play.settle()
        tally, ambiguous = await play.tally(), await play.ambiguous()
        rows.append((name, tally, play.kills, ambiguous, time.monotonic() - began))
        print(f"\n{name}: {tally}, {play.kills} kills, {ambiguous} calls without an answer")
    assert tally.whole, tally
    assert tally.twice + tally.dead_twice <= BATCH * (play.kills + ambiguous), tally
