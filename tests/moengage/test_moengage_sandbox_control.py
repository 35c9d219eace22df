"""Looking into the sandbox, and making it fail, with the real client on top."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from running_sandbox import KEY, NOW_S, WORKSPACE, Running

from events.elements import EventElement, UserElement
from moengage.answers import Verdict
from moengage.bodies import render
from moengage.sandbox.app import create_app
from moengage.sandbox.config import SandboxConfig

RunSandbox = Callable[..., Awaitable[Running]]

NOW_MS = int(NOW_S * 1000)


def user(customer_id: str, **attributes: Any) -> bytes:
    return render(UserElement(customer_id, attributes), now_ms=NOW_MS)


def event(customer_id: str, event_id: str, name: str = "ticket_created") -> bytes:
    return render(EventElement(customer_id, name, {"intercom_event_id": event_id}, NOW_MS), now_ms=NOW_MS)


async def test_the_client_passes_the_connection_test(sandbox: Running) -> None:
    assert (await sandbox.client().test_connection()).verdict is Verdict.ACCEPTED
    answer = await sandbox.client(api_key="wrong").test_connection()
    assert (answer.verdict, answer.status) == (Verdict.PAUSE, 401)


async def test_a_repeated_event_is_counted(sandbox: Running) -> None:
    client = sandbox.client()
    await client.transition([event("acme-1", "n1"), event("acme-1", "n1"), event("acme-2", "n1")])
    await client.transition([event("acme-1", "n1"), event("acme-1", "n1", "ticket_closed")])
    stats = await sandbox.get("/sandbox/stats")
    assert (stats["events"], stats["duplicate_events"]) == (5, 2)


async def test_faults_come_in_order_and_end(sandbox: Running) -> None:
    assert await sandbox.fault(kind="status", status=429, retry_after=0.5) == (200, {"status": "success"})
    await sandbox.fault(kind="status", status=429)
    await sandbox.fault(kind="status", status=503, count=2)
    await sandbox.fault(kind="reset")
    client = sandbox.client()
    answers = [await client.transition([user("acme-1")]) for _ in range(6)]
    assert [(a.verdict, a.status) for a in answers] == [
        (Verdict.WAIT, 429),
        (Verdict.WAIT, 429),
        (Verdict.AGAIN, 503),
        (Verdict.AGAIN, 503),
        (Verdict.AGAIN, 0),
        (Verdict.ACCEPTED, 200),
    ]
    assert [a.wait_s for a in answers[:2]] == [0.5, 1.0]
    assert answers[4].ambiguous
    stats = await sandbox.get("/sandbox/stats")
    assert (stats["requests"], stats["user_updates"]) == (6, 1)
    assert (stats["refused"], stats["lost_answers"]) == ({"429": 2, "503": 2}, 1)


@pytest.mark.parametrize("kind", ["timeout", "reset"])
@pytest.mark.parametrize("after_taking", [True, False])
async def test_an_answer_that_is_lost_may_have_been_taken(
    sandbox: Running, kind: str, after_taking: bool
) -> None:
    fault = {"kind": kind, "after_taking": after_taking}
    await sandbox.fault(**fault if kind == "reset" else {**fault, "seconds": 3600})
    client = sandbox.client(timeout_s=0.2 if kind == "timeout" else 5.0)
    answer = await client.transition([event("acme-1", "n1")])
    assert (answer.verdict, answer.status, answer.ambiguous) == (Verdict.AGAIN, 0, True)
    assert (await sandbox.get("/sandbox/stats"))["events"] == int(after_taking)
    await client.transition([event("acme-1", "n1")])
    assert (await sandbox.get("/sandbox/stats"))["duplicate_events"] == int(after_taking)


async def test_a_lost_answer_ends_the_connection_after_its_time(sandbox: Running) -> None:
    await sandbox.fault(kind="timeout", seconds=0.01)
    async with asyncio.timeout(4):
        answer = await sandbox.client().transition([user("acme-1")])
    assert (answer.status, answer.ambiguous) == (0, True)
    assert "no answer within" not in answer.message


async def test_a_lost_answer_does_not_hold_up_the_end_of_the_server() -> None:
    # Not the test server, which cancels a handler whose caller has gone.
    runner = web.AppRunner(create_app(SandboxConfig(WORKSPACE, KEY)))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as http:
        await http.post("/sandbox/faults", json={"kind": "timeout", "seconds": 3600})
        call = asyncio.ensure_future(http.post(f"/v1/transition/{WORKSPACE}", json={}))
        while not (await (await http.get("/sandbox/stats")).json())["lost_answers"]:
            pass
        async with asyncio.timeout(20):
            await runner.cleanup()
        with pytest.raises(aiohttp.ClientError):
            await call


@pytest.mark.parametrize("named", [{"customer_id": "bad-1"}, {"action": "bad_event"}])
async def test_a_request_with_something_named_is_refused_whole(
    sandbox: Running, named: dict[str, str]
) -> None:
    await sandbox.fault(kind="refuse", **named)
    client = sandbox.client()
    good, bad = event("user-1", "n1"), event("bad-1", "n2", "bad_event")
    for bodies in ([good, bad], [bad]):
        answer = await client.transition(bodies)
        assert (answer.verdict, answer.status) == (Verdict.BISECT, 400)
        assert answer.request_id
    assert (await client.transition([good])).verdict is Verdict.ACCEPTED
    taken = (await sandbox.get("/sandbox/events"))["events"]
    assert [e["attributes"]["intercom_event_id"] for e in taken] == ["n1"]
    async with sandbox.http.delete(f"{sandbox.url}/sandbox/faults") as response:
        assert response.status == 200
    assert (await client.transition([good, bad])).verdict is Verdict.ACCEPTED


async def test_random_faults_take_their_share_and_are_the_same_for_a_seed(
    run_sandbox: RunSandbox,
) -> None:
    async def statuses() -> list[int]:
        sandbox = await run_sandbox()
        await sandbox.fault(kind="random", share=0.3, seed=7, seconds=0)
        client = sandbox.client()
        return [(await client.transition([user(f"user-{n}")])).status for n in range(200)]

    first = await statuses()
    assert first == await statuses()
    assert {200, 429, 500, 0} == set(first)
    assert 40 <= sum(status != 200 for status in first) <= 80


async def test_a_share_of_what_is_taken_is_forgotten_and_can_be_asked_for(
    run_sandbox: RunSandbox,
) -> None:
    async def forgotten() -> list[dict[str, Any]]:
        sandbox = await run_sandbox()
        await sandbox.fault(kind="forget", share=0.05, seed=7)
        client = sandbox.client()
        for n in range(0, 400, 20):
            bodies = [
                body
                for m in range(n, n + 20)
                for body in (user(f"user-{m}"), event(f"user-{m}", f"n{m}"))
            ]
            assert (await client.transition(bodies)).verdict is Verdict.ACCEPTED
        listed = (await sandbox.get("/sandbox/forgotten"))["forgotten"]
        kept = {e["sequence"] for e in (await sandbox.get("/sandbox/events"))["events"]}
        lost = {one["sequence"] for one in listed if one["kind"] == "event"}
        assert kept | lost == set(range(2, 801, 2))  # every second one is an event
        assert not kept & lost
        assert {one["sequence"] for one in listed if one["kind"] == "user"} <= set(range(1, 801, 2))
        stats = await sandbox.get("/sandbox/stats")
        assert (stats["elements"], stats["forgotten"]) == (800, len(listed))
        assert stats["events"] + stats["user_updates"] == 800 - len(listed)
        return [{**one, "received_at": 0} for one in listed]

    first = await forgotten()
    assert first == await forgotten()
    assert 20 <= len(first) <= 60
    event_forgotten = next(one for one in first if one["kind"] == "event")
    number = event_forgotten["sequence"] // 2 - 1
    assert event_forgotten == {
        "customer_id": f"user-{number}", "kind": "event", "action": "ticket_created",
        "occurred_at": NOW_MS, "received_at": 0, "sequence": 2 * (number + 1),
    }  # fmt: skip


async def test_what_was_forgotten_stays_so_and_nothing_more_is_once_faults_are_cleared(
    sandbox: Running,
) -> None:
    await sandbox.fault(kind="forget", share=1, seed=0)
    await sandbox.client().transition([user("acme-1"), event("acme-1", "n1")])
    async with sandbox.http.delete(f"{sandbox.url}/sandbox/faults") as response:
        assert response.status == 200
    await sandbox.client().transition([event("acme-1", "n2")])
    assert (await sandbox.get("/sandbox/forgotten"))["total"] == 2
    [kept] = (await sandbox.get("/sandbox/events"))["events"]
    assert kept["attributes"]["intercom_event_id"] == "n2"


async def test_a_request_over_the_size_is_told_so(run_sandbox: RunSandbox) -> None:
    client = (await run_sandbox(max_bulk_bytes=400)).client()
    bodies = [user(f"user-{n}", place=n) for n in range(20)]
    assert (await client.transition(bodies)).verdict is Verdict.SPLIT
    assert (await client.transition(bodies[:2])).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({}, "kind"),
        ({"kind": "earthquake"}, "kind"),
        ({"kind": ["status"]}, "kind"),
        ({"kind": "status"}, "status"),
        ({"kind": "status", "status": 200}, "status"),
        ({"kind": "status", "status": "500"}, "status"),
        ({"kind": "status", "status": 500, "count": 0}, "count"),
        ({"kind": "status", "status": 500, "count": True}, "count"),
        ({"kind": "status", "status": 429, "retry_after": -1}, "retry_after"),
        ({"kind": "status", "status": 429, "retry-after": 1}, "retry-after"),
        ({"kind": "timeout"}, "seconds"),
        ({"kind": "timeout", "seconds": 1, "after_taking": 1}, "after_taking"),
        ({"kind": "reset", "seconds": 1}, "seconds"),
        ({"kind": "random"}, "share"),
        ({"kind": "forget", "share": 0.5, "seconds": 1}, "seconds"),
        ({"kind": "forget", "share": "5%"}, "share"),
        ({"kind": "random", "share": 1.5}, "share"),
        ({"kind": "refuse"}, "customer_id"),
        ({"kind": "refuse", "customer_id": "a", "action": "b"}, "customer_id"),
        ({"kind": "refuse", "action": ""}, "action"),
    ],
)
async def test_a_fault_that_cannot_be_is_refused_by_field(
    sandbox: Running, fault: dict[str, Any], field: str
) -> None:
    status, answer = await sandbox.fault(**fault)
    assert (status, answer["error"]["field"]) == (400, field)
    assert (await sandbox.client().transition([user("acme-1")])).status == 200


async def test_a_fault_that_is_no_json_is_refused(sandbox: Running) -> None:
    async with sandbox.http.post(f"{sandbox.url}/sandbox/faults", data=b"{kind") as response:
        assert response.status == 400
        assert "line 1" in (await response.json())["error"]["message"]


async def test_reset_forgets_everything(sandbox: Running) -> None:
    fresh = await sandbox.get("/sandbox/stats")
    await sandbox.fault(kind="refuse", customer_id="acme-2")
    await sandbox.client().transition([user("acme-1", status="x"), event("acme-1", "n1")])
    assert await sandbox.get("/sandbox/stats") != fresh
    async with sandbox.http.post(f"{sandbox.url}/sandbox/reset") as response:
        assert response.status == 200
    assert await sandbox.get("/sandbox/stats") == fresh
    assert (await sandbox.get("/sandbox/events"))["total"] == 0
    assert (await sandbox.client().transition([user("acme-2"), event("acme-1", "n1")])).status == 200
    assert (await sandbox.get("/sandbox/stats"))["duplicate_events"] == 0


async def test_the_events_kept_can_be_bounded_without_losing_count(run_sandbox: RunSandbox) -> None:
    sandbox = await run_sandbox(keep_events=2)
    await sandbox.client().transition([event("acme-1", f"n{n}") for n in range(5)])
    await sandbox.client().transition([event("acme-1", "n0")])
    listed = await sandbox.get("/sandbox/events")
    assert [e["attributes"]["intercom_event_id"] for e in listed["events"]] == ["n4", "n0"]
    stats = await sandbox.get("/sandbox/stats")
    assert (stats["events"], stats["duplicate_events"]) == (6, 1)


async def test_lists_can_be_cut_to_the_latest(sandbox: Running) -> None:
    await sandbox.client().transition([event(f"user-{n}", f"n{n}") for n in range(5)])
    listed = await sandbox.get("/sandbox/events?limit=2")
    assert (listed["total"], [e["sequence"] for e in listed["events"]]) == (5, [4, 5])
    assert (await sandbox.get("/sandbox/users?limit=0"))["users"] == []
    assert (await sandbox.get("/sandbox/users?limit=-1"))["error"]["field"] == "limit"


async def test_a_user_is_found_by_any_id_and_an_unknown_one_is_not(sandbox: Running) -> None:
    await sandbox.client().transition([user("intercom:1/2 ä@example.com")])
    found = await sandbox.get("/sandbox/users/intercom:1%2F2%20%C3%A4@example.com")
    assert found["customer_id"] == "intercom:1/2 ä@example.com"
    assert (await sandbox.get("/sandbox/users/nobody"))["error"]["field"] == "customer_id"


async def test_it_says_that_it_runs(sandbox: Running) -> None:
    assert await sandbox.get("/healthz") == {"status": "ok"}
