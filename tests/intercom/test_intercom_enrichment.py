"""Enrichment over a client that does as it is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from intercom.enrichment import Enricher, Found, Unavailable, Wanted
from intercom.errors import IntercomError, IntercomRefused, IntercomUnavailable

ADA, BOB = Wanted(external_id="ada"), Wanted(email="bob@example.com")


class Client:
    """Knows contacts by external id; ``gate`` holds every answer back, ``error`` is raised instead."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.asked: list[Any] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: IntercomError | None = None
        self.given_up = 0

    async def find_contact(
        self, *, contact_id: str | None, external_id: str | None, email: str | None
    ) -> dict[str, Any] | None:
        self.asked.append(external_id or email or contact_id)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if self.error is not None:
            raise self.error
        return {"id": external_id} if external_id in self.known else None

    async def companies_of(self, contact_id: str) -> list[dict[str, Any]]:
        self.asked.append(f"companies of {contact_id}")
        return [{"id": f"company of {contact_id}"}]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def enricher(client: Client, **settings: Any) -> Enricher:
    return Enricher(client, now_s=settings.pop("now_s", lambda: 1000.0), **settings)


async def test_a_key_that_is_asked_for_twice_at_once_is_looked_up_once() -> None:
    client = Client("ada")
    client.gate.clear()
    asking = enricher(client)
    tasks = [asyncio.create_task(asking.enrich(keys)) for keys in ([ADA, ADA], [BOB, ADA])]
    await settle()
    assert sorted(client.asked) == ["ada", "bob@example.com"]
    client.gate.set()
    first, second = await asyncio.gather(*tasks)
    assert first == {ADA: Found({"id": "ada"}, [{"id": "company of ada"}])}
    assert second == {BOB: None, ADA: first[ADA]}
    assert list(second) == [BOB, ADA]
    await asking.enrich([ADA])  # what was found is not kept
    assert client.asked.count("ada") == 2


async def test_a_miss_is_remembered_for_its_time() -> None:
    client = Client()
    moments = iter((1000.0, 1000.0, 1599.0, 1600.0, 1600.0))  # before a look-up, and after a miss
    asking = enricher(client, now_s=lambda: next(moments), misses_ttl_s=600)
    for lookups in (1, 1, 2):
        assert await asking.enrich([ADA]) == {ADA: None}
        assert len(client.asked) == lookups


async def test_of_too_many_misses_the_oldest_are_looked_up_again() -> None:
    client = Client()
    asking = enricher(client, max_misses=1)
    await asking.enrich([ADA])
    await asking.enrich([BOB])
    await asking.enrich([BOB])
    assert client.asked == ["ada", "bob@example.com"]
    await asking.enrich([ADA])
    assert client.asked == ["ada", "bob@example.com", "ada"]


@pytest.mark.parametrize("error", [IntercomUnavailable("no answer"), IntercomRefused("region", "wrong")])
async def test_a_failure_is_not_a_miss(error: IntercomError) -> None:
    client = Client("ada")
    client.error = error
    asking = enricher(client)
    assert await asking.enrich([ADA]) == {ADA: Unavailable(error)}
    client.error = None
    assert isinstance((await asking.enrich([ADA]))[ADA], Found)


async def test_who_goes_away_does_not_take_the_answer_from_who_stays() -> None:
    client = Client("ada")
    client.gate.clear()
    asking = enricher(client)
    goes, stays = (asyncio.create_task(asking.enrich([ADA])) for _ in range(2))
    await settle()
    goes.cancel()
    await settle()
    client.gate.set()
    assert isinstance((await stays)[ADA], Found)
    assert goes.cancelled()
    assert client.asked.count("ada") == 1


async def test_what_nobody_waits_for_any_more_is_given_up() -> None:
    client = Client("ada")
    client.gate.clear()
    asking = enricher(client)
    tasks = [asyncio.create_task(asking.enrich([ADA])) for _ in range(2)]
    await settle()
    for task in tasks:
        task.cancel()
    await settle()
    assert client.given_up == 1
    client.gate.set()
    assert isinstance((await asking.enrich([ADA]))[ADA], Found)


async def test_what_takes_too_long_is_unavailable_and_the_rest_is_there() -> None:
    class Slow(Client):
        async def companies_of(self, contact_id: str) -> list[dict[str, Any]]:
            if contact_id == "ada":
                await asyncio.Event().wait()
            return []

    cleo = Wanted(external_id="cleo")
    outcomes = await enricher(Slow("ada", "cleo"), patience_s=0.05).enrich([ADA, cleo])
    assert outcomes[cleo] == Found({"id": "cleo"}, [])
    unavailable = outcomes[ADA]
    assert isinstance(unavailable, Unavailable)
    assert "0.05 s" in str(unavailable.error)


@pytest.mark.parametrize(
    ("companies", "asks"),
    [
        ({"data": [], "total_count": 0, "has_more": False}, False),
        ({"data": [{"id": "c1"}], "total_count": 1}, True),
        ({"data": [], "total_count": 3}, True),
        ({"data": []}, True),
        (None, True),
    ],
)
async def test_a_contact_that_says_it_has_no_companies_costs_no_second_call(
    companies: Any, asks: bool
) -> None:
    class Telling(Client):
        async def find_contact(self, **_: Any) -> dict[str, Any] | None:
            return {"id": "ada", "companies": companies}

    client = Telling()
    await enricher(client).enrich([ADA])
    assert client.asked == (["companies of ada"] if asks else [])


async def test_a_fault_of_our_own_is_not_taken_for_one_of_intercoms() -> None:
    class Broken(Client):
        async def companies_of(self, contact_id: str) -> list[dict[str, Any]]:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await enricher(Broken("ada")).enrich([ADA])


def test_nothing_personal_is_in_the_repr() -> None:
    wanted = Wanted("email:ada@example.com", "ada@example.com", "ada@example.com")
    found = Found({"email": "ada@example.com"}, [{"name": "ada@example.com"}])
    assert "ada" not in repr(wanted) + repr(found)
