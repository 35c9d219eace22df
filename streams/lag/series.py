"""The Prometheus series of the last report: a typed catalogue, and the collector that makes them.

The names that begin with ``kafka_`` and their labels are those of kafka-lag-exporter, so that dashboards
made for it fit (https://github.com/seglo/kafka-lag-exporter, read in November 2026). Series are made anew
at every scrape: what is not in the last report, or not ours any more, is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Literal

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.chunks import Place
from streams.lag.report import GroupLag, PartitionLag, sum_of
from streams.lag.verdict import Verdict
from streams.lag.watch import LagWatch
from streams.metrics import MetricSpec

SeriesName = Literal[
    "kafka_partition_earliest_offset",
    "kafka_partition_latest_offset",
    "kafka_consumergroup_group_offset",
    "kafka_consumergroup_group_lag",
    "kafka_consumergroup_group_lag_seconds",
    "kafka_consumergroup_group_max_lag",
    "kafka_consumergroup_group_max_lag_seconds",
    "kafka_consumergroup_group_sum_lag",
    "kafka_consumergroup_group_topic_sum_lag",
    "kafka_consumergroup_poll_time_ms",
    "moebridge_lag_up",
    "moebridge_lag_group_verdict",
    "moebridge_lag_verdict",
    "moebridge_lag_expired_records",
    "moebridge_lag_loss_seconds",
    "moebridge_lag_arrival_per_second",
    "moebridge_lag_delivery_per_second",
    "moebridge_lag_time_to_close_seconds",
]

_PARTITION = ("cluster_name", "topic", "partition")
_MEMBER = (
    "cluster_name", "group", "topic", "partition", "member_host", "consumer_id", "client_id",
)  # fmt: skip
_GROUP = ("cluster_name", "group")
_STAGE = ("cluster_name", "group", "stage")
_STAGE_PARTITION = ("cluster_name", "group", "stage", "topic", "partition")

CATALOGUE: Mapping[SeriesName, MetricSpec] = {
    "kafka_partition_earliest_offset": MetricSpec("Offset of a partition's first record.", _PARTITION),
    "kafka_partition_latest_offset": MetricSpec("Offset behind a partition's last record.", _PARTITION),
    "kafka_consumergroup_group_offset": MetricSpec(
        "Committed offset; absent where nothing was committed.", _MEMBER
    ),
    "kafka_consumergroup_group_lag": MetricSpec(
        "Records behind the committed offset, those that have expired included.", _MEMBER
    ),
    "kafka_consumergroup_group_lag_seconds": MetricSpec(
        "Age of the oldest record that waits, by its own timestamp; 0 where none does, absent where it "
        "is not known.",
        _MEMBER,
    ),
    "kafka_consumergroup_group_max_lag": MetricSpec("The largest lag of a partition.", _GROUP),
    "kafka_consumergroup_group_max_lag_seconds": MetricSpec(
        "Age of the oldest record that waits on any partition; absent where it is not known.", _GROUP
    ),
    "kafka_consumergroup_group_sum_lag": MetricSpec("Lag of all partitions.", _GROUP),
    "kafka_consumergroup_group_topic_sum_lag": MetricSpec(
        "Lag of a topic's partitions.", ("cluster_name", "group", "topic")
    ),
    "kafka_consumergroup_poll_time_ms": MetricSpec(
        "Milliseconds that the last look at the broker took.", ("cluster_name",)
    ),
    "moebridge_lag_up": MetricSpec(
        "1 while the broker tells the lag, 0 while it does not and the other series are absent.", _GROUP
    ),
    "moebridge_lag_group_verdict": MetricSpec("1, with the verdict.", (*_GROUP, "verdict")),
    "moebridge_lag_verdict": MetricSpec(
        "1, with the verdict on a partition.", (*_STAGE_PARTITION, "verdict")
    ),
    "moebridge_lag_expired_records": MetricSpec(
        "Records that retention took before they were delivered, until the group is past them.",
        _STAGE_PARTITION,
    ),
    "moebridge_lag_loss_seconds": MetricSpec(
        "Seconds until retention may take the oldest record that waits; absent where none does.",
        _STAGE_PARTITION,
    ),
    "moebridge_lag_arrival_per_second": MetricSpec("Records a second that come to a stage.", _STAGE),
    "moebridge_lag_delivery_per_second": MetricSpec("Records a second that a stage has done.", _STAGE),
    "moebridge_lag_time_to_close_seconds": MetricSpec(
        "Seconds until nothing waits for a stage, at the present rates; absent where it would never be.",
        _STAGE,
    ),
}

#: Whose partitions are shown; None: all.
Ours = Callable[[], Collection[Place] | None]


class LagSeries(Collector):
    """Shows the last report of a watch. Several workers each show ``ours``, so that sums are right."""

    def __init__(self, watch: LagWatch, group: str, ours: Ours = lambda: None) -> None:
        self._watch = watch
        self._group = group
        self._ours = ours

    def register(self, registry: CollectorRegistry) -> None:
        """Have the registry ask at every scrape."""
        registry.register(self)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: what there is differs from scrape to scrape."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The series, family by family; families without any are left out."""
        report = self._watch.report()
        made = _Families(self._watch.config.cluster_name, self._group)
        made.add("moebridge_lag_up", 0 if report is None else 1, self._group)
        if report is not None:
            ours = self._ours()
            shown = [p for p in report.partitions if ours is None or p.place in ours]
            made.add("kafka_consumergroup_poll_time_ms", self._watch.took_ms)
            for one in shown:
                _partition(made, one)
            _group(made, report, shown)
        yield from made.families.values()


class _Families:
    def __init__(self, cluster: str, group: str) -> None:
        self.families: dict[SeriesName, GaugeMetricFamily] = {}
        self.group = group
        self._cluster = cluster

    def add(self, name: SeriesName, value: float | None, *labels: str) -> None:
        """None: no data, so no series. ``labels`` without the first, which is the cluster's."""
        if value is None:
            return
        family = self.families.get(name)
        if family is None:
            spec = CATALOGUE[name]
            family = self.families[name] = GaugeMetricFamily(name, spec.help, labels=spec.labels)
        family.add_metric((self._cluster, *labels), value)


def _partition(made: _Families, one: PartitionLag) -> None:
    look, figures = one.figures.look, one.figures
    place = one.place.topic, str(one.place.partition)
    owner = look.owner
    member = (
        made.group,
        *place,
        *((owner.host, owner.consumer_id, owner.client_id) if owner else [""] * 3),
    )
    staged = made.group, one.stage, *place
    made.add("kafka_partition_earliest_offset", look.begin, *place)
    made.add("kafka_partition_latest_offset", look.end, *place)
    made.add("kafka_consumergroup_group_offset", look.committed, *member)
    made.add("kafka_consumergroup_group_lag", look.lag, *member)
    made.add("kafka_consumergroup_group_lag_seconds", figures.seconds, *member)
    made.add("moebridge_lag_verdict", 1, *staged, one.verdict)
    made.add("moebridge_lag_expired_records", look.expired, *staged)
    made.add("moebridge_lag_loss_seconds", figures.loss_s, *staged)


def _group(made: _Families, report: GroupLag, shown: list[PartitionLag]) -> None:
    group = made.group
    total = sum_of(shown, report.verdict)
    made.add("moebridge_lag_group_verdict", 1, group, total.verdict)
    if report.verdict is Verdict.NOTFOUND or not shown:
        return
    made.add(
        "kafka_consumergroup_group_max_lag", max(one.figures.look.lag for one in shown), group
    )  # fmt: skip
    made.add("kafka_consumergroup_group_max_lag_seconds", total.seconds, group)
    made.add("kafka_consumergroup_group_sum_lag", total.lag, group)
    for topic in dict.fromkeys(one.place.topic for one in shown):
        of_topic = sum_of([one for one in shown if one.place.topic == topic], report.verdict)
        stage = next(one.stage for one in shown if one.place.topic == topic)
        made.add("kafka_consumergroup_group_topic_sum_lag", of_topic.lag, group, topic)
        if of_topic.rates is not None:
            made.add("moebridge_lag_arrival_per_second", of_topic.rates.arrival, group, stage)
            made.add("moebridge_lag_delivery_per_second", of_topic.rates.delivery, group, stage)
            closes = of_topic.time_to_close_s
            made.add("moebridge_lag_time_to_close_seconds", closes, group, stage)
