"""What was seen of late, by key: bounded by count and by age."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Holds at most ``most`` values; whenever one is put in, those older than ``age_ms`` go."""

    def __init__(self, most: int, age_ms: int) -> None:
        self._most = most
        self._age_ms = age_ms
        self._held: OrderedDict[K, tuple[int, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: K) -> V | None:
        """The value; None where there is none."""
        held = self._held.get(key)
        return None if held is None else held[1]

    def put(self, key: K, value: V, now_ms: int) -> None:
        """Hold a value, in place of the one before."""
        self._held[key] = (now_ms, value)
        self._held.move_to_end(key)
        self._forget(now_ms)

    def _forget(self, now_ms: int) -> None:
        while self._held:
            key, (put_at, _) = next(iter(self._held.items()))
            if len(self._held) <= self._most and now_ms - put_at <= self._age_ms:
                return
            del self._held[key]
