"""The bridges of the guide's tests: each is started once, for every test has people of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from guide_bridge import Guide, guide_bridge
from people import Person, new_person


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guide(broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guide]:
    """The shipped mapping, and a token for Intercom's REST API."""
    async with guide_bridge(broker, tmp_path_factory.mktemp("guide")) as one:
        yield one


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own(broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guide]:
    """Rules of a user's own beside the shipped ones, no merges, but deletes, and no token."""
    folder = tmp_path_factory.mktemp("guide-own")
    rules = Path(__file__).parent / "own_rules.yaml"
    env = {
        "MOEBRIDGE_MAPPING__PATH": str(rules),
        "MOEBRIDGE_MAPPING__MERGES": "off",
        "MOEBRIDGE_MAPPING__DELETES": "true",
        "MOEBRIDGE_INTERCOM__ACCESS_TOKEN": "",
    }
    async with guide_bridge(broker, folder, **env) as one:
        yield one


@pytest.fixture
def someone() -> Person:
    """Somebody nobody has met."""
    return new_person()
