"""The sandbox as a caller of MoEngage's Data API meets it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from running_sandbox import KEY, NOW_S, WORKSPACE, Running, basic

RunSandbox = Callable[..., Awaitable[Running]]

BULK = f"/v1/transition/{WORKSPACE}"


def user(customer_id: Any = "acme-1", **attributes: Any) -> dict[str, Any]:
    return {"type": "customer", "customer_id": customer_id, "attributes": attributes}


def event(customer_id: str = "acme-1", name: Any = "ticket_created", **attributes: Any) -> dict[str, Any]:
    action = {"action": name, "attributes": attributes, "current_time": "2025-12-31T10:00:00Z"}
    return {"type": "event", "customer_id": customer_id, "actions": [action]}


def bulk(*elements: Any) -> dict[str, Any]:
    return {"type": "transition", "elements": list(elements)}


async def test_a_bulk_request_is_taken_in_order(sandbox: Running) -> None:
    status, answer, _ = await sandbox.call(
        BULK,
        bulk(
            user(u_fn="Ada", plan="free"),
            event(intercom_event_id="n1"),
            user(plan="pro"),
            event("acme-2"),
        ),
    )
    assert status == 200
    assert answer["status"] == "success"
    assert answer["message"]
    assert answer["request_id"]
    assert await sandbox.get("/sandbox/users/acme-1") == {
        "customer_id": "acme-1",
        "attributes": {"u_fn": "Ada", "plan": "pro"},
        "first_seen": NOW_S * 1000,
        "last_seen": NOW_S * 1000,
        "updates": 2,
        "sequence": 3,
        "delete_at": None,
    }
    listed = await sandbox.get("/sandbox/users")
    # An event makes its user.
    assert [user["customer_id"] for user in listed["users"]] == ["acme-1", "acme-2"]
    [first] = (await sandbox.get("/sandbox/events?customer_id=acme-1&action=ticket_created"))["events"]
    assert first == {
        "customer_id": "acme-1",
        "action": "ticket_created",
        "attributes": {"intercom_event_id": "n1"},
        "current_time": "2025-12-31T10:00:00Z",
        "occurred_at": NOW_S * 1000 - 14 * 3_600_000,
        "received_at": NOW_S * 1000,
        "sequence": 2,
    }


async def test_single_calls_and_both_ways_of_naming_the_workspace(sandbox: Running) -> None:
    assert (await sandbox.call(f"/v1/customer/{WORKSPACE}", user(u_fn="Ada")))[0] == 200
    two = event()
    two["actions"].append({"action": "ticket_state_updated"})
    assert (await sandbox.call(f"/v1/event?app_id={WORKSPACE}", two))[0] == 200
    stats = await sandbox.get("/sandbox/stats")
    assert (stats["users"], stats["events"], stats["elements"], stats["requests"]) == (1, 2, 3, 2)
    # What tells no time happened when it was received.
    [untimed] = (await sandbox.get("/sandbox/events?action=ticket_state_updated"))["events"]
    assert untimed["occurred_at"] == untimed["received_at"]


BAD_BULK = [
    ("a wrong type", {"type": "Transition", "elements": [user()]}, "type"),
    ("no elements", {"type": "transition"}, "elements"),
    ("empty elements", bulk(), "elements"),
    ("an element that is no object", bulk("user"), "type"),
    ("an unknown element type", bulk({**user(), "type": "Customer"}), "type"),
    ("no customer id", bulk({"type": "customer", "attributes": {}}), "customer_id"),
    ("a customer id that is a number", bulk(user(42)), "customer_id"),
    ("a forbidden customer id", bulk(user("Guest")), "customer_id"),
    ("a customer id of one character", bulk(event("7")), "customer_id"),
    ("attributes that are a list", bulk({**user(), "attributes": []}), "attributes"),
    ("no actions", bulk({**event(), "actions": []}), "actions"),
    ("an action without a name", bulk(event(name="")), "action"),
    ("an action whose name is a number", bulk(event(name=5)), "action"),
    (
        "an event of the future",
        bulk({**event(), "actions": [{"action": "x", "current_time": "2026-01-01T00:00:06Z"}]}),
        "current_time",
    ),
    (
        "a time that is none",
        bulk({**event(), "actions": [{"action": "x", "current_time": "soon"}]}),
        "current_time",
    ),
    ("a flag that is a string", bulk({**user(), "update_existing_only": "true"}), "update_existing_only"),
]


@pytest.mark.parametrize(
    ("document", "attribute"), [bad[1:] for bad in BAD_BULK], ids=[bad[0] for bad in BAD_BULK]
)
async def test_a_bad_element_refuses_the_whole_request_and_is_not_named(
    sandbox: Running, document: dict[str, Any], attribute: str
) -> None:
    good = [user("good-1"), event("good-2")]
    if document.get("elements"):
        document = {**document, "elements": [*good, *document["elements"]]}
    status, answer, _ = await sandbox.call(BULK, document)
    assert (status, answer["status"], answer["error"]["attribute"]) == (400, "fail", attribute)
    assert set(answer["error"]) == {"type", "message", "attribute", "request_id"}
    stats = await sandbox.get("/sandbox/stats")
    assert (stats["elements"], stats["users"], stats["refused"]) == (0, 0, {"400": 1})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"type":NaN}', b"\xff"])
async def test_what_is_no_json_object_is_refused(sandbox: Running, body: bytes) -> None:
    headers = {**basic(), "Content-Type": "application/json"}
    status, answer, _ = await sandbox.call(BULK, None, json=None, data=body, headers=headers)
    assert (status, answer["error"]["type"]) == (400, "Malformed JSON")


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        (BULK, {"headers": {}}, 401),
        (BULK, {"headers": basic(password="wrong")}, 401),
        (BULK, {"headers": basic(user="other")}, 401),
        (BULK, {"headers": {"Authorization": "Bearer caf\u00e9"}}, 401),
        ("/v1/transition/OTHER", {}, 409),
        ("/v1/transition?app_id=OTHER", {}, 409),
        ("/v1/transition", {}, 400),
        (BULK, {"json": None, "data": b"{}", "headers": {**basic(), "Content-Type": "text/plain"}}, 415),
        (BULK, {"json": None, "data": b"{}"}, 415),
    ],
)
async def test_who_and_what_is_turned_away_at_the_door(
    sandbox: Running, path: str, options: dict[str, Any], status: int
) -> None:
    answered, answer, _ = await sandbox.call(path, bulk(user()), **options)
    assert (answered, answer["status"]) == (status, "fail")
    assert (await sandbox.get("/sandbox/stats"))["users"] == 0


async def test_credentials_that_are_no_text_are_turned_away(sandbox: Running) -> None:
    host, port = sandbox.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {BULK} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nAuthorization: Basic "
    writer.write(head.encode() + b"\xff\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()
    await writer.wait_closed()


async def test_sizes_are_counted_in_bytes_of_the_body(run_sandbox: RunSandbox) -> None:
    sandbox = await run_sandbox(max_bulk_bytes=1_000, max_body_bytes=2_000)

    async def status_of(path: str, kind: str, size: int) -> int:
        body = b'{"type":"%s","customer_id":"acme-1","attributes":{}}' % kind.encode()
        if kind == "transition":
            body = b'{"type":"transition","elements":[{"type":"customer","customer_id":"acme-1"}]}'
        headers = {**basic(), "Content-Type": "application/json"}
        data = body.ljust(size)
        status, answer, _ = await sandbox.call(path, None, json=None, data=data, headers=headers)
        assert (status == 413) == (answer.get("error", {}).get("type") == "PayloadTooLarge")
        return status

    assert await status_of(BULK, "transition", 1_000) == 200
    assert await status_of(BULK, "transition", 1_001) == 413
    assert await status_of(f"/v1/customer/{WORKSPACE}", "customer", 2_000) == 200
    assert await status_of(f"/v1/customer/{WORKSPACE}", "customer", 2_001) == 413
    assert await status_of(BULK, "transition", 300_000) == 413


@pytest.mark.parametrize(("reset_header", "reset"), [("seconds", 48), ("epoch", NOW_S + 60)])
async def test_a_rate_holds_for_a_minute(
    run_sandbox: RunSandbox, reset_header: str, reset: float
) -> None:
    sandbox = await run_sandbox(users_per_minute=3, events_per_minute=2, reset_header=reset_header)
    assert (await sandbox.call(BULK, bulk(user(), user(), event())))[0] == 200
    sandbox.now_s += 12
    status, _, headers = await sandbox.call(BULK, bulk(user(), user("acme-2")))
    assert status == 429
    assert float(headers["x-ratelimit-reset"]) == reset
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("3", "1")
    # What was refused has not counted.
    assert (await sandbox.call(BULK, bulk(user(), event())))[0] == 200
    assert (await sandbox.call(BULK, bulk(event())))[0] == 429
    sandbox.now_s += 48
    # A request that is larger than the limit must not wait for ever.
    assert (await sandbox.call(BULK, bulk(*[event()] * 5)))[0] == 200


async def test_the_connection_test(sandbox: Running) -> None:
    body = {"app_id": WORKSPACE, "app_secret": KEY, "source": "test", "region": "01"}
    path, headers = "/v1/integrations/authentication", {**basic(), "MOE-APPKEY": WORKSPACE}
    status, answer, _ = await sandbox.call(path, body, headers=headers)
    assert (status, answer["status"], answer["app_name"]) == (200, "success", "moebridge sandbox")
    assert (await sandbox.call(path, body))[0] == 401
    assert (await sandbox.call(path, {**body, "app_secret": "wrong"}, headers=headers))[0] == 401
    assert (await sandbox.call(path, body, headers={"MOE-APPKEY": WORKSPACE}))[0] == 401


async def test_merged_users_become_one(sandbox: Running) -> None:
    await sandbox.call(BULK, bulk(user("lead-1", plan="free", city="Cork"), event("lead-1")))
    sandbox.now_s += 1
    await sandbox.call(BULK, bulk(user("user-1", plan="pro")))
    path = f"/v1/customer/merge?app_id={WORKSPACE}"
    pairs = [
        {"retained_user": "user-1", "merged_user": "lead-1"},
        {"retained_user": "user-1", "merged_user": "nobody"},
    ]
    assert (await sandbox.call(path, {"merge_data": pairs}))[0] == 200
    listed = (await sandbox.get("/sandbox/users"))["users"]
    assert [(u["customer_id"], u["attributes"]) for u in listed] == [
        ("user-1", {"plan": "pro", "city": "Cork"})
    ]
    assert listed[0]["first_seen"] == NOW_S * 1000
    assert (await sandbox.get("/sandbox/events?customer_id=user-1"))["total"] == 1
    assert (await sandbox.call(path, {"merge_data": []}))[0] == 400


async def test_a_deleted_user_stays_for_a_day(sandbox: Running) -> None:
    path = f"/v1/customer/delete?app_id={WORKSPACE}"
    body = {"identity_type": "customer_id", "identity_value": "acme-1"}
    assert (await sandbox.call(path, body))[0] == 400
    await sandbox.call(BULK, bulk(user(plan="pro")))
    assert (await sandbox.call(path, body))[0] == 200
    sandbox.now_s += 86_399
    assert (await sandbox.get("/sandbox/users"))["total"] == 1
    sandbox.now_s += 1
    assert (await sandbox.get("/sandbox/users"))["total"] == 0
    await sandbox.call(BULK, bulk(user(city="Cork")))
    assert (await sandbox.get("/sandbox/users/acme-1"))["attributes"] == {"city": "Cork"}
