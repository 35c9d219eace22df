"""The client and enrichment against the sandbox, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from running_intercom import NOW_S, Running

from intercom.client import RetryPolicy
from intercom.enrichment import Enricher, Found, Unavailable, Wanted
from intercom.errors import IntercomRefused, IntercomUnavailable

RunIntercom = Callable[..., Awaitable[Running]]


def ids(objects: list[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in objects]


async def test_a_contact_by_any_of_its_names(sandbox: Running) -> None:
    client = sandbox.client()
    for known in (
        {"contact_id": "u1"},
        {"external_id": "x1"},
        {"email": "ada@example.com"},
        {"contact_id": "nobody", "external_id": "x1"},
        {"external_id": "nobody", "email": "ada@example.com"},
    ):
        contact = await client.find_contact(**known)
        assert contact is not None
        assert contact["id"] == "u1"
    assert await client.find_contact(contact_id="nobody") is None
    assert await client.find_contact(email="nobody@example.com") is None


async def test_a_contact_merged_away_from_2_16_on_and_before(sandbox: Running) -> None:
    followed = await sandbox.client(api_version="2.16").find_contact(contact_id="old")
    assert followed is not None
    assert followed["id"] == "u1"
    assert await sandbox.client().find_contact(contact_id="old") is None
    searched = await sandbox.client().find_contact(contact_id="old", email="ada@example.com")
    assert searched == followed


async def test_companies_over_all_pages(run_intercom: RunIntercom) -> None:
    sandbox = await run_intercom(companies_per_page=3)
    companies = [{"id": f"c{n}", "name": f"Company {n}"} for n in range(8)]
    await sandbox.control("companies", companies=companies)
    await sandbox.control("contacts", id="u1", company_ids=[f"c{n}" for n in range(8)])
    client = sandbox.client()
    assert ids(await client.companies_of("u1")) == [f"c{n}" for n in range(8)]
    assert (await sandbox.stats())["calls"] == {"GET /contacts/{id}/companies": {"200": 3}}
    assert await client.companies_of("nobody") == []
    company = await client.company("c7")
    assert company is not None
    assert company["name"] == "Company 7"
    assert await client.company("nobody") is None


async def test_what_a_doctor_asks(sandbox: Running) -> None:
    me = await sandbox.client().me()
    assert (me["app"]["id_code"], me["app"]["region"]) == ("sandbox1", "US")
    states = await sandbox.client().ticket_states()
    assert [state["category"] for state in states] == [
        "submitted",
        "in_progress",
        "waiting_on_customer",
        "resolved",
    ]
    with pytest.raises(IntercomRefused, match=r"^access_token: .*\(401 unauthorized\)"):
        await sandbox.client(access_token="another").me()
    with pytest.raises(IntercomRefused, match=r"^api_version: "):
        await sandbox.client(api_version="9.9").me()


async def test_alone_at_its_pace_it_is_never_refused(run_intercom: RunIntercom) -> None:
    sandbox = await run_intercom(calls_per_minute=36, latency_s=0.01)  # six a window
    await sandbox.control("companies", id="c1")
    client = sandbox.client(RetryPolicy(patience_s=60), max_concurrent=4)
    answers = await asyncio.gather(*(client.company("c1") for _ in range(20)))
    assert all(answers)
    stats = await sandbox.stats()
    assert stats["calls"] == {"GET /companies/{id}": {"200": 20}}
    assert stats["most_at_once"] == 4
    assert NOW_S + 30 <= sandbox.clock.now_s < NOW_S + 60


async def test_beside_another_caller_it_waits_and_comes_through(run_intercom: RunIntercom) -> None:
    sandbox = await run_intercom(calls_per_minute=12)  # two a window
    await sandbox.control("companies", id="c1")
    client = sandbox.client()
    for _ in range(2):
        await sandbox.call("GET", "/me")
        await sandbox.call("GET", "/me")
        assert await client.company("c1") is not None
    calls = (await sandbox.stats())["calls"]
    assert calls["GET /companies/{id}"]["200"] == 2
    assert calls["GET /companies/{id}"]["429"] >= 1


async def test_through_everything_passing_at_once(sandbox: Running) -> None:
    for fault in (
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429, "reset_after": 3},
        {"kind": "timeout", "seconds": 3600},
        {"kind": "reset"},
    ):
        assert (await sandbox.control("faults", **fault))[0] == 200
    found = await sandbox.client(timeout_s=0.5).find_contact(external_id="x1")
    assert found is not None
    calls = (await sandbox.stats())["calls"]["POST /contacts/search"]
    assert (calls["200"], calls["503"], calls["429"]) == (1, 1, 1)
    assert calls["lost"] >= 2  # a reset connection may be tried again below us


async def test_enrichment_finds_contacts_with_their_companies(sandbox: Running) -> None:
    enricher = Enricher(sandbox.client(), now_s=sandbox.clock)
    ada, bob, nobody = Wanted(contact_id="u1"), Wanted(external_id="x2"), Wanted(email="no@example.com")
    outcomes = await enricher.enrich([ada, bob, nobody, ada, Wanted()])
    assert list(outcomes) == [ada, bob, nobody, Wanted()]
    found = outcomes[ada]
    assert isinstance(found, Found)
    assert (found.contact["email"], ids(found.companies)) == ("ada@example.com", ["c1", "c2"])
    alone = outcomes[bob]
    assert isinstance(alone, Found)
    assert alone.companies == []
    assert outcomes[nobody] is None
    assert outcomes[Wanted()] is None
    calls = (await sandbox.stats())["calls"]
    assert calls == {
        "GET /contacts/{id}": {"200": 1},
        "GET /contacts/{id}/companies": {"200": 1},
        "POST /contacts/search": {"200": 2},
    }


async def test_enrichment_without_intercom_says_so_and_asks_again_later(sandbox: Running) -> None:
    enricher = Enricher(sandbox.client(), now_s=sandbox.clock)
    ada, bob = Wanted(contact_id="u1"), Wanted(contact_id="u2")
    companies = "GET /contacts/{id}/companies"
    await sandbox.control("faults", kind="status", status=500, count=4, call=companies)
    outcomes = await enricher.enrich([ada, bob])
    unavailable = outcomes[ada]
    assert isinstance(unavailable, Unavailable)
    assert isinstance(unavailable.error, IntercomUnavailable)
    assert isinstance(outcomes[bob], Found)
    assert isinstance((await enricher.enrich([ada]))[ada], Found)


async def test_a_dead_intercom_costs_a_few_questions_and_not_one_for_each(sandbox: Running) -> None:
    await sandbox.control("faults", kind="status", status=502, count=1_000_000)
    enricher = Enricher(sandbox.client(), now_s=sandbox.clock)
    wanted = [Wanted(contact_id=f"u{n}") for n in range(200)]
    outcomes = await enricher.enrich(wanted)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes.values())
    assert (await sandbox.stats())["requests"] <= 8 * 4
    assert sandbox.clock.now_s < NOW_S + 20
