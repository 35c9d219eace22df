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
    "moebridge_ingest_spooled_total",
    "moebridge_ingest_spool_drained_total",
    "moebridge_ingest_spool_aside_total",
    "moebridge_ingest_spool_events",
    "moebridge_ingest_spool_bytes",
    "moebridge_ingest_spool_oldest_seconds",
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
        "Requests answered; outcome is accepted, ping, checked (HEAD), the name of the refusal, or "
        "not_http for what could not be read as a request.",
        ("endpoint", "outcome"),
    ),
    "moebridge_ingest_request_seconds": MetricSpec(
        "histogram", "Seconds from a request's head to its answer.", ("endpoint",)
    ),
    "moebridge_ingest_published_total": MetricSpec(
        "counter",
        "Events answered with 200: the broker has confirmed them, or the spool keeps them; by who "
        "produced them.",
        ("source",),
    ),
    "moebridge_ingest_in_flight": MetricSpec("gauge", "Requests in work."),
    "moebridge_ingest_broker_up": MetricSpec(
        "gauge",
        "1 while the broker takes records, 0 while events go to the spool or are answered with 429.",
    ),
    "moebridge_ingest_spooled_total": MetricSpec(
        "counter", "Events that were answered with 200 because the spool keeps them."
    ),
    "moebridge_ingest_spool_drained_total": MetricSpec(
        "counter", "Events from the spool that the broker confirmed."
    ),
    "moebridge_ingest_spool_aside_total": MetricSpec(
        "counter",
        "Files of the spool that held something damaged, or too large for the broker, and were kept in "
        "its folder `aside`; the log says what of them was not handed on.",
    ),
    "moebridge_ingest_spool_events": MetricSpec("gauge", "Events that wait in the spool."),
    "moebridge_ingest_spool_bytes": MetricSpec("gauge", "Bytes that the spool takes on disk."),
    "moebridge_ingest_spool_oldest_seconds": MetricSpec(
        "gauge", "Seconds since the oldest event in the spool was received; 0 where it is empty."
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

    def not_http(self) -> None:
        """Count something that came in a request's place."""
        self.requests.labels(endpoint="other", outcome="not_http").inc()


class SpoolMetrics:
    """The metrics of one spool. ``oldest_ms`` is when its oldest event was received."""

    def __init__(self, registry: CollectorRegistry, now_ms: Callable[[], int]) -> None:
        self.oldest_ms = 0
        self._now_ms = now_ms
        self._registry = registry
        self.spooled = _counter("moebridge_ingest_spooled_total", registry)
        self.drained = _counter("moebridge_ingest_spool_drained_total", registry)
        self.aside = _counter("moebridge_ingest_spool_aside_total", registry)

    def watch(self, events: Callable[[], int], size: Callable[[], int]) -> None:
        """Ask these at every scrape: events in the spool, and its bytes."""

        def oldest_seconds() -> float:
            return max(0, self._now_ms() - self.oldest_ms) / 1000 if events() else 0.0

        _gauge("moebridge_ingest_spool_events", self._registry).set_function(events)
        _gauge("moebridge_ingest_spool_bytes", self._registry).set_function(size)
        _gauge("moebridge_ingest_spool_oldest_seconds", self._registry).set_function(oldest_seconds)


def _counter(name: MetricName, registry: CollectorRegistry) -> Counter:
    spec = CATALOGUE[name]
    return Counter(name, spec.help, spec.labels, registry=registry)


def _gauge(name: MetricName, registry: CollectorRegistry) -> Gauge:
    spec = CATALOGUE[name]
    return Gauge(name, spec.help, spec.labels, registry=registry)


def _histogram(name: MetricName, registry: CollectorRegistry) -> Histogram:
    spec = CATALOGUE[name]
    return Histogram(name, spec.help, spec.labels, registry=registry, buckets=SECONDS_BUCKETS)
