"""The catalogue of the front door's metrics, and the objects that count them.

Labels take their values from closed sets only: an Intercom topic comes from outside and is never one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

MetricName = Literal[
    "moebridge_ingest_requests_total",
    "moebridge_ingest_request_seconds",
    "moebridge_ingest_published_total",
    "moebridge_ingest_in_flight",
    "moebridge_ingest_broker_up",
]
MetricKind = Literal["counter", "gauge", "histogram"]

#: What the label ``endpoint`` can be.
Endpoint = Literal["webhook", "partner", "other"]

#: Around what Intercom cares for: slower than 0.5 s gets a lower priority, 5 s is its time-out.
SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric, without its name."""

    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()


CATALOGUE: Mapping[MetricName, MetricSpec] = {
    "moebridge_ingest_requests_total": MetricSpec(
        "counter",
        "Requests answered; outcome is accepted, ping, checked (HEAD) or the name of the refusal.",
        ("endpoint", "outcome"),
    ),
    "moebridge_ingest_request_seconds": MetricSpec(
        "histogram", "Seconds from a request's head to its answer.", ("endpoint",)
    ),
    "moebridge_ingest_published_total": MetricSpec(
        "counter", "Events that the broker confirmed, by who produced them.", ("source",)
    ),
    "moebridge_ingest_in_flight": MetricSpec("gauge", "Requests in work."),
    "moebridge_ingest_broker_up": MetricSpec(
        "gauge", "1 while the broker takes records, 0 while requests are answered with 429."
    ),
}


class IngestMetrics:
    """The metrics of one app, in a registry of its own. ``broker_up`` is asked at every scrape."""

    def __init__(self, registry: CollectorRegistry, broker_up: Callable[[], bool]) -> None:
        self.registry = registry
        self.requests = _counter("moebridge_ingest_requests_total", registry)
        self.request_seconds = _histogram("moebridge_ingest_request_seconds", registry)
        self.published = _counter("moebridge_ingest_published_total", registry)
        self.in_flight = _gauge("moebridge_ingest_in_flight", registry)
        self.broker_up = _gauge("moebridge_ingest_broker_up", registry)
        self.broker_up.set_function(lambda: float(broker_up()))

    def answered(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        """Count one answer; ``outcome`` is the ``name`` that the answer carries."""
        self.requests.labels(endpoint=endpoint, outcome=outcome).inc()
        self.request_seconds.labels(endpoint=endpoint).observe(seconds)


def _counter(name: MetricName, registry: CollectorRegistry) -> Counter:
    spec = CATALOGUE[name]
    return Counter(name, spec.help, spec.labels, registry=registry)


def _gauge(name: MetricName, registry: CollectorRegistry) -> Gauge:
    spec = CATALOGUE[name]
    return Gauge(name, spec.help, spec.labels, registry=registry)


def _histogram(name: MetricName, registry: CollectorRegistry) -> Histogram:
    spec = CATALOGUE[name]
    return Histogram(name, spec.help, spec.labels, registry=registry, buckets=SECONDS_BUCKETS)
