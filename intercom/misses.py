"""Who was looked for and not found, for a time. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Misses(Generic[Key]):
    """At most ``max_keys`` keys, the least recently used going first, each for ``ttl_s`` seconds."""

    def __init__(self, *, max_keys: int, ttl_s: float) -> None:
        self._max_keys = max_keys
        self._ttl_s = ttl_s
        self._missed_at: OrderedDict[Key, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._missed_at)

    def remember(self, key: Key, now_s: float) -> None:
        """The key was not found just now."""
        self._missed_at[key] = now_s
        self._missed_at.move_to_end(key)
        while len(self._missed_at) > self._max_keys:
            self._missed_at.popitem(last=False)

    def remembers(self, key: Key, now_s: float) -> bool:
        """Whether the key was not found less than ``ttl_s`` ago. Asking does not lengthen its time."""
        missed_at = self._missed_at.get(key)
        if missed_at is None:
            return False
        if not 0 <= now_s - missed_at < self._ttl_s:  # below 0: the clock was set back
            del self._missed_at[key]
            return False
        self._missed_at.move_to_end(key)
        return True
