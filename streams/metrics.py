"""The worker's metrics: a typed catalogue, from which they are made and documented (docs/metrics.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

CounterName = Literal[
    "moebridge_stage_records_total",
    "moebridge_stage_chunks_total",
    "moebridge_stage_published_total",
    "moebridge_stage_outcomes_total",
    "moebridge_mapping_changes_total",
    "moebridge_mapping_reloads_total",
    "moebridge_delivery_elements_total",
    "moebridge_replay_elements_total",
    "moebridge_delivery_answers_total",
    "moebridge_delivery_ambiguous_total",
    "moebridge_enrichment_contacts_total",
    "moebridge_enrichment_calls_total",
    "moebridge_chunks_lost_total",
]
HistogramName = Literal[
    "moebridge_stage_group_seconds", "moebridge_end_to_end_seconds", "moebridge_event_to_accepted_seconds"
]
GaugeName = Literal[
    "moebridge_delivery_paused",
    "moebridge_delivery_braked",
    "moebridge_delivery_budget_per_minute",
    "moebridge_mapping_info",
    "moebridge_mapping_refused",
    "moebridge_worker_stalled",
    "moebridge_worker_waiting_partitions",
]
MetricName = CounterName | HistogramName | GaugeName


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """What a metric counts, and by which labels."""

    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


CATALOGUE: Mapping[MetricName, MetricSpec] = {
    "moebridge_stage_records_total": MetricSpec("Records that a stage has done.", ("stage",)),
    "moebridge_stage_chunks_total": MetricSpec("Chunks that a stage has done.", ("stage",)),
    "moebridge_stage_published_total": MetricSpec(
        "Records that a stage published, changelogs included, confirmed by the broker.", ("stage",)
    ),
    "moebridge_stage_outcomes_total": MetricSpec(
        "What records came to: duplicates, stale, no_change, mapped, unmapped, user_unchanged, "
        "about_nobody, changed, unchanged, completed, dead_lettered; unknown_config, which are among the "
        "dead-lettered; of a replay also replay_duplicates, not_replayed, not_asked_for.",
        ("stage", "outcome"),
    ),
    "moebridge_mapping_changes_total": MetricSpec(
        "What the mapping had to change or leave out so that MoEngage takes it, by kind "
        "(mappings.report.CHANGES).",
        ("change",),
    ),
    "moebridge_mapping_reloads_total": MetricSpec(
        "Changed mappings by what became of them: switched, or refused, so that the old one stayed.",
        ("config", "outcome"),
    ),
    "moebridge_mapping_info": MetricSpec(
        "1, with the version of the mapping in force.", ("config", "version")
    ),
    "moebridge_mapping_refused": MetricSpec(
        "1 while the files of a mapping are refused and an older version of it stays in force "
        "(`/mapping` says why).",
        ("config",),
    ),
    "moebridge_delivery_elements_total": MetricSpec(
        "Elements by outcome: delivered; refused and dead-lettered; parked, so dead-lettered behind a "
        "refused one; or passed_on, a merge, from the elements of the user that goes to those of the one "
        "that is kept.",
        ("kind", "outcome"),
    ),
    "moebridge_replay_elements_total": MetricSpec(
        "Of moebridge_delivery_elements_total, those that came of a replay; the seconds below leave them "
        "out.",
        ("kind", "outcome"),
    ),
    "moebridge_delivery_answers_total": MetricSpec(
        "MoEngage's answers by verdict and HTTP status (0: no answer).", ("verdict", "status")
    ),
    "moebridge_delivery_ambiguous_total": MetricSpec(
        "Requests whose answer was lost after sending: their events may arrive twice."
    ),
    "moebridge_enrichment_contacts_total": MetricSpec(
        "Unknown contacts by what asking Intercom came to: found; missed, so not there, now or lately; "
        "unavailable, so no answer in time; refused, so the token or its settings are wrong. All but the "
        "found are mapped with what their event tells.",
        ("outcome",),
    ),
    "moebridge_enrichment_calls_total": MetricSpec(
        "Calls of Intercom's REST API by route and HTTP status (0: no answer).", ("call", "status")
    ),
    "moebridge_stage_group_seconds": MetricSpec(
        "Seconds from the start of a group of chunks to everything of it being confirmed.",
        ("stage",),
        (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    ),
    "moebridge_end_to_end_seconds": MetricSpec(
        "Seconds from the front door's receipt of an event to MoEngage's acceptance.",
        (),
        (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200),
    ),
    "moebridge_event_to_accepted_seconds": MetricSpec(
        "Seconds from when it happened in Intercom, by Intercom's clock, to MoEngage's acceptance.",
        (),
        (0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86_400),
    ),
    "moebridge_delivery_paused": MetricSpec(
        "1 while MoEngage refuses the credentials or the workspace and everything of it waits.",
        ("config",),
    ),
    "moebridge_delivery_braked": MetricSpec(
        "1 while delivery waits because too many elements were refused.", ("config",)
    ),
    "moebridge_delivery_budget_per_minute": MetricSpec(
        "Elements that this worker sends in a minute at most: its share of the workspace's limit, less "
        "after 429s; +Inf without a limit.",
        ("config", "kind"),
    ),
    "moebridge_chunks_lost_total": MetricSpec(
        "Chunks or records that got lost between the consumer and their stage, and were fetched again."
    ),
    "moebridge_worker_stalled": MetricSpec(
        "1 while the worker has work and makes no progress, nor a known reason to wait: it ends soon."
    ),
    "moebridge_worker_waiting_partitions": MetricSpec(
        "Partitions that have work and wait for a known reason (streams.waiting).", ("reason",)
    ),
}


def kind_of_metric(name: MetricName) -> str:
    """counter, histogram or gauge."""
    if name in get_args(CounterName):
        return "counter"
    return "histogram" if name in get_args(HistogramName) else "gauge"


class Metrics:
    """The collectors of one worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._counters = {
            name: Counter(name, CATALOGUE[name].help, CATALOGUE[name].labels, registry=registry)
            for name in get_args(CounterName)
        }
        self._histograms = {
            name: Histogram(
                name, CATALOGUE[name].help, CATALOGUE[name].labels,
                buckets=CATALOGUE[name].buckets, registry=registry,
            )
            for name in get_args(HistogramName)
        }  # fmt: skip
        self._gauges = {
            name: Gauge(name, CATALOGUE[name].help, CATALOGUE[name].labels, registry=registry)
            for name in get_args(GaugeName)
        }

    def count(self, name: CounterName, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def observe(self, name: HistogramName, value: float, **labels: str) -> None:
        """Add to a histogram."""
        histogram = self._histograms[name]
        (histogram.labels(**labels) if labels else histogram).observe(value)

    def set(self, name: GaugeName, value: float, **labels: str) -> None:
        """Set a gauge."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def remove(self, name: GaugeName, **labels: str) -> None:
        """Show a gauge no more under these labels."""
        self._gauges[name].remove(*(labels[label] for label in CATALOGUE[name].labels))

    def set_by(self, name: GaugeName, label: str, values: Mapping[str, float]) -> None:
        """Set a gauge with one label to these values, by the label's value, and to no others."""
        gauge = self._gauges[name]
        gauge.clear()
        for value_of_label, value in values.items():
            gauge.labels(**{label: value_of_label}).set(value)
