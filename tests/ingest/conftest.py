"""The front door as a fixture."""

from __future__ import annotations

import pytest
from front_door import NOW_MS, MemoryPublisher, config

from ingest.app import create_app


@pytest.fixture
def publisher() -> MemoryPublisher:
    return MemoryPublisher()


@pytest.fixture
def open_door(aiohttp_client, publisher):
    """Open a front door with these settings."""

    async def open_(**settings):
        return await aiohttp_client(create_app(config(**settings), publisher, now_ms=lambda: NOW_MS))

    return open_


@pytest.fixture
async def door(open_door):
    return await open_door()
