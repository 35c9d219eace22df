"""Several partitions as one sequence, by timestamp; each partition in its own order. Pure."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any


class Merge:
    """Of the next records of all partitions, the one with the earliest timestamp comes first.

    Where timestamps are equal, the lower partition does. What comes does not depend on how the records
    arrived: nothing does until the next record of every partition that is open is known.
    """

    def __init__(self, partitions: Iterable[int]) -> None:
        self._waiting: dict[int, deque[Any]] = {partition: deque() for partition in partitions}
        self._heads: list[tuple[int, int]] = []
        self._hungry = set(self._waiting)
        self._ended: set[int] = set()

    @property
    def hungry(self) -> bool:
        """Whether records must arrive, or a partition end, before another one comes."""
        return bool(self._hungry)

    def waiting(self, partition: int) -> int:
        """How many records of the partition have arrived and did not come yet."""
        return len(self._waiting[partition])

    def arrived(self, partition: int, records: Iterable[Any]) -> None:
        """The partition's next records, in its order."""
        waiting = self._waiting[partition]
        was_empty = not waiting
        waiting.extend(records)
        if was_empty and waiting:
            heapq.heappush(self._heads, (waiting[0].timestamp, partition))
            self._hungry.discard(partition)

    def ended(self, partition: int) -> None:
        """The partition has no more records than those that arrived."""
        self._hungry.discard(partition)
        self._ended.add(partition)

    def ready(self) -> Iterator[Any]:
        """The records that come, until some partition must be heard of first."""
        while self._heads and not self._hungry:
            _, partition = heapq.heappop(self._heads)
            waiting = self._waiting[partition]
            record = waiting.popleft()
            if waiting:
                heapq.heappush(self._heads, (waiting[0].timestamp, partition))
            elif partition not in self._ended:
                self._hungry.add(partition)
            yield record
