"""Payloads as Intercom sent them are taken as they are."""

from __future__ import annotations

from front_door import post_webhook, success


async def test_every_captured_webhook_is_taken(door, publisher, samples_dir):
    paths = sorted(samples_dir.glob("*.json"))
    assert paths
    for path in paths:
        await success(
            await post_webhook(door, path.read_bytes()), "ping" if path.stem == "ping" else "accepted"
        )
    assert [envelope.payload for envelope, _ in publisher.taken] == [
        path.read_bytes() for path in paths if path.stem != "ping"
    ]
