"""Broker and spool together: nothing answered with 200 is lost, and the order of a key is kept."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest
from front_door import config, notification, post_webhook, refusal, success, until_logged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from spooled import event, number_of

from events.envelope import Envelope
from ingest.app import create_app
from ingest.errors import BodyTooLarge, BrokerUnavailable, SpoolUnavailable
from ingest.metrics import SpoolMetrics
from ingest.spool.publisher import SpoolingPublisher
from ingest.spool.spool import Spool

NOW_MS = 1_800_000_010_000


@dataclass
class Broker:
    """Has what it confirmed, in order. Each publish takes ``pauses()`` turns of the loop."""

    up: bool = True
    has: list[tuple[int, bytes]] = field(default_factory=list)
    too_large: set[int] = field(default_factory=set)
    gate: asyncio.Event | None = None
    asked: int = 0
    pauses: object = staticmethod(lambda: 0)

    @property
    def ready(self) -> bool:
        return self.up

    broker_up = ready
    spooled = 0

    async def publish(self, envelope: Envelope, key: bytes) -> None:
        self.asked += 1
        if not self.up:
            raise BrokerUnavailable("away")
        for _ in range(self.pauses()):
            await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if number_of(envelope) in self.too_large:
            raise BodyTooLarge("too large for the broker")
        if not self.up:
            raise BrokerUnavailable("went away")
        self.has.append((number_of(envelope), key))

    @property
    def numbers(self) -> list[int]:
        return [number for number, _ in self.has]

    async def start(self) -> None: ...

    async def close(self, timeout_s: float) -> None: ...


def spooling(broker: Broker, path: Path, max_bytes: int = 1_000_000) -> SpoolingPublisher:
    registry = CollectorRegistry()
    publisher = SpoolingPublisher(
        broker, Spool(path, max_bytes=max_bytes), SpoolMetrics(registry, lambda: NOW_MS)
    )
    publisher.registry = registry
    return publisher


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
async def publisher(broker, tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.spool.publisher.LOOK_S", 0.001)
    publisher = spooling(broker, tmp_path / "spool")
    await publisher.start()
    yield publisher
    await publisher.close(5.0)


async def until_empty(publisher) -> None:
    async with asyncio.timeout(30):
        while publisher._spool.size:  # noqa: ASYNC110 - the drain tells nobody
            await asyncio.sleep(0.001)


def metric(publisher, name: str) -> float:
    value = publisher.registry.get_sample_value(name)
    assert value is not None
    return value


async def test_while_the_broker_takes_records_the_spool_is_not_used(publisher, broker):
    await publisher.publish(*event(1))
    assert broker.numbers == [1]
    assert (publisher.spooled, publisher.ready, publisher.broker_up) == (0, True, True)
    assert metric(publisher, "moebridge_ingest_spooled_total") == 0


async def test_an_outage_is_bridged_in_order(publisher, broker, caplog):
    caplog.set_level("INFO")
    broker.up = False
    for number in range(1, 6):
        await publisher.publish(*event(number))
    assert (publisher.spooled, publisher.ready, publisher.broker_up) == (5, True, False)
    assert metric(publisher, "moebridge_ingest_spool_events") == 5
    assert metric(publisher, "moebridge_ingest_spool_oldest_seconds") == pytest.approx(9.999)
    assert metric(publisher, "moebridge_ingest_spool_bytes") > 100
    assert broker.asked == 1  # the rest went behind the first at once
    broker.up = True
    await publisher.publish(*event(6))
    await until_empty(publisher)
    await publisher.publish(*event(7))
    assert broker.numbers == list(range(1, 8))
    assert metric(publisher, "moebridge_ingest_spooled_total") == 6
    assert metric(publisher, "moebridge_ingest_spool_drained_total") == 6
    assert metric(publisher, "moebridge_ingest_spool_oldest_seconds") == 0
    await until_logged(caplog, "0 wait")
    assert caplog.text.count("events wait in the spool") == 1


async def test_an_event_stays_behind_an_earlier_one_that_the_broker_still_has(publisher, broker):
    broker.gate = asyncio.Event()
    first = asyncio.create_task(publisher.publish(*event(1, b"a")))
    await asyncio.sleep(0)
    broker.up = False  # the first will fail, and is in nobody's line yet
    second = asyncio.create_task(publisher.publish(*event(2, b"a")))
    other = asyncio.create_task(publisher.publish(*event(3, b"b")))
    await other
    assert not second.done()
    gate, broker.gate = broker.gate, None
    gate.set()
    await asyncio.gather(first, second)
    broker.up = True
    await until_empty(publisher)
    assert [number for number, key in broker.has if key == b"a"] == [1, 2]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_the_next_event_of_a_key_waits_for_all_before_it(publisher, broker, order):
    gates = [asyncio.Event() for _ in range(3)]
    at_once = []
    for number, gate in enumerate(gates, 1):
        broker.gate = gate
        at_once.append(asyncio.create_task(publisher.publish(*event(number, b"a"))))
        await asyncio.sleep(0)
    for index in order:  # each of the later two ends before the first
        gates[index].set()
        await at_once[index]
    broker.up = False
    last = asyncio.create_task(publisher.publish(*event(4, b"a")))
    await publisher.publish(*event(5, b"b"))
    assert not last.done()  # the first of the key may still come to the spool
    gates[0].set()
    await asyncio.gather(at_once[0], last)
    broker.gate, broker.up = None, True
    await until_empty(publisher)
    assert [number for number, key in broker.has if key == b"a"] == [
        *(index + 1 for index in order),
        1,
        4,
    ]
    assert publisher._last == {}


async def test_what_is_too_large_for_the_broker_holds_nobody_up_and_is_kept(publisher, broker, caplog):
    broker.up = False
    broker.too_large = {2}
    for number in (1, 2, 3):
        await publisher.publish(*event(number))
    broker.up = True
    await until_empty(publisher)
    assert broker.numbers == [1, 3]
    await until_logged(caplog, "moved to")
    kept = list((publisher._spool.path / "aside").iterdir())
    assert len(kept) == 1
    assert b"event-2" in b"".join(file.read_bytes() for file in kept)
    assert metric(publisher, "moebridge_ingest_spool_aside_total") == 1
    with pytest.raises(BodyTooLarge):  # where the broker is asked at once, its answer is the answer
        await publisher.publish(*event(2))


async def test_damage_is_counted_said_and_costs_no_other(broker, tmp_path, caplog):
    broker.up = False
    publisher = spooling(broker, tmp_path)
    await publisher.start()
    for number in (1, 2, 3):
        await publisher.publish(*event(number, payload=b'{"n": %d}' % number))
    await publisher.close(5.0)
    for file in tmp_path.glob("*.spool"):
        file.write_bytes(file.read_bytes().replace(b'"n": 2', b'"n": 7'))
    broker.up = True
    again = spooling(broker, tmp_path)
    await again.start()
    await until_empty(again)
    assert broker.numbers == [1, 3]
    await until_logged(caplog, "moved to")  # the file is gone before that is said and counted
    assert metric(again, "moebridge_ingest_spool_aside_total") == 1
    assert "is damaged and was moved to" in caplog.text
    assert '"n"' not in caplog.text
    await again.close(5.0)


async def test_a_disk_that_cannot_be_read_now_is_asked_again(publisher, broker, caplog, monkeypatch):
    monkeypatch.setattr("ingest.spool.publisher.AGAIN_S", 0.001)
    broker.up = False
    with patch.object(Path, "read_bytes", side_effect=OSError(24, "Too many open files")):
        await publisher.publish(*event(1))
        await until_logged(caplog, "cannot be read (Too many open files)")
    broker.up = True
    await until_empty(publisher)
    assert broker.numbers == [1]


async def test_the_front_door_says_that_it_spools(aiohttp_client, publisher, broker, tmp_path):
    door = await aiohttp_client(create_app(config(), publisher, now_ms=lambda: NOW_MS))
    broker.up = False
    assert (await door.get("/readyz")).status == 200
    await success(await post_webhook(door, notification()))
    ready = await door.get("/readyz")
    assert ready.status == 200
    assert await ready.json() == {
        "status": "spooling",
        "reason": "1 events wait in the spool for the broker",
    }
    metrics = await (await door.get("/metrics")).text()
    assert "moebridge_ingest_broker_up 0.0" in metrics
    with patch("ingest.spool.folder._flush", side_effect=OSError(28, "No space left on device")):
        response = await post_webhook(door, notification())
        assert "space" not in await refusal(response, 429, "spool_unavailable")
        assert response.headers["Retry-After"]
        assert (await door.get("/readyz")).status == 503


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_whatever_comes_and_goes_nothing_taken_is_lost_and_keys_keep_their_order(seed):
    """Broker up and down, disk failing now and then, the process killed: senders go on with their next
    event when the last was answered, and repeat what was not."""
    rng = random.Random(seed)
    broker = Broker(pauses=lambda: rng.randrange(4))
    taken: dict[bytes, list[int]] = {b"a": [], b"b": [], b"c": []}
    numbers = iter(range(10**6))

    def flush(file: int) -> None:
        if rng.random() < 0.1:
            raise OSError(28, "No space left on device")

    async def sender(key: bytes, publisher: SpoolingPublisher) -> None:
        while True:
            number = next(numbers)
            while True:
                try:
                    await publisher.publish(*event(number, key))
                    break
                except (BrokerUnavailable, SpoolUnavailable):
                    await asyncio.sleep(0)
            taken[key].append(number)

    async def weather() -> None:
        for _ in range(rng.randrange(5, 60)):
            broker.up = rng.random() < 0.5
            for _ in range(rng.randrange(1, 6)):
                await asyncio.sleep(rng.choice([0, 0, 0.0005]))

    with (
        tempfile.TemporaryDirectory() as path,
        patch("ingest.spool.publisher.LOOK_S", 0.0002),
        patch("ingest.spool.publisher.SLICE_EVENTS", 4),
        patch("ingest.spool.folder._flush", flush),
    ):
        for _ in range(rng.randrange(1, 4)):
            publisher = spooling(broker, Path(path))
            await publisher.start()
            senders = [asyncio.create_task(sender(key, publisher)) for key in taken]
            await weather()
            await killed(publisher, senders)
        broker.up = True
        publisher = spooling(broker, Path(path))
        await publisher.start()
        await until_empty(publisher)
        await publisher.close(5.0)
    for key, sent in taken.items():
        once = list(dict.fromkeys(number for number, its in broker.has if its == key))
        assert set(sent) <= set(once)
        assert once == sorted(once)


async def killed(publisher: SpoolingPublisher, senders: list[asyncio.Task[None]]) -> None:
    """As by SIGKILL: nothing that was to come comes; files are closed as they are."""
    tasks = [*senders, publisher._draining, publisher._spool._writing]
    for task in tasks:
        if task is not None:
            task.cancel()
    await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
    thread, publisher._spool._thread = publisher._spool._thread, None
    await asyncio.to_thread(thread.shutdown)
    folder = publisher._spool._folder
    for file in (folder._lock, folder._writing, folder._marking[1]):
        if file >= 0:
            os.close(file)
