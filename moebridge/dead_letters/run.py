"""One run of a redrive or a discard over all partitions, on a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from moebridge.dead_letters.choice import Job
from moebridge.dead_letters.desk import BrokerDesk, publishing
from moebridge.dead_letters.letter import Letter
from moebridge.dead_letters.reading import DeadLetterLog
from moebridge.dead_letters.selection import Span
from moebridge.dead_letters.settling import Progress, settle


async def run(
    log: DeadLetterLog,
    where: Mapping[int, Span],
    job: Job,
    *,
    connection: Mapping[str, Any],
    prefix: str,
    max_record_bytes: int,
    stop: asyncio.Event,
    on_batch: Callable[[int, Letter], None],
) -> Progress:
    """Work through the partitions, one after the other. Raises what ``settle`` does.

    Ends after a batch once ``stop`` is set; the progress then tells what comes next.
    """
    progress = Progress(stop.is_set, on_batch)
    async with publishing(connection, max_record_bytes) as publisher:
        for partition, span in where.items():
            if not span.empty and progress.next is None:
                desk = BrokerDesk(log, publisher, partition, prefix=prefix, stop=stop)
                await settle(log.letters(partition, span), job, desk, progress)
    return progress
