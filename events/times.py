"""Times, as the two systems write them.

Inside moebridge a time is an integer: milliseconds since the epoch, UTC.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

# Above this an integer counts milliseconds, below it seconds (the year 5138 in seconds).
_SECONDS_END = 100_000_000_000


def parse_ms(value: Any) -> int | None:
    """Read a time as Intercom writes it; None where there is none or it cannot be read.

    Webhook contacts and companies carry ISO 8601 strings (``2026-01-10T04:11:34.013+00:00`` or ``…Z``),
    REST objects and tickets epoch seconds (source: captured payloads); a connector may send either,
    and numbers as strings.
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _from_number(value)
    if not isinstance(value, str):
        return None
    try:
        return _from_number(float(value))  # before ISO 8601, whose basic form is digits too
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _from_number(value: float) -> int | None:
    if not 0 < value < _SECONDS_END * 1000:  # also refuses NaN
        return None
    return int(value) if value >= _SECONDS_END else round(value * 1000)


def iso_utc(ms: int) -> str:
    """Write a time as ``YYYY-MM-DDTHH:MM:SSZ``, the one form that no MoEngage page contradicts."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms // 1000))
