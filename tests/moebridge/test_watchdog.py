"""The watch over a worker: what it does once something stands still."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from moebridge.errors import CannotListen
from moebridge.watchdog import WatchConfig, Watchdog, watching
from moebridge.worker_site import create_app
from streams.chunks import Place, Standing
from streams.metrics import Metrics
from streams.progress import Facts, Phase

HERE = Place("moengage.deliveries", 0)
IN_HAND = Standing(40, 20, 20, 20)
CONFIG = WatchConfig(
    stall_s=20, grace_s=5, join_s=30, shutdown_s=10,
    connection={"bootstrap_servers": "127.0.0.1:1"}, group="moebridge", topic="intercom.events",
)  # fmt: skip


class Worker:
    """Says what a test wants, and hears that it stands still."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.facts = Facts(Phase.WORKING, standings={HERE: IN_HAND})
        self.told: list[Sequence[str]] = []
        self.ended: list[int] = []

    def stalled(self, reasons: Sequence[str]) -> None:
        self.told.append(reasons)


class Watch:
    """Looks once a second of a clock of its own."""

    def __init__(self) -> None:
        self.worker = Worker()
        self.watchdog = Watchdog(
            self.worker, CONFIG, asyncio.get_running_loop(), end=self.worker.ended.append
        )
        self.now_s = 0.0

    async def looks(self, times: int, *, moves: bool = True) -> None:
        for _ in range(times):
            self.now_s += 1
            if moves:
                facts = self.worker.facts
                self.worker.facts = replace(facts, beats=facts.beats + 1, polls=facts.polls + 1)
            self.watchdog.look(self.now_s)
            await asyncio.sleep(0)

    def metric(self, name: str, **labels: str) -> float | None:
        return self.worker.registry.get_sample_value(name, labels)


async def test_it_is_said_at_once_and_ended_after_the_grace() -> None:
    watch = Watch()
    await watch.looks(20)
    assert watch.watchdog.alive
    assert watch.metric("moebridge_worker_stalled") == 0
    await watch.looks(1)
    assert not watch.watchdog.alive
    assert watch.metric("moebridge_worker_stalled") == 1
    await watch.looks(4)
    assert watch.worker.told == []
    await watch.looks(20)
    [reasons] = watch.worker.told  # once, and then it is the worker's to stop
    assert "moengage.deliveries[0] has stood still" in reasons[0]
    assert watch.worker.ended == []


async def test_who_moves_again_within_the_grace_lives_on() -> None:
    watch = Watch()
    await watch.looks(24)
    assert not watch.watchdog.alive
    watch.worker.facts = replace(watch.worker.facts, standings={HERE: IN_HAND._replace(done=30)})
    await watch.looks(20)
    assert watch.watchdog.alive
    assert watch.worker.told == []


async def test_a_blocked_loop_cannot_stop_so_the_process_ends() -> None:
    watch = Watch()
    await watch.looks(1)
    await watch.looks(26, moves=False)
    assert watch.worker.ended == [1]


async def test_waiting_is_shown_and_ends_nothing() -> None:
    watch = Watch()
    watch.worker.facts = replace(watch.worker.facts, waits={HERE: "MoEngage limits the rate"})
    await watch.looks(1000)
    assert watch.watchdog.alive
    assert watch.worker.told == []
    gauge = "moebridge_worker_waiting_partitions"
    assert watch.metric(gauge, reason="MoEngage limits the rate") == 1
    watch.worker.facts = replace(watch.worker.facts, waits={}, standings={})
    await watch.looks(1)
    assert watch.metric(gauge, reason="MoEngage limits the rate") is None


async def test_a_stop_that_takes_too_long_ends_the_process() -> None:
    worker, ended = Worker(), threading.Event()
    config = replace(CONFIG, shutdown_s=-11.9)
    watchdog = Watchdog(worker, config, asyncio.get_running_loop(), end=lambda _: ended.set())
    watchdog.stop_in_time()
    watchdog.stop_in_time()
    assert await asyncio.to_thread(ended.wait, 10)


async def test_the_site_answers_while_the_loop_is_blocked_and_a_broker_that_is_away_is_no_stall() -> None:
    worker = Worker()
    watchdog = Watchdog(worker, CONFIG, asyncio.get_running_loop(), end=worker.ended.append)
    site = create_app(worker.registry, lambda: True, lambda: watchdog.verdict)
    async with watching(watchdog, site, "127.0.0.1", 0, "worker.http_port") as url:

        async def answers() -> str:
            async with aiohttp.ClientSession() as session:
                while True:
                    async with session.get(f"{url}/healthz") as response:
                        assert response.status == 200
                        told = await response.json()
                        if told["broker"] == "does not answer":
                            return str(told["phase"])
                    await asyncio.sleep(0.05)

        elsewhere = threading.Thread(target=lambda: got.append(asyncio.run(answers())))
        got: list[str] = []
        elsewhere.start()
        elsewhere.join(60)  # this loop is blocked meanwhile
        assert got == ["working"]
    assert worker.ended == []
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{url}/healthz")


async def test_a_port_in_use_is_told_where_the_worker_is_started() -> None:
    worker = Worker()
    watchdog = Watchdog(worker, CONFIG, asyncio.get_running_loop())
    site = create_app(worker.registry, lambda: True, lambda: watchdog.verdict)
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(CannotListen, match=r"worker\.http_port"),
    ):
        async with watching(watchdog, site, "127.0.0.1", taken.getsockname()[1], "worker.http_port"):
            raise AssertionError("it was to be refused")
