"""The watch and its series: what is shown, what vanishes, and that a scrape is cheap."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from streams.chunks import Place
from streams.errors import LagUnreadable
from streams.lag.look import GroupLook, Owner, PartitionLook, WatchedGroup
from streams.lag.series import CATALOGUE, LagSeries
from streams.lag.watch import LagConfig, LagWatch

GROUP = WatchedGroup("g", {"events": "route", "deliveries": "deliver"})
OWNER = Owner("worker-1-abc", "worker-1", "/10.0.0.7")
NOW = 1_800_000_000_000


class Broker:
    """Shows what a test wants, at the time that a test wants."""

    group = GROUP

    def __init__(self, *looks: PartitionLook) -> None:
        self.now = NOW
        self.away = False
        self.look_now = GroupLook(
            NOW, True, False,
            {Place("events", n): look for n, look in enumerate(looks)}, {"events": 60_000},
        )  # fmt: skip

    def clock(self) -> int:
        return self.now

    async def look(self) -> GroupLook:
        if self.away:
            raise LagUnreadable("127.0.0.1:9", "KafkaConnectionError")
        return replace(self.look_now, at_ms=self.now)

    def watch(self, *, window: int = 3) -> LagWatch:
        return LagWatch(self, LagConfig(interval_s=10, window=window), now_ms=self.clock)


def scrape(watch: LagWatch, ours: set[Place] | None = None) -> dict[str, float]:
    """The series by ``name{labels}``."""
    registry = CollectorRegistry()
    LagSeries(watch, "g", lambda: ours).register(registry)
    text = generate_latest(registry).decode()
    assert "NaN" not in text
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    }


MEMBER = (
    'client_id="worker-1",cluster_name="kafka",consumer_id="worker-1-abc",group="g",'
    'member_host="/10.0.0.7",partition="0",topic="events"'
)


async def test_the_names_and_labels_that_dashboards_know() -> None:
    watch = Broker(PartitionLook(2, 100, 90, NOW - 2500, OWNER)).watch()
    await watch.look()
    shown = scrape(watch)
    of_group = 'cluster_name="kafka",group="g"'
    assert (
        shown.items()
        >= {
            f"kafka_consumergroup_group_offset{{{MEMBER}}}": 90,
            f"kafka_consumergroup_group_lag{{{MEMBER}}}": 10,
            f"kafka_consumergroup_group_lag_seconds{{{MEMBER}}}": 2.5,
            f"kafka_consumergroup_group_max_lag{{{of_group}}}": 10,
            f"kafka_consumergroup_group_max_lag_seconds{{{of_group}}}": 2.5,
            f"kafka_consumergroup_group_sum_lag{{{of_group}}}": 10,
            f'kafka_consumergroup_group_topic_sum_lag{{{of_group},topic="events"}}': 10,
            'kafka_partition_latest_offset{cluster_name="kafka",partition="0",topic="events"}': 100,
            'kafka_partition_earliest_offset{cluster_name="kafka",partition="0",topic="events"}': 2,
            f"moebridge_lag_up{{{of_group}}}": 1,
            f'moebridge_lag_group_verdict{{{of_group},verdict="OK"}}': 1,
            f'moebridge_lag_loss_seconds{{{of_group},partition="0",stage="route",topic="events"}}': 57.5,
        }.items()
    )


async def test_no_data_is_no_series() -> None:
    """Empty, and a record whose timestamp could not be read."""
    for look in (PartitionLook(0, 0, None, None, OWNER), PartitionLook(0, 9, 3, None, OWNER)):
        watch = Broker(look).watch()
        await watch.look()
        names = {name.partition("{")[0] for name in scrape(watch)}
        assert "kafka_consumergroup_group_lag" in names
        assert "kafka_consumergroup_group_lag_seconds" not in names
        assert "kafka_consumergroup_group_max_lag_seconds" not in names
        assert "moebridge_lag_arrival_per_second" not in names  # one look


async def test_every_series_of_the_catalogue_can_be_shown() -> None:
    broker = Broker(PartitionLook(8, 100, 2, NOW - 2500, OWNER))
    watch = broker.watch()
    await watch.look()
    broker.now += 10_000
    broker.look_now = replace(
        broker.look_now, partitions={Place("events", 0): PartitionLook(8, 101, 40, NOW, OWNER)}
    )
    await watch.look()
    assert {name.partition("{")[0] for name in scrape(watch)} == set(CATALOGUE)


async def test_partitions_that_went_to_another_worker_are_gone_at_the_next_scrape() -> None:
    looks = [PartitionLook(0, 10 * n, 5 * n, NOW - 1000 * n, OWNER) for n in (1, 2, 3)]
    watch = Broker(*looks).watch()
    await watch.look()
    before = scrape(watch, {Place("events", 0), Place("events", 2)})
    after = scrape(watch, {Place("events", 1)})

    def partitions(shown: dict[str, float]) -> set[str]:
        return {found for name in shown for found in re.findall(r'partition="(\d)"', name)}

    assert (partitions(before), partitions(after)) == ({"0", "2"}, {"1"})
    total = 'kafka_consumergroup_group_sum_lag{cluster_name="kafka",group="g"}'
    assert (before[total], after[total], scrape(watch)[total]) == (20, 10, 30)
    assert not [name for name in scrape(watch, set()) if "kafka_consumergroup_group" in name]


async def test_a_report_that_is_too_old_is_no_data() -> None:
    broker = Broker(PartitionLook(0, 9, 3, NOW, OWNER))
    watch = broker.watch()
    up = 'moebridge_lag_up{cluster_name="kafka",group="g"}'
    assert scrape(watch) == {up: 0}
    await watch.look()
    assert scrape(watch)[up] == 1
    broker.away = True
    with pytest.raises(LagUnreadable):
        await watch.look()
    broker.now += 29_000
    assert scrape(watch)[up] == 1
    broker.now += 2_000
    assert scrape(watch) == {up: 0}
    assert watch.report() is None


async def test_looks_from_before_a_long_pause_do_not_count() -> None:
    broker = Broker(PartitionLook(0, 9, 3, NOW, OWNER))
    watch = broker.watch()
    for _ in range(3):
        await watch.look()
        broker.now += 10_000
    assert (await watch.look()).verdict == "ERR"
    broker.now += 40_000
    report = await watch.look()
    assert (report.verdict, report.complete) == ("OK", pytest.approx(1 / 3))


async def test_a_scrape_of_200_partitions_is_cheap() -> None:
    """Takes some 10 ms; the bound leaves room for a busy machine, by taking the best of several."""
    watch = Broker(*[PartitionLook(0, 1000, 900 - n, NOW - n, OWNER) for n in range(200)]).watch()
    await watch.look()
    registry = CollectorRegistry()
    LagSeries(watch, "g").register(registry)
    seconds = []
    for _ in range(10):
        began = time.process_time()
        text = generate_latest(registry)
        seconds.append(time.process_time() - began)
    assert text.count(b"kafka_consumergroup_group_lag{") == 200
    print(f"\nscrape of 200 partitions: {min(seconds) * 1000:.1f} ms of CPU, {len(text)} bytes")
    assert min(seconds) < 0.05
