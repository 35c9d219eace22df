"""The tables of docs/topics.md and docs/metrics.md, made from the catalogues in the code."""

from __future__ import annotations

from collections.abc import Iterable

from events.topics import CATALOGUE as TOPICS
from events.topics import DAY_MS, TABLES, TopicSpec, changelog_spec
from ingest.metrics import CATALOGUE as INGEST_METRICS
from streams.lag.series import CATALOGUE as LAG_SERIES
from streams.metrics import CATALOGUE as WORKER_METRICS
from streams.metrics import kind_of_metric


def topics_markdown() -> str:
    """One row a topic, the tables' changelogs last."""
    specs = [*TOPICS.values(), *(changelog_spec("moebridge", table) for table in TABLES)]
    rows = [f"| `{s.name}` | {s.key} | {_kept(s)} | {s.description} |" for s in specs]
    return "\n".join(["| topic | key | kept | what is on it |", "|---|---|---|---|", *rows])


def metrics_markdown() -> str:
    """One table a process."""
    front = [(n, s.kind, s.labels, s.help) for n, s in INGEST_METRICS.items()]
    worker = [(n, kind_of_metric(n), s.labels, s.help) for n, s in WORKER_METRICS.items()]
    lag = [(str(n), "gauge", s.labels, s.help) for n, s in LAG_SERIES.items()]
    return "\n".join(
        [
            "### `moebridge ingest`",
            "",
            *_metrics(front),
            "",
            "### `moebridge worker`",
            "",
            *_metrics(worker),
            "",
            "### Lag: `moebridge worker`, `moebridge lag --listen`",
            "",
            *_metrics(lag),
        ]
    )


def _metrics(rows: Iterable[tuple[str, str, tuple[str, ...], str]]) -> list[str]:
    lines = ["| metric | kind | labels | |", "|---|---|---|---|"]
    for name, kind, labels, help_text in rows:
        lines.append(f"| `{name}` | {kind} | {', '.join(f'`{one}`' for one in labels)} | {help_text} |")
    return lines


def _kept(spec: TopicSpec) -> str:
    if spec.compacted:
        return "the last of each key"
    assert spec.retention_ms is not None
    return f"{spec.retention_ms // DAY_MS} days"
