"""The sandbox as Intercom, and the ways to seed it, look in and make it fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from running_intercom import TOKEN, Running

from intercom.sandbox.app import create_app
from intercom.sandbox.config import SandboxConfig

RunIntercom = Callable[..., Awaitable[Running]]


def equals(field: str, value: Any, operator: str = "=") -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def group(operator: str, *filters: dict[str, Any]) -> dict[str, Any]:
    return {"operator": operator, "value": list(filters)}


@pytest.mark.parametrize("header", ["Bearer wrong", f"Basic {TOKEN}", TOKEN, ""])
async def test_an_unknown_caller_is_told_nothing(sandbox: Running, header: str) -> None:
    status, document, headers = await sandbox.call("GET", "/contacts/u1", Authorization=header)
    assert status == 401
    assert document["type"] == "error.list"
    assert document["request_id"]
    assert document["errors"] == [{"code": "unauthorized", "message": "Access Token Invalid"}]
    assert "X-RateLimit-Limit" not in headers


async def test_every_answer_tells_of_the_rate(run_intercom: RunIntercom) -> None:
    sandbox = await run_intercom(calls_per_minute=10)  # 1.67 a window: two
    told = []
    for path in ("/me", "/contacts/nobody", "/me"):
        status, document, headers = await sandbox.call("GET", path)
        told.append(
            (status, *(int(headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")))
        )
    reset = int(sandbox.clock.now_s) + 10
    assert told == [(200, 2, 1, reset), (404, 2, 0, reset), (429, 2, 0, reset)]
    assert document["errors"][0]["code"] == "rate_limit_exceeded"
    assert document["errors"][0]["message"] == "Exceeded rate limit of 2 in 10_seconds"
    sandbox.clock.now_s += 13
    status, _, headers = await sandbox.call("GET", "/me")
    assert (status, headers["X-RateLimit-Remaining"]) == (200, "1")
    assert int(headers["X-RateLimit-Reset"]) == reset + 10


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (group("OR", equals("email", "ada@example.com"), equals("external_id", "x2")), ["u1", "u2"]),
        (group("AND", equals("email", "bob@example.com"), equals("role", "user")), ["u2"]),
        (equals("email", "bob@example.com"), ["u2", "l1"]),
        (equals("id", ["u1", "l1"], "IN"), ["u1", "l1"]),
        (equals("role", "lead", "!="), ["u1", "u2"]),
        (group("AND", group("OR", equals("id", "u1"), equals("id", "u2")), equals("id", "u1")), ["u1"]),
        (group("OR", equals("id", "u2"), equals("role", "user", "!=")), ["u2", "l1"]),
        (equals("name", None), ["u1", "u2", "l1"]),
        (equals("id", "old"), []),
    ],
)
async def test_a_search(sandbox: Running, query: dict[str, Any], found: list[str]) -> None:
    status, document, _ = await sandbox.call("POST", "/contacts/search", {"query": query})
    assert status == 200
    assert [contact["id"] for contact in document["data"]] == found
    assert (document["type"], document["total_count"]) == ("list", len(found))
    assert document["pages"] == {
        "type": "pages",
        "page": 1,
        "per_page": 50,
        "total_pages": 1 if found else 0,
    }


async def test_a_search_comes_in_pages(sandbox: Running) -> None:
    seen = []
    paging: dict[str, Any] = {"per_page": 2}
    for _ in range(2):
        body = {"query": equals("role", "nobody", "!="), "pagination": paging}
        _, document, _ = await sandbox.call("POST", "/contacts/search", body)
        seen.append([contact["id"] for contact in document["data"]])
        cursor = document["pages"].get("next", {}).get("starting_after")
        paging = {"per_page": 2, "starting_after": cursor}
    assert seen == [["u1", "u2"], ["l1"]]
    assert cursor is None


FIFTEEN = [equals("email", f"{n}@example.com") for n in range(15)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], None),
        ({}, "query"),
        ({"query": group("OR")}, "value"),
        ({"query": group("OR", *FIFTEEN, equals("email", "x"))}, "value"),
        ({"query": group("OR", group("OR", group("OR", equals("id", "u1"))))}, "query"),
        ({"query": equals("shoe_size", "44")}, "field"),
        ({"query": equals("email", "x", "LIKE")}, "operator"),
        ({"query": equals("email", 7)}, "value"),
        ({"query": equals("email", "x", "IN")}, "value"),
        ({"query": equals("id", "u1"), "pagination": {"per_page": 151}}, "per_page"),
        ({"query": equals("id", "u1"), "pagination": {"starting_after": "é"}}, "starting_after"),
        ({"query": equals("id", "u1"), "pagination": [1]}, "pagination"),
    ],
)
async def test_a_search_that_cannot_be(sandbox: Running, body: Any, field: str | None) -> None:
    status, document, _ = await sandbox.call("POST", "/contacts/search", body)
    assert (status, document["type"]) == (400, "error.list")
    [error] = document["errors"]
    assert (error["code"], error.get("field")) == ("parameter_invalid", field)


async def test_a_contact_that_was_seeded_anew_is_found_by_what_it_is_now(sandbox: Running) -> None:
    await sandbox.control("contacts", id="u1", external_id="x9", email="bob@example.com")
    found = []
    for field, value in (("external_id", "x1"), ("external_id", "x9"), ("email", "bob@example.com")):
        body = {"query": equals(field, value)}
        _, document, _ = await sandbox.call("POST", "/contacts/search", body)
        found.append([contact["id"] for contact in document["data"]])
    assert found == [[], ["u1"], ["u1", "u2", "l1"]]


async def test_fifteen_filters_are_not_too_many(sandbox: Running) -> None:
    body = {"query": group("OR", *FIFTEEN)}
    assert (await sandbox.call("POST", "/contacts/search", body))[0] == 200


async def test_a_new_contact_is_found_by_id_at_once_and_by_search_later(
    run_intercom: RunIntercom,
) -> None:
    sandbox = await run_intercom(search_delay_s=120)
    await sandbox.control("contacts", id="u1", external_id="x1")
    assert (await sandbox.call("GET", "/contacts/u1"))[0] == 200
    for passes, count in ((0, 0), (119, 0), (1, 1)):
        sandbox.clock.now_s += passes
        body = {"query": equals("external_id", "x1")}
        _, document, _ = await sandbox.call("POST", "/contacts/search", body)
        assert document["total_count"] == count


async def test_a_contact_lists_ten_companies_and_says_that_there_are_more(sandbox: Running) -> None:
    await sandbox.control("companies", companies=[{"id": f"d{n}"} for n in range(11)])
    await sandbox.control("contacts", id="u3", company_ids=[f"d{n}" for n in range(11)])
    _, contact, _ = await sandbox.call("GET", "/contacts/u3")
    assert contact["companies"]["data"][0] == {"type": "company", "id": "d0", "url": "/companies/d0"}
    listed = contact["companies"]
    assert (len(listed["data"]), listed["total_count"], listed["has_more"]) == (10, 11, True)
    assert (contact["type"], contact["role"], contact["phone"]) == ("contact", "user", None)


async def test_companies_of_a_contact_lead_on_by_address(sandbox: Running) -> None:
    _, first, _ = await sandbox.call("GET", "/contacts/u1/companies?per_page=1")
    assert first["pages"]["next"] == f"{sandbox.url}/contacts/u1/companies?per_page=1&page=2"
    _, second, _ = await sandbox.call("GET", "/contacts/u1/companies?per_page=1&page=2")
    assert ([each["id"] for each in second["data"]], second["pages"]["next"]) == (["c2"], None)
    status, document, _ = await sandbox.call("GET", "/contacts/u1/companies?page=0")
    assert (status, document["errors"][0]["field"]) == (400, "page")


async def test_a_company_counts_its_users_once(sandbox: Running) -> None:
    await sandbox.control("contacts", id="u2", company_ids=["c1"])
    await sandbox.control("contacts", id="u2", company_ids=["c1"])
    _, company, _ = await sandbox.call("GET", "/companies/c1")
    assert (company["company_id"], company["name"], company["user_count"]) == ("acme", "Acme", 2)
    status, document, _ = await sandbox.call("GET", "/companies/acme")
    assert (status, document["errors"][0]["code"]) == (404, "company_not_found")


async def test_a_chain_of_merges_leads_to_the_last_one(sandbox: Running) -> None:
    await sandbox.control("contacts", id="older", merged_into="old")
    status, document, headers = await sandbox.call("GET", "/contacts/older", Intercom_Version="2.16")
    assert (status, document["errors"][0]["code"]) == (410, "contact_merged")
    assert headers["Link"] == '</contacts/u1>; rel="canonical"'
    status, _, headers = await sandbox.call("GET", "/contacts/older", Intercom_Version="2.15")
    assert status == 404
    assert "Link" not in headers


async def test_versions_and_paths_that_are_not_there(sandbox: Running) -> None:
    status, document, _ = await sandbox.call("GET", "/me", Intercom_Version="7.0")
    assert (status, document["errors"][0]["code"]) == (400, "intercom_version_invalid")
    status, document, _ = await sandbox.call("PUT", "/contacts/u1", {})
    assert (status, document["errors"][0]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("name", "document", "field"),
    [
        ("contacts", {"contacts": {}}, "contacts"),
        ("contacts", {"id": 7}, "id"),
        ("contacts", {"id": "a/b"}, "id"),
        ("contacts", {"company_ids": "c1"}, "company_ids"),
        ("contacts", {"company_ids": ["nowhere"]}, "company_ids"),
        ("contacts", {"merged_into": "nobody"}, "merged_into"),
        ("companies", {"companies": [7]}, "companies"),
        ("faults", {}, "kind"),
        ("faults", {"kind": "status"}, "status"),
        ("faults", {"kind": "status", "status": 200}, "status"),
        ("faults", {"kind": "status", "status": 500, "count": 0}, "count"),
        ("faults", {"kind": "status", "status": 500, "call": "GET /nowhere"}, "call"),
        ("faults", {"kind": "timeout"}, "seconds"),
        ("faults", {"kind": "reset", "seconds": 1}, "seconds"),
    ],
)
async def test_what_cannot_be_seeded_or_broken_is_refused_by_field(
    sandbox: Running, name: str, document: dict[str, Any], field: str
) -> None:
    status, answer = await sandbox.control(name, **document)
    assert (status, answer["error"]["field"]) == (400, field)
    stats = await sandbox.stats()
    assert (stats["contacts"], stats["companies"]) == (4, 2)
    assert (await sandbox.call("GET", "/me"))[0] == 200


async def test_faults_come_in_order_to_those_they_are_meant_for(sandbox: Running) -> None:
    await sandbox.control("faults", kind="status", status=500, count=2, call="GET /companies/{id}")
    await sandbox.control("faults", kind="status", status=429, reset_after=4)
    statuses = []
    for path in ("/companies/c1", "/me", "/me", "/companies/c1", "/companies/c1"):
        status, _, headers = await sandbox.call("GET", path)
        statuses.append(status)
        if status == 429:
            assert headers["X-RateLimit-Remaining"] == "0"
            assert int(headers["X-RateLimit-Reset"]) == sandbox.clock.now_s + 4
    assert statuses == [500, 429, 200, 500, 200]
    await sandbox.control("faults", kind="status", status=500, count=9)
    async with sandbox.http.delete(f"{sandbox.url}/sandbox/faults"):
        assert (await sandbox.call("GET", "/me"))[0] == 200
    assert (await sandbox.stats())["calls"] == {
        "GET /companies/{id}": {"200": 1, "500": 2},
        "GET /me": {"200": 2, "429": 1},
    }


async def test_a_lost_answer_does_not_hold_up_the_end_of_the_server() -> None:
    # Not the test server, which cancels a handler whose caller has gone.
    runner = web.AppRunner(create_app(SandboxConfig(TOKEN)))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as http:
        await http.post("/sandbox/faults", json={"kind": "timeout", "seconds": 3600})
        call = asyncio.ensure_future(http.post("/contacts/search", json={}))
        while not (await (await http.get("/sandbox/stats")).json())["calls"]:
            pass
        async with asyncio.timeout(20):
            await runner.cleanup()
        with pytest.raises(aiohttp.ClientError):
            await call


async def test_seeding_makes_ids_and_reset_forgets_everything(sandbox: Running) -> None:
    _, answer = await sandbox.control("contacts", contacts=[{"email": "a@example.com"}, {"id": "u9"}])
    made, told = answer["ids"]
    assert told == "u9"
    assert (await sandbox.call("GET", f"/contacts/{made}"))[1]["email"] == "a@example.com"
    await sandbox.control("faults", kind="status", status=500)
    async with sandbox.http.post(f"{sandbox.url}/sandbox/reset") as response:
        assert response.status == 200
    assert await sandbox.stats() == {
        "requests": 0,
        "calls": {},
        "most_at_once": 0,
        "contacts": 0,
        "companies": 0,
    }
    assert (await sandbox.call("GET", "/contacts/u9"))[0] == 404


async def test_it_says_that_it_runs(sandbox: Running) -> None:
    async with sandbox.http.get(f"{sandbox.url}/healthz") as response:
        assert await response.json() == {"status": "ok"}
