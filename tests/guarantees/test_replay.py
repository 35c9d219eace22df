"""A replay delivers what its dry run said, in order, also where it is killed; and is told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from bridge import Bridge, WorkerProcess, bridge, until
from replays import (
    LABEL,
    Past,
    check_order,
    command,
    event_ids,
    mapping,
    past,
    plan,
    quiet,
    record,
    replayed,
    start,
)

pytestmark = [pytest.mark.broker, pytest.mark.timeout(400)]

EVENTS, CUSTOMERS = 2000, 100
BATCH = 100


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder of rules that says ``first``."""
    folder = tmp_path / "mapping"
    folder.mkdir()
    (folder / "own.yaml").write_text(mapping("first"))
    return folder


async def worker_of(one: Bridge, rules: Path) -> WorkerProcess:
    return await one.start_worker(
        MOEBRIDGE_MAPPING__PATH=str(rules), MOEBRIDGE_MAPPING__RELOAD_S="0.2"
    )  # fmt: skip


async def change(one: Bridge, worker: WorkerProcess, rules: Path, word: str) -> None:
    """Change the mapping, and wait until the worker has it."""

    async def version() -> str:
        async with one.session.get(f"{worker.url}/mapping") as answer:
            return str((await answer.json())["default"]["version"])

    before = await version()
    (rules / "own.yaml").write_text(mapping(word))

    async def changed() -> bool:
        return await version() != before

    await until(changed, "the worker has the changed mapping")


async def recorded(one: Bridge, of_customer: Past) -> None:
    """All of it has happened, and is at MoEngage."""
    await record(one, of_customer)
    await one.arrived(event_ids(of_customer))


async def status(one: Bridge, rules: Path) -> list[dict[str, Any]]:
    """As ``replay status --json`` has it."""
    told: list[dict[str, Any]] = json.loads(await command(one, rules, "status", "--json"))
    return told


async def killed_in_the_middle(one: Bridge, rules: Path, label: str, *arguments: str) -> str:
    """Execute, and SIGKILL it once a quarter is at MoEngage; the replay's id."""
    process = await start(one, rules, *arguments, "--execute")
    try:

        async def quarter() -> bool:
            assert process.returncode is None, await process.communicate()
            came = [event for event in await one.events() if label in event["attributes"]]
            return len(came) >= EVENTS // 4

        await until(quarter, "a quarter was replayed", 120)
    finally:
        process.kill()
        await process.communicate()
    [told] = await status(one, rules)
    assert told["state"] == "running"
    assert 0 < told["published"]["records"] < told["chosen"]
    return str(told["id"])


async def all_replayed(one: Bridge, replay: str, count: int) -> list[dict[str, Any]]:
    """Wait until so many different events of the replay are at MoEngage; all of the replay's by then."""

    async def there() -> bool:
        found = replayed(await one.events(), replay)
        return len({event["attributes"]["intercom_event_id"] for event in found}) >= count

    await until(there, f"{count} replayed events arrived", 120)
    await quiet(one)
    return replayed(await one.events(), replay)


async def test_derived_anew_and_killed_each_comes_once_and_in_order(
    broker: Any, topic_prefix: str, tmp_path: Path, rules: Path
) -> None:
    of_customer = past(EVENTS, CUSTOMERS)
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        worker = await worker_of(one, rules)
        await recorded(one, of_customer)
        await change(one, worker, rules, "second")
        updates = (await one.sandbox("stats"))["user_updates"]

        told = await plan(one, rules, "--by-duration", "PT1H")
        replay = await killed_in_the_middle(one, rules, LABEL, "--by-duration", "PT1H")
        said = await command(one, rules, "resume")
        assert f"replay {replay} is done" in said
        events = await all_replayed(one, replay, EVENTS)
        counts = check_order(events, of_customer)
        assert set(counts) == event_ids(of_customer)
        assert set(counts.values()) == {1}, "none of them twice"
        assert Counter(event["action"] for event in events) == told["totals"]["events"]
        assert {event["attributes"]["mapped_by"] for event in events} == {"second"}
        assert (await one.sandbox("stats"))["user_updates"] - updates == told["totals"]["users"]
        [done] = await status(one, rules)
        assert done["state"] == "done"
        assert done["published"]["events"] == EVENTS
        # The live events came once each, and none since.
        live = [event for event in await one.events() if LABEL not in event["attributes"]]
        assert len(live) == EVENTS


async def test_delivered_again_and_killed_one_batch_at_most_comes_twice(
    broker: Any, topic_prefix: str, tmp_path: Path, rules: Path
) -> None:
    of_customer = past(EVENTS, CUSTOMERS)
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await worker_of(one, rules)
        await recorded(one, of_customer)
        arguments = ("--topic", "moengage.deliveries", "--by-duration", "PT1H")
        told = await plan(one, rules, *arguments)
        replay = await killed_in_the_middle(one, rules, LABEL, *arguments)
        assert f"replay {replay} is done" in await command(one, rules, "resume")
        counts = check_order(await all_replayed(one, replay, EVENTS), of_customer)
        assert sum(told["totals"]["events"].values()) == len(counts) == EVENTS
        assert sum(counts.values()) - len(counts) <= BATCH


async def test_paused_by_its_signal_by_an_operator_and_cancelled(
    broker: Any, topic_prefix: str, tmp_path: Path, rules: Path
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        await worker_of(one, rules)
        await recorded(one, past(600, 20))
        assert await status(one, rules) == []
        slow = ("--share", "0.002")  # two a second
        process = await start(one, rules, "--by-duration", "PT1H", "--execute", *slow)
        await at_work(one, rules)
        process.send_signal(signal.SIGTERM)
        output, _ = await process.communicate()
        assert process.returncode == 1
        assert b"moebridge replay resume --config-name default" in output
        [paused] = await status(one, rules)
        assert paused["state"] == "paused"

        other = await command(one, rules, "--by-duration", "PT1H", "--execute", code=1)
        assert "is done" not in other
        assert len(await status(one, rules)) == 1

        process = await start(one, rules, "resume", *slow)
        await at_work(one, rules)
        assert "is paused" in await command(one, rules, "pause")
        await process.communicate()
        assert process.returncode == 1

        process = await start(one, rules, "resume", *slow)
        await at_work(one, rules)
        # Somebody else goes on with it: this one stops, and says so.
        newer = await start(one, rules, "resume", *slow)
        _, errors = await process.communicate()
        assert process.returncode == 1
        assert b"was resumed elsewhere" in errors
        assert "is cancelled" in await command(one, rules, "cancel")
        output, _ = await newer.communicate()
        assert newer.returncode == 1
        assert b"is cancelled after" in output
        assert [told["state"] for told in await status(one, rules)] == ["cancelled"]
        await command(one, rules, "resume", code=1)


async def at_work(one: Bridge, rules: Path) -> None:
    """Wait until the replay runs and has published something since."""
    before = {told["id"]: told["published"]["records"] for told in await status(one, rules)}

    async def works() -> bool:
        told = (await status(one, rules))[:1]
        return bool(told) and told[0]["state"] == "running" and (
            told[0]["published"]["records"] > before.get(told[0]["id"], 0)
        )  # fmt: skip

    await until(works, "the replay is at work", 120)


async def test_while_moengage_is_away_it_stands_still(
    broker: Any, topic_prefix: str, tmp_path: Path, rules: Path
) -> None:
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        worker = await worker_of(one, rules)
        of_customer = past(EVENTS, CUSTOMERS)
        await recorded(one, of_customer)
        await one.faults(kind="status", status=503, count=1_000_000)
        process = await start(one, rules, "--by-duration", "PT1H", "--execute")
        await at_work(one, rules)
        await asyncio.sleep(3)  # it would have published them all
        [told] = await status(one, rules)
        assert told["published"]["records"] <= 250 + BATCH
        await one.faults()
        output, _ = await process.communicate()
        assert b"is done" in output
        counts = check_order(await all_replayed(one, told["id"], EVENTS), of_customer)
        assert set(counts.values()) == {1}
        assert worker.process.returncode is None
