"""Offsets, seconds and rates of a partition, from a window of looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from streams.lag.commits import Sample
from streams.lag.look import PartitionLook


@dataclass(frozen=True, slots=True)
class Rates:
    """Records a second over the window."""

    arrival: float
    delivery: float

    @property
    def velocity(self) -> float:
        """Records a second by which the lag grows; negative where it shrinks."""
        return self.arrival - self.delivery

    def time_to_close(self, waiting: int) -> float | None:
        """Seconds until nothing waits, if it goes on like this; None: never."""
        if waiting == 0:
            return 0.0
        return waiting / -self.velocity if self.velocity < 0 else None


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a partition at its last look. None always means: no data.

    ``lag`` and ``expired`` in records. ``seconds`` is the age of the oldest record that waits, 0 where
    none does. ``rates`` needs two looks. ``loss_s``: seconds until retention may take that record, at the
    earliest.
    """

    look: PartitionLook
    seconds: float | None
    rates: Rates | None
    loss_s: float | None


def figures_of(samples: Sequence[Sample], *, retention_ms: int | None) -> Figures:
    """The figures at the last of these looks, the oldest first."""
    last = samples[-1]
    seconds = age_s(last)
    loss_s = None
    if retention_ms is not None and last.look.waiting and seconds is not None:
        loss_s = max(0.0, retention_ms / 1000 - seconds)
    return Figures(last.look, seconds, rates_of(samples), loss_s)


def age_s(sample: Sample) -> float | None:
    """Age of the oldest record that waits; 0 where none does, None where that is not known.

    A timestamp of the future, by another machine's clock, is an age of 0.
    """
    look = sample.look
    if look.untouched or (look.expired and not look.waiting):
        return None
    if not look.waiting:
        return 0.0
    if look.oldest_ms is None or look.oldest_ms <= 0:
        return None
    return max(0, sample.at_ms - look.oldest_ms) / 1000


def rates_of(samples: Sequence[Sample]) -> Rates | None:
    """Steps forward count, steps back (a rewind, a topic made anew) do not; nor does what expired."""
    span_ms = samples[-1].at_ms - samples[0].at_ms
    if span_ms <= 0:
        return None
    arrived = delivered = 0
    for before, after in pairwise(sample.look for sample in samples):
        arrived += max(0, after.end - before.end)
        delivered += max(0, after.position - max(before.position, after.begin))
    return Rates(arrived * 1000 / span_ms, delivered * 1000 / span_ms)
