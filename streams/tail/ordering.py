"""Records of several partitions in the order of their timestamps; those of one partition stay in theirs.

Up to the end that the partitions had when the tail began, nothing is let go before every partition has
shown what it has next. From then on a record waits for a moment for what was written before it and is
read after it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from streams.chunks import Place

#: Seconds that a record waits for earlier ones of other partitions.
HOLD_S = 0.25


class Ordering:
    """``first`` and ``ends`` are offsets by partition: where it begins, and where the present ends then.

    ``rank`` is a topic's place on an event's way, for records of the same millisecond.
    """

    def __init__(
        self,
        first: Mapping[Place, int],
        ends: Mapping[Place, int],
        rank: Mapping[str, int],
        hold_s: float = HOLD_S,
    ) -> None:
        self._behind = {place: ends[place] for place, at in first.items() if at < ends[place]}
        self._rank = rank
        self._hold_s = hold_s
        self._queues: dict[Place, deque[tuple[float, Any]]] = {}
        self._heads: list[tuple[int, int, Place]] = []

    @property
    def catching_up(self) -> bool:
        """Whether there are records from before the beginning that were not let go yet."""
        return bool(self._behind)

    @property
    def wanted(self) -> list[Place]:
        """The partitions that hold up all others; none once the present is reached."""
        return [place for place in self._behind if place not in self._queues]

    def take(self, place: Place, records: Sequence[Any], position: int, now_s: float) -> None:
        """Records that were read from a partition, which is to be read on from ``position``."""
        if records:
            queue = self._queues.get(place)
            if queue is None:
                queue = self._queues[place] = deque()
            fresh = not queue
            queue.extend((now_s, record) for record in records)
            if fresh:
                self._push(place)
        if position >= self._behind.get(place, position + 1):
            del self._behind[place]

    def due(self, now_s: float) -> list[Any]:
        """The records whose turn it is. ``now_s`` only grows."""
        found: list[Any] = []
        while self._heads and not self.wanted:
            place = self._heads[0][2]
            queue = self._queues[place]
            since_s, record = queue[0]
            if not self._behind and now_s - since_s < self._hold_s:
                break
            heapq.heappop(self._heads)
            queue.popleft()
            found.append(record)
            if queue:
                self._push(place)
            else:
                del self._queues[place]
        return found

    def rest(self) -> list[Any]:
        """All that is left, in order, however short it has waited."""
        self._behind.clear()
        self._hold_s = 0.0
        return self.due(float("inf"))

    def _push(self, place: Place) -> None:
        _, record = self._queues[place][0]
        heapq.heappush(self._heads, (record.timestamp, self._rank[place.topic], place))
