"""Lag of a real worker: idle, in a burst, stopped by SIGSTOP, killed; against the test's own clock."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import payloads
import pytest
from bridge import Bridge, WorkerProcess, bridge, until

from streams.lag.broker import LagReader
from streams.lag.look import watched
from streams.lag.report import GroupLag, PartitionLag
from streams.lag.verdict import Verdict
from streams.lag.watch import LagConfig, LagWatch

pytestmark = [pytest.mark.broker, pytest.mark.timeout(400)]

#: A look every half second, six of them a window.
LOOKS = LagConfig(interval_s=0.5, window=6)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def tickets(run: str, count: int) -> list[dict[str, Any]]:
    """Each a ticket of its own that moved, of one of 20 customers."""
    events = []
    for number in range(count):
        event = payloads.ticket_moved(number, number % 20, "resolved", id=f"{run}{number}", at=number)
        event["data"]["item"]["id"] += run
        events.append(event)
    return events


async def post(one: Bridge, events: list[dict[str, Any]]) -> tuple[int, int]:
    """Post them all. When that began and ended, in ms."""
    began = now_ms()
    await one.post(*events)
    return began, now_ms()


async def looked(watch: LagWatch, wanted: Any, what: str, timeout: float = 60) -> list[GroupLag]:
    """Look until a report is as wanted; all of the reports."""
    reports: list[GroupLag] = []
    try:
        async with asyncio.timeout(timeout):
            while True:
                reports.append(await watch.look())
                if wanted(reports[-1]):
                    return reports
                await asyncio.sleep(LOOKS.interval_s)
    except TimeoutError:
        raise AssertionError(f"not within {timeout} s: {what}; last: {reports[-1:]}") from None


def settled(report: GroupLag) -> bool:
    return report.complete == 1 and report.verdict is Verdict.OK and report.total().lag == 0


def behind(report: GroupLag) -> list[PartitionLag]:
    return [one for one in report.partitions if one.figures.look.lag]


def check_waiting(report: GroupLag, count: int, since: tuple[int, int]) -> None:
    """All of these wait in front of the first stage, for as long as the test knows."""
    stages = report.stages()
    assert (stages["route"].lag, report.total().lag) == (count, count)
    began, ended = since
    for one in behind(report):
        assert one.figures.seconds is not None
        assert (report.at_ms - ended) / 1000 <= one.figures.seconds <= (report.at_ms - began) / 1000
    oldest = report.total().seconds
    assert oldest == max(one.figures.seconds or 0 for one in behind(report))
    kept = stages["route"].loss_s
    if kept is not None:  # retention is known: 30 days
        assert kept == pytest.approx(30 * 86_400 - (oldest or 0))


async def metrics(one: Bridge, worker: WorkerProcess) -> dict[str, float]:
    async with one.session.get(f"{worker.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        if name.startswith(("kafka_", "moebridge_lag"))
    }


async def test_the_lag_of_a_worker_in_good_times_and_bad(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    embedded = broker.kind == "embedded"
    group = watched(f"{topic_prefix}moebridge", topic_prefix)
    async with (
        bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one,
        LagReader(broker.connection, group, now_ms=now_ms) as reader,
    ):
        watch = LagWatch(reader, LOOKS, now_ms=now_ms)
        # Nobody has ever worked here.
        assert (await watch.look()).verdict is Verdict.NOTFOUND

        worker = await one.start_worker(
            options=["--embedded-broker"] if embedded else [],
            MOEBRIDGE_LAG__INTERVAL_S="0.5",
            MOEBRIDGE_LAG__WINDOW="6",
        )
        empty = (await looked(watch, settled, "empty topics are fine"))[-1]
        assert empty.total().seconds is None  # no data: not one record, nor a commit

        # A burst that the worker takes, though MoEngage has it wait: never an error on the way, nor more
        # seconds than have gone by.
        wait = {"kind": "status", "status": 429, "count": 4, "retry_after": 2}
        async with one.session.post(f"{one.sandbox_url}/sandbox/faults", json=wait) as answer:
            assert answer.status == 200, await answer.text()
        events = tickets("burst", 400)
        long = LagWatch(reader, replace(LOOKS, window=20), now_ms=now_ms)
        posting = asyncio.create_task(post(one, events))
        started = now_ms()
        reports = await looked(long, lambda _: posting.done(), "all are posted")
        await posting
        reports += await looked(long, lambda report: report.stages()["deliver"].lag > 0, "it waits")
        await one.arrived([event["id"] for event in events])
        reports += await looked(long, settled, "all is delivered")
        for report in reports:
            assert report.verdict in (Verdict.OK, Verdict.WARN)
            assert (report.total().seconds or 0) <= (report.at_ms - started) / 1000
        assert max(report.total().seconds or 0 for report in reports) > 0

        # Idle: nothing waits, and what is known of it is 0 seconds.
        idle = (await looked(watch, settled, "it is idle"))[-1]
        assert (idle.total().seconds, idle.total().time_to_close_s) == (0.0, 0.0)

        # The worker's own site and metrics say the same.
        async def own_report() -> bool:
            async with one.session.get(f"{worker.url}/lag") as answer:
                said = await answer.json()
            return answer.status == 200 and (said["verdict"], said["lag"], said["complete"]) == (
                "OK",
                0,
                1,
            )

        await until(own_report, "the worker's /lag is as ours")
        shown = await metrics(one, worker)
        lags = [
            value for name, value in shown.items() if name.startswith("kafka_consumergroup_group_lag{")
        ]
        assert lags == [0.0] * 16  # four topics of four partitions
        assert [name for name in shown if 'verdict="OK"' in name and "group_verdict" in name]

        # SIGSTOP: the broker notices after the session's 6 s; the embedded one never does.
        worker.process.send_signal(signal.SIGSTOP)
        since = await post(one, tickets("stopped", 30))
        verdict = Verdict.STALL if embedded else Verdict.STOP
        report = (
            await looked(
                watch,
                lambda report: {p.verdict for p in behind(report)} == {verdict},
                f"every partition that is behind is {verdict}",
            )
        )[-1]
        assert report.verdict is Verdict.ERR
        check_waiting(report, 30, since)
        assert {p.verdict for p in report.partitions if not p.figures.look.lag} == {Verdict.OK}
        worker.process.send_signal(signal.SIGCONT)
        await looked(watch, settled, "it works on")

        # SIGKILL.
        await worker.kill()
        since = await post(one, tickets("killed", 10))
        report = (
            await looked(
                watch,
                lambda report: {p.verdict for p in behind(report)} == {verdict},
                f"every partition that is behind is {verdict}",
            )
        )[-1]
        check_waiting(report, 10, since)
        # Whoever has just come and takes a single look sees it too, on a broker that forgets the dead.
        if not embedded:
            assert (await LagWatch(reader, LOOKS, now_ms=now_ms).look()).verdict is Verdict.ERR


async def test_workers_share_the_series_as_they_share_the_partitions(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    """Together they show every partition once, also after one came and after it went."""
    options = ["--embedded-broker"] if broker.kind == "embedded" else []

    async with bridge(broker.bootstrap_servers, topic_prefix, tmp_path) as one:

        async def shown(worker: WorkerProcess) -> set[str]:
            """Topics and partitions."""
            return {
                "".join(re.findall(r'(?:partition|topic)="([^"]*)"', name))
                for name in await metrics(one, worker)
                if name.startswith("kafka_consumergroup_group_lag{")
            }

        async def first_shows_all() -> bool:
            return len(await shown(first)) == 16

        async def each_shows_its_own() -> bool:
            ours, theirs = await shown(first), await shown(second)
            return bool(ours and theirs) and not ours & theirs and len(ours | theirs) == 16

        first = await one.start_worker("a", options=options, MOEBRIDGE_LAG__INTERVAL_S="0.5")
        await until(first_shows_all, "it shows all partitions")
        second = await one.start_worker("b", options=options, MOEBRIDGE_LAG__INTERVAL_S="0.5")
        await until(each_shows_its_own, "each shows its own partitions", 60)
        assert await second.stop() == 0
        await until(first_shows_all, "it shows all partitions again", 60)
