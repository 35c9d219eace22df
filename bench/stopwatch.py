"""Time from the first record to the last: wall time, and CPU time of all threads of this process."""

from __future__ import annotations

import time


class Stopwatch:
    """Counts what a contender has read, and starts with the first of it."""

    def __init__(self, messages: int) -> None:
        self.messages = messages
        self.seen = 0
        self.bytes = 0
        self._began: tuple[int, int] | None = None
        self._ended: tuple[int, int] | None = None

    def first(self) -> None:
        """Something came in; the first call starts the clock."""
        if self._began is None:
            self._began = _now()

    @property
    def complete(self) -> bool:
        """Whether everything was read."""
        return self.seen >= self.messages

    def stop(self) -> None:
        """Everything up to here counts; the last call is the one."""
        self._ended = _now()

    def result(self) -> dict[str, float]:
        """As the process tells it."""
        assert self._began is not None
        assert self._ended is not None
        wall, cpu = (end - begin for begin, end in zip(self._began, self._ended, strict=True))
        return {"seen": self.seen, "bytes": self.bytes, "wall_s": wall / 1e9, "cpu_s": cpu / 1e9}


def _now() -> tuple[int, int]:
    return time.perf_counter_ns(), time.process_time_ns()
