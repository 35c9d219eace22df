"""A mapping is changed while events come: what is delivered says which version made it."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import payloads
import pytest
from aiokafka import AIOKafkaConsumer
from bridge import Bridge, WorkerProcess, bridge, until

from events.elements import Delivery
from events.topics import DELIVERIES, topic_name

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


def mapping(word: str, *, expected: str | None = None) -> str:
    """One that makes ``mapped_by: <word>`` of a contact, and its test, which may expect another word."""
    return f"""
extends: default
rules:
  - {{name: own, when: contact, user: true, attributes: {{mapped_by: {{value: {word}}}}}}}
tests:
  - name: it says who made it
    given: [{{topic: contact.user.updated, item: {{id: c1, external_id: cust-1}}}}]
    expect: [{{user: true, attributes_include: {{mapped_by: {expected or word}}}}}]
"""


async def shown(one: Bridge, worker: WorkerProcess) -> dict[str, Any]:
    """What the worker says of its mapping."""
    async with one.session.get(f"{worker.url}/mapping") as answer:
        told: dict[str, Any] = (await answer.json())["default"]
        return told


async def switched(one: Bridge, worker: WorkerProcess, before: str) -> str:
    """The version that takes over from one."""

    async def another() -> bool:
        return (await shown(one, worker))["version"] != before

    await until(another, f"the mapping is another than {before}")
    return str((await shown(one, worker))["version"])


async def refused(one: Bridge, worker: WorkerProcess) -> str:
    """Why the files are not in force."""

    async def is_refused() -> bool:
        return (await shown(one, worker))["refused"] is not None

    await until(is_refused, "the changed mapping is refused")
    return str((await shown(one, worker))["refused"]["reason"])


async def users(one: Bridge, numbers: range) -> None:
    """Post an update of each of these contacts, and wait for all at MoEngage."""
    await one.post(*(payloads.contact_updated(n, id=f"notif_{n}") for n in numbers))

    async def arrived() -> bool:
        return (await one.sandbox("stats"))["user_updates"] >= numbers.stop

    await until(arrived, f"{numbers.stop} users arrived")


async def deliveries(one: Bridge) -> dict[int, list[Delivery]]:
    """Everything on the topic of deliveries, by partition."""
    consumer = AIOKafkaConsumer(
        topic_name(DELIVERIES, one.prefix), bootstrap_servers=one.bootstrap_servers,
        auto_offset_reset="earliest", enable_auto_commit=False,
    )  # fmt: skip
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: dict[int, list[Delivery]] = {place.partition: [] for place in ends}
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                found[place.partition] += [
                    Delivery.from_record(one.key, one.value, one.headers) for one in records
                ]
        return found
    finally:
        await consumer.stop()


async def test_elements_carry_the_version_that_made_them(
    broker, topic_prefix: str, tmp_path: Path
) -> None:
    folder = tmp_path / "mapping"
    folder.mkdir()
    own = folder / "own.yaml"
    own.write_text(mapping("first"))
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        worker = await one.start_worker(
            MOEBRIDGE_MAPPING__PATH=str(folder), MOEBRIDGE_MAPPING__RELOAD_S="0.2"
        )
        first = str((await shown(one, worker))["version"])
        await users(one, range(40))

        # While events come without a pause, the mapping becomes another one.
        coming = asyncio.create_task(users(one, range(40, 400)))
        own.write_text(mapping("second"))
        second = await switched(one, worker, first)
        await coming
        await users(one, range(400, 440))

        # Broken ones are refused, for two reasons, and nothing changes for what comes.
        own.write_text(mapping("third").replace("when: contact", "when: contacts"))
        assert (await refused(one, worker)).startswith(
            "own.yaml:4: rules[0].when: unknown word 'contacts'"
        )
        await users(one, range(440, 480))
        own.write_text(mapping("third", expected="fourth"))
        await until(lambda: says(one, worker, "own.yaml:6 it says who made it"), "its test fails")
        await users(one, range(480, 520))
        assert await shown(one, worker) | {"refused": None, "since": None} == {
            "version": second, "since": None, "path": str(folder), "refused": None,
        }  # fmt: skip

        own.write_text(mapping("third"))
        third = await switched(one, worker, second)
        await users(one, range(520, 560))

        made = await deliveries(one)
        words = {first: "first", second: "second", third: "third"}
        versions: dict[int, str] = {}
        for partition in made.values():
            for each in partition:
                attributes = json.loads(each.body)["attributes"]
                assert attributes["mapped_by"] == words[each.mapping_version]
                versions[int(each.customer_id.removeprefix("user-"))] = each.mapping_version
            order = [words[each.mapping_version] for each in partition]
            assert order == sorted(order, key=list(words.values()).index)
        assert len(versions) == sum(map(len, made.values())) == 560
        for numbers, version in [
            (range(40), first), (range(400, 520), second), (range(520, 560), third),
        ]:  # fmt: skip
            assert {versions[number] for number in numbers} == {version}
        assert {versions[number] for number in range(40, 400)} <= {first, second}

        async with one.session.get(f"{worker.url}/metrics") as answer:
            metrics = await answer.text()
        for line in (
            f'moebridge_mapping_info{{config="default",version="{third}"}} 1.0',
            'moebridge_mapping_reloads_total{config="default",outcome="switched"} 2.0',
            'moebridge_mapping_reloads_total{config="default",outcome="refused"} 2.0',
            'moebridge_mapping_refused{config="default"} 0.0',
        ):
            assert line in metrics
        assert first not in metrics
        assert "the changed files are refused" in worker.log.read_text()


async def says(one: Bridge, worker: WorkerProcess, text: str) -> bool:
    told = (await shown(one, worker))["refused"]
    return told is not None and text in told["reason"]


async def test_a_worker_looks_at_sighup_and_goes_on(broker, topic_prefix: str, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(mapping("first"))
    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:
        worker = await one.start_worker(MOEBRIDGE_MAPPING__PATH=str(own), MOEBRIDGE_MAPPING__RELOAD_S="0")
        first = str((await shown(one, worker))["version"])
        for word in ("second", "third"):
            before = str((await shown(one, worker))["version"])
            own.write_text(mapping(word))
            worker.process.send_signal(signal.SIGHUP)
            await switched(one, worker, before)
        await users(one, range(4))
        assert ((await one.attributes("user-00000")) or {})["mapped_by"] == "third"
        assert str((await shown(one, worker))["version"]) != first
        assert await worker.stop() == 0
