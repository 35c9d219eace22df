"""What a window of looks says of a group: partitions, stages, the whole, and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.chunks import Place
from streams.lag.commits import Sample, judge
from streams.lag.figures import Figures, Rates, figures_of
from streams.lag.look import GroupLook, WatchedGroup
from streams.lag.verdict import Verdict, group_verdict


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition, the stage that reads it, and the verdict on it."""

    place: Place
    stage: str
    figures: Figures
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Sum:
    """Several partitions together. None means: no data.

    ``lag``, ``expired``: records. ``seconds``: of the oldest record that waits on any of them.
    ``loss_s``: of the one that retention takes first.
    """

    verdict: Verdict
    lag: int
    expired: int
    seconds: float | None
    rates: Rates | None
    loss_s: float | None
    waiting: int

    @property
    def time_to_close_s(self) -> float | None:
        """Seconds until nothing waits at the present rates; None: never, or no data."""
        return self.rates.time_to_close(self.waiting) if self.rates else None


@dataclass(frozen=True, slots=True)
class GroupLag:
    """A group at ``at_ms``. ``complete`` is how much of the window there is yet, from 0 to 1.

    ``unread``: partitions of which the broker did not tell.
    """

    at_ms: int
    group: str
    verdict: Verdict
    complete: float
    partitions: Sequence[PartitionLag]
    unread: Sequence[Place] = ()

    def stages(self) -> dict[str, Sum]:
        """By stage, in the order of the partitions."""
        names = dict.fromkeys(one.stage for one in self.partitions)
        return {
            name: sum_of([one for one in self.partitions if one.stage == name], self.verdict)
            for name in names
        }

    def total(self) -> Sum:
        """All together."""
        return sum_of(self.partitions, self.verdict)


def report_of(
    group: WatchedGroup, looks: Sequence[GroupLook], *, window: int, allowed_lag: int = 0
) -> GroupLag:
    """The report at the last of these looks, the oldest first. ``window``: how many are a whole one."""
    last = looks[-1]
    partitions = []
    for place in sorted(last.partitions):
        # A partition that was not there at every look is judged by those at which it was.
        samples = [
            Sample(look.at_ms, look.partitions[place], look.moving)
            for look in looks
            if place in look.partitions
        ]
        figures = figures_of(samples, retention_ms=last.retention_ms.get(place.topic))
        complete = len(samples) >= window
        verdict = judge(samples, complete=complete, allowed_lag=allowed_lag)
        partitions.append(PartitionLag(place, group.stages[place.topic], figures, verdict))
    found = last.exists and bool(partitions)
    verdict = group_verdict(one.verdict for one in partitions) if found else Verdict.NOTFOUND
    order = list(group.stages.values())
    partitions.sort(key=lambda one: (order.index(one.stage), one.place))
    return GroupLag(
        last.at_ms, group.group, verdict, min(1.0, len(looks) / window), partitions, last.unread
    )


def sum_of(partitions: Sequence[PartitionLag], of_group: Verdict) -> Sum:
    """These together; in a group that does not exist nothing is judged."""
    verdict = group_verdict(one.verdict for one in partitions)
    rates = [one.figures.rates for one in partitions if one.figures.rates is not None]
    return Sum(
        Verdict.NOTFOUND if of_group is Verdict.NOTFOUND else verdict,
        lag=sum(one.figures.look.lag for one in partitions),
        expired=sum(one.figures.look.expired for one in partitions),
        seconds=_known(max, (one.figures.seconds for one in partitions)),
        rates=Rates(sum(r.arrival for r in rates), sum(r.delivery for r in rates)) if rates else None,
        loss_s=_known(min, (one.figures.loss_s for one in partitions)),
        waiting=sum(one.figures.look.waiting for one in partitions),
    )


def document(report: GroupLag) -> dict[str, Any]:
    """The report as JSON: seconds, records, records a second; null is "no data"."""
    return {
        "at_ms": report.at_ms,
        "group": report.group,
        "verdict": report.verdict,
        "complete": round(report.complete, 3),
        **_sum(report.total()),
        "unread": [{"topic": place.topic, "partition": place.partition} for place in report.unread],
        "stages": [
            {
                "stage": stage,
                "verdict": total.verdict,
                **_sum(total),
                "partitions": [_partition(one) for one in report.partitions if one.stage == stage],
            }
            for stage, total in report.stages().items()
        ],
    }


def _partition(one: PartitionLag) -> dict[str, Any]:
    look = one.figures.look
    return {
        "topic": one.place.topic,
        "partition": one.place.partition,
        "verdict": one.verdict,
        "begin": look.begin,
        "end": look.end,
        "committed": look.committed,
        "lag": look.lag,
        "expired": look.expired,
        "seconds": _rounded(one.figures.seconds),
        **_rates(one.figures.rates, look.waiting),
        "loss_s": _rounded(one.figures.loss_s),
        "owner": None
        if look.owner is None
        else {"consumer_id": look.owner.consumer_id, "host": look.owner.host},
    }


def _sum(total: Sum) -> dict[str, Any]:
    return {
        "lag": total.lag,
        "expired": total.expired,
        "seconds": _rounded(total.seconds),
        **_rates(total.rates, total.waiting),
        "loss_s": _rounded(total.loss_s),
    }


def _rates(rates: Rates | None, waiting: int) -> Mapping[str, float | None]:
    return {
        "arrival_per_s": _rounded(rates.arrival if rates else None),
        "delivery_per_s": _rounded(rates.delivery if rates else None),
        "velocity_per_s": _rounded(rates.velocity if rates else None),
        "time_to_close_s": _rounded(rates.time_to_close(waiting) if rates else None),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _known(choose: Any, values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    found: float | None = choose(known) if known else None
    return found
