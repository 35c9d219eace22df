"""From samples to what is printed: medians with their range, and how they compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.plan import FAUST, LIVE, OURS, OURS_MEMORY, QUIX, TITLES, Measured
from bench.rounds import Sample

ORDER = (OURS, OURS_MEMORY, QUIX, FAUST)


def ingress_line(samples: Sequence[Sample]) -> str | None:
    """What the front door used, which is the same for both pipelines; None where it did not run."""
    used = [us for one in samples if one.figure == LIVE and (us := one.measured.ingress_us) is not None]
    return f"front door: {_range(used)} µs of CPU a webhook, on top, the same for both" if used else None


def document(samples: Sequence[Sample], machine: dict[str, str], command: str) -> dict[str, Any]:
    """Everything, for --json: every sample, and the medians."""
    medians = [
        {
            "figure": figure,
            "contender": contender,
            "cpu_us": median(_values(samples, figure, contender, lambda one: one.cpu_us)),
            "per_s": median(_values(samples, figure, contender, lambda one: one.per_s)),
        }
        for figure, contender in dict.fromkeys((one.figure, one.contender) for one in samples)
    ]
    return {
        "command": command,
        "machine": machine,
        "medians": medians,
        "samples": [asdict(one) for one in samples],
    }


def show(console: Console, samples: Sequence[Sample]) -> None:
    """Print one table a figure, in the order of the samples."""
    for figure in dict.fromkeys(one.figure for one in samples):
        shown = [one for one in samples if one.figure == figure]
        rounds, messages = max(one.round for one in shown), shown[0].measured.messages
        counted = f"{rounds} rounds: median (lowest to highest)" if rounds > 1 else "1 round"
        console.print(TITLES[figure], style="bold", markup=False)
        console.print(f"{messages:,} messages a round, {counted}")
        console.print(_table(figure, shown))
    if line := ingress_line(samples):
        console.print(line + "\n")


def _table(figure: str, samples: Sequence[Sample]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    against = [one for one in (FAUST, QUIX) if any(s.contender == one for s in samples)]
    table.add_column("", no_wrap=True)
    for name in ("µs of CPU\na message", "messages\na second"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in against:
        table.add_column(f"times less CPU\nthan {one}", justify="right", no_wrap=True)
    if FAUST in against:
        table.add_column(f"times as many\nas {FAUST}", justify="right", no_wrap=True)
    there = dict.fromkeys(sample.contender for sample in samples)
    for contender in sorted(there, key=lambda one: ORDER.index(one) if one in ORDER else 0):
        cpu = _values(samples, figure, contender, lambda one: one.cpu_us)
        rate = _values(samples, figure, contender, lambda one: one.per_s)
        less = [
            _times(median(_values(samples, figure, one, lambda it: it.cpu_us)) / median(cpu))
            for one in against
        ]
        if FAUST in against:
            plain = _values(samples, figure, FAUST, lambda it: it.per_s)
            less.append(_times(median(rate) / median(plain)))
        table.add_row(contender, _range(cpu), _range(rate), *less)
    return table


def _values(
    samples: Sequence[Sample], figure: str, contender: str, value: Callable[[Measured], float]
) -> list[float]:
    return [value(one.measured) for one in samples if one.figure == figure and one.contender == contender]


def _range(values: Sequence[float]) -> str:
    least, most = min(values), max(values)
    middle = _figure(median(values))
    return f"{middle} ({_figure(least)} to {_figure(most)})" if len(values) > 1 else middle


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"
