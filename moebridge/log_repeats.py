"""Lines of libraries that say the same over and over: the first at once, the rest counted.

While a broker is away its client says so many times a second, for every connection that it tries.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

#: A line that was written is not written again for so long, in seconds.
QUIET_S = 10.0
#: Different lines that are remembered at most.
MOST = 1000


@dataclass(slots=True)
class _Written:
    at: float
    left_out: int = 0


class Repeats:
    """A filter for a handler. ``clock`` gives seconds that only grow.

    Of lines of these loggers, and those below them, with one level and text (before arguments are filled
    in), one goes through in ``QUIET_S``; it tells how many were left out since the one before.
    """

    def __init__(self, loggers: Collection[str], clock: Callable[[], float]) -> None:
        self._loggers = frozenset(loggers)
        self._clock = clock
        self._written: dict[tuple[str, int, str], _Written] = {}

    def __call__(self, record: logging.LogRecord) -> bool:
        """Whether to write it."""
        if record.name.partition(".")[0] not in self._loggers:
            return True
        key, now = (record.name, record.levelno, str(record.msg)), self._clock()
        before = self._written.pop(key, None)
        if before is not None and now < before.at + QUIET_S:
            before.left_out += 1
            self._written[key] = before
            return False
        if len(self._written) >= MOST:
            del self._written[next(iter(self._written))]
        self._written[key] = _Written(now)
        if before is not None and before.left_out:
            left_out = f"{before.left_out} more like it since {now - before.at:.0f} s ago"
            record.msg, record.args = f"{record.getMessage()} ({left_out})", None
        return True
