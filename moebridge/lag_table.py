"""Lag as tables for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table

from moebridge.screen import table
from streams.lag.figures import Rates
from streams.lag.report import GroupLag, PartitionLag, Sum
from streams.lag.verdict import Verdict

NO_DATA = "no data"

_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow"}
_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"))


def lag_tables(report: GroupLag, *, partitions: bool) -> RenderableType:
    """A row a stage, or a row a partition, and the verdict on the group below."""
    rows = _partitions(report) if partitions else _stages(report)
    colour = _COLOURS.get(report.verdict, "red")
    lines = [f"[{colour}]{report.verdict}[/] {report.group}: {_said(report)}"]
    if report.unread:
        places = ", ".join(f"{place.topic}[{place.partition}]" for place in report.unread)
        lines.append(f"[red]not told by the broker: {places}[/]")
    return Group(rows, "", *lines) if report.partitions else Group(*lines)


def _said(report: GroupLag) -> str:
    if report.verdict is Verdict.NOTFOUND:
        return "the broker knows no such group or none of its topics; no worker has ever run here"
    total = report.total()
    bad = [one for one in report.partitions if one.verdict is not Verdict.OK]
    said = f"{total.lag} records wait, the oldest for {duration(total.seconds)}"
    if total.expired:
        said += f"; {total.expired} have expired"
    if bad:
        places = ", ".join(f"{one.place.topic}[{one.place.partition}] {one.verdict}" for one in bad[:5])
        said += f"; {places}" + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
    return said


def _stages(report: GroupLag) -> Table:
    rows = table("stage", "verdict", "lag", "oldest", "in", "out", "closes in", "loss in")
    for stage, total in report.stages().items():
        rows.add_row(stage, *_sum(total), style=_COLOURS.get(total.verdict, "red"))
    return rows


def _partitions(report: GroupLag) -> Table:
    rows = table(
        "stage", "#", "verdict", "lag", "oldest", "in", "out", "closes in", "loss in", "committed", "end",
        "owner",
    )  # fmt: skip
    for one in report.partitions:
        rows.add_row(*_partition(one), style=_COLOURS.get(one.verdict, "red"))
    return rows


def _partition(one: PartitionLag) -> list[str]:
    figures, look = one.figures, one.figures.look
    return [
        one.stage,
        str(one.place.partition),
        one.verdict,
        _records(look.lag, look.expired),
        duration(figures.seconds),
        *_paces(figures.rates, look.waiting),
        duration(figures.loss_s, unknown="-"),
        "-" if look.committed is None else str(look.committed),
        str(look.end),
        look.owner.host if look.owner else "-",
    ]


def _sum(total: Sum) -> list[str]:
    return [
        total.verdict,
        _records(total.lag, total.expired),
        duration(total.seconds),
        *_paces(total.rates, total.waiting),
        duration(total.loss_s, unknown="-"),
    ]


def _records(lag: int, expired: int) -> str:
    return f"{lag} ({expired} expired)" if expired else str(lag)


def _paces(rates: Rates | None, waiting: int) -> list[str]:
    if rates is None:
        return [NO_DATA, NO_DATA, NO_DATA]
    closes = rates.time_to_close(waiting)
    return [
        f"{rates.arrival:.1f}/s",
        f"{rates.delivery:.1f}/s",
        "never" if closes is None else "-" if not waiting else duration(closes),
    ]


def duration(seconds: float | None, *, unknown: str = NO_DATA) -> str:
    """Seconds in the largest unit of which there is one, with a decimal."""
    if seconds is None:
        return unknown
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
