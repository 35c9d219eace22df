"""What a runner of a replay needs of the world; on a broker, moebridge.replay_desk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aiokafka.errors import KafkaError

from streams.errors import PublishFailed, RecordsUnreadable
from streams.publishing import Outgoing
from streams.replay.control import Book, Note, Positions

#: What a broker that is away makes of a step.
AWAY = (KafkaError, OSError, TimeoutError, PublishFailed, RecordsUnreadable)


class Desk(Protocol):
    """What a runner needs of the world. Every step may raise one of ``AWAY``."""

    @property
    def book(self) -> Book:
        """All notes read so far."""
        ...

    async def write(self, note: Note) -> None:
        """Publish a note; ``book`` has it, and every note before it, when this returns."""
        ...

    async def look(self) -> None:
        """Take every note into ``book`` that was there when this was called."""
        ...

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish in order; confirmed when this returns."""
        ...

    async def positions(self, replay: str) -> Positions:
        """What was committed."""
        ...

    async def commit(self, replay: str, positions: Positions) -> None:
        """Commit how far these partitions have come; confirmed when this returns."""
        ...

    async def renew(self) -> None:
        """Connect anew; nothing more comes of what was not confirmed before."""
        ...

    def lag(self) -> tuple[int | None, float]:
        """The last look at the workers' lag, and when it was begun; None: it told nothing."""
        ...

    def in_time(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Inside, what takes longer than this is ended by TimeoutError (asyncio.timeout)."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait, less if it is time to stop."""
        ...

    def now(self) -> float:
        """The time, in seconds of a clock that does not go back."""
        ...
