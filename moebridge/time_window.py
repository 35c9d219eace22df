"""A window of time, in the words of ``kafka-consumer-groups --reset-offsets``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter, ValidationError


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """From ``first`` up to, not including, ``end``, in milliseconds; None where it is open."""

    first: int | None = None
    end: int | None = None

    def __contains__(self, moment_ms: int) -> bool:
        """Whether a time lies in it."""
        return (self.first is None or moment_ms >= self.first) and (
            self.end is None or moment_ms < self.end
        )


#: No bounds at all.
ALWAYS = TimeWindow()


def time_window(
    from_datetime: str | None, to_datetime: str | None, by_duration: str | None, *, now_ms: int
) -> TimeWindow:
    """The window that three options describe. Raises ValueError naming the option and what it takes."""
    if by_duration is not None:
        if from_datetime is not None or to_datetime is not None:
            raise ValueError("--by-duration: not beside --from-datetime or --to-datetime")
        return TimeWindow(first=now_ms - parse_duration(by_duration))
    first = None if from_datetime is None else parse_moment("--from-datetime", from_datetime)
    end = None if to_datetime is None else parse_moment("--to-datetime", to_datetime)
    if first is not None and end is not None and first >= end:
        raise ValueError("--to-datetime: must be after --from-datetime")
    return TimeWindow(first, end)


def parse_moment(option: str, text: str) -> int:
    """ISO 8601 as milliseconds; without a zone it is UTC. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{option}: expected a time such as 2026-01-10T09:00:00Z, got {text!r}"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def parse_duration(text: str, option: str = "--by-duration") -> int:
    """An ISO 8601 duration, such as P1DT12H or PT30M, as milliseconds. Raises ValueError."""
    try:
        # pydantic reads other forms too; only this one is Kafka's.
        duration = _DURATION.validate_python(text) if text.startswith("P") else timedelta()
    except ValidationError:
        duration = timedelta()
    if duration <= timedelta():
        raise ValueError(f"{option}: expected a duration such as P1D or PT30M, got {text!r}")
    return round(duration.total_seconds() * 1000)


_DURATION = TypeAdapter(timedelta)
