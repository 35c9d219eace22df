"""Micro-batches: items in order, until there are enough, or enough bytes, or enough time has passed.

Pure: time comes in as an argument, in seconds of any clock that does not go back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from moengage.errors import InvalidConfig

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is full.

    ``max_bytes`` counts the whole body: ``frame_bytes`` around the items, ``separator_bytes`` between
    two. ``max_seconds`` counts from the first item; 0 makes every item a batch. Raises InvalidConfig.
    """

    max_items: int
    max_bytes: int
    max_seconds: float
    frame_bytes: int = 0
    separator_bytes: int = 0

    def __post_init__(self) -> None:
        if self.max_items < 1:
            raise InvalidConfig("max_items", f"expected 1 or more, got {self.max_items}")
        if self.max_bytes < 1:
            raise InvalidConfig("max_bytes", f"expected 1 or more, got {self.max_bytes}")
        if not self.max_seconds >= 0:
            raise InvalidConfig("max_seconds", f"expected 0 or more, got {self.max_seconds}")


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """Items in the order they came. ``size`` is the whole body in bytes, ``started_at`` in seconds."""

    items: tuple[T, ...]
    size: int
    started_at: float


class Batcher(Generic[T]):
    """Gathers items into batches within limits; whoever owns it watches ``deadline``.

    An item that is too large for any batch makes one of its own.
    """

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._items: list[T] = []
        self._size = 0
        self._started_at = 0.0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def deadline(self) -> float | None:
        """When what waits has to be flushed; None while nothing waits."""
        return self._started_at + self._limits.max_seconds if self._items else None

    def add(self, item: T, size: int, now: float) -> list[Batch[T]]:
        """Take an item of ``size`` bytes; returns the batches that this completes (0 to 2), in order."""
        limits = self._limits
        complete: list[Batch[T]] = []
        grown = self._size + limits.separator_bytes + size
        if self._items and (grown > limits.max_bytes or self._overdue(now)):
            complete.append(self._take())
        if self._items:
            self._size = grown
        else:
            self._size = limits.frame_bytes + size
            self._started_at = now
        self._items.append(item)
        if len(self._items) >= limits.max_items or self._size >= limits.max_bytes or self._overdue(now):
            complete.append(self._take())
        return complete

    def flush(self) -> Batch[T] | None:
        """What waits, as a batch; None where nothing does."""
        return self._take() if self._items else None

    def _overdue(self, now: float) -> bool:
        return now >= self._started_at + self._limits.max_seconds

    def _take(self) -> Batch[T]:
        batch = Batch(tuple(self._items), self._size, self._started_at)
        self._items = []
        self._size = 0
        return batch
