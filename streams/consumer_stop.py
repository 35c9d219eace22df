"""Stopping a consumer that is in no group."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaConsumer

#: Seconds until a consumer is told a second time to stop.
_AGAIN_S = 2.0


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, also one whose fetcher lost the word that it is to end (aiokafka 0.14).

    It does where that comes while a new assignment is being taken over; the second word it hears.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_AGAIN_S):
            await consumer.stop()
    await consumer._client.close()
