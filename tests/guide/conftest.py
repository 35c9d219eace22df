"""The bridge of the guide's tests: it is started once, for every test has people of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from guide_bridge import Configuration, Guide, guide_bridge
from people import Person, new_person

#: The shipped mapping, and a token for Intercom's REST API.
DEFAULT = Configuration("default", asks=True)
#: Rules of a user's own beside the shipped ones; deletes, but no merges; and no token.
OWN = Configuration(
    "second",
    secret="secret-of-another-app",
    workspace="OTHER",
    key="other-key",
    settings={
        "PATH": str(Path(__file__).parent / "own_rules.yaml"), "MERGES": "off", "DELETES": "true",
    },
)  # fmt: skip
#: E-mail addresses are customer ids.
MAIL = Configuration(
    "third",
    secret="secret-of-a-third-app",
    workspace="THIRD",
    key="third-key",
    settings={"IDENTITY": "email,external_id"},
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guides(broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Guide]]:
    """All configurations by name; one worker carries them."""
    folder = tmp_path_factory.mktemp("guide")
    async with guide_bridge(broker, folder, DEFAULT, OWN, MAIL) as configurations:
        yield configurations


@pytest.fixture
def guide(guides: dict[str, Guide]) -> Guide:
    return guides["default"]


@pytest.fixture
def own(guides: dict[str, Guide]) -> Guide:
    return guides["second"]


@pytest.fixture
def mail(guides: dict[str, Guide]) -> Guide:
    return guides["third"]


@pytest.fixture
def someone() -> Person:
    """Somebody nobody has met."""
    return new_person()
