"""A producer's opening that is cut short leaves nothing open."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.conn import AIOKafkaConnection

from ingest.kafka_producer import open_producer


@pytest.mark.broker
async def test_an_opening_that_is_cut_short_leaves_no_connection(
    broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, asked, send = 0, asyncio.Event(), AIOKafkaConnection.send

    def noting(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == 2:  # first for the versions that the broker knows, then for its metadata
            asked.set()
        return send(*args, **kwargs)

    monkeypatch.setattr(AIOKafkaConnection, "send", noting)
    opening = asyncio.create_task(open_producer(topic_prefix + "missing", broker.connection))
    await asked.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    # What is left open fails the test when garbage is collected at its end.
