"""What MoEngage does without saying so, and how the sandbox counts it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from running_sandbox import WORKSPACE, Running

LONG_URL = "https://example.com/" + "x" * 600

# An attribute as sent, what is kept of it (None: nothing), the reason.
OF_BOTH_KINDS: list[tuple[str, Any, Any, str]] = [
    ("status", "x", None, "reserved_name"),
    ("User_ID", "x", None, "reserved_name"),
    ("", "x", None, "reserved_name"),
    ("moe_own_idea", "x", None, "reserved_prefix"),
    ("MOE_own_idea", "x", None, "reserved_prefix"),
    ("USER_ATTRIBUTE_x", "x", None, "reserved_prefix"),
    ("n" * 201, "x", {"n" * 200: "x"}, "name_truncated"),
    ("text", "x" * 513, {"text": "x" * 512}, "value_truncated"),
    ("link", LONG_URL, None, "url_too_long"),
    ("object", {"a": 1}, None, "nested_object"),
    ("objects", [{"a": 1}], None, "nested_object"),
    ("list", list(range(51)), {"list": list(range(50))}, "list_truncated"),
    ("mixed", ["a", 1], None, "list_of_mixed_types"),
    ("numbers", [1, 2.5], {"numbers": [1, 2.5]}, ""),
    ("texts", ["x" * 513, LONG_URL], {"texts": ["x" * 512]}, "value_truncated"),
    ("nothing", None, {"nothing": None}, ""),
]


def element(kind: str, attributes: dict[str, Any], customer_id: str = "acme-1") -> dict[str, Any]:
    if kind == "customer":
        return {"type": kind, "customer_id": customer_id, "attributes": attributes}
    actions = [{"action": "ticket_created", "attributes": attributes}]
    return {"type": kind, "customer_id": customer_id, "actions": actions}


async def send(sandbox: Running, *elements: dict[str, Any]) -> dict[str, int]:
    """Send; returns what was dropped by reason."""
    bulk = {"type": "transition", "elements": list(elements)}
    status, _, _ = await sandbox.call(f"/v1/transition/{WORKSPACE}", bulk)
    assert status == 200
    dropped: dict[str, int] = (await sandbox.get("/sandbox/stats"))["dropped"]
    return dropped


async def kept(sandbox: Running, kind: str) -> Any:
    if kind == "customer":
        return (await sandbox.get("/sandbox/users/acme-1"))["attributes"]
    return (await sandbox.get("/sandbox/events"))["events"][0]["attributes"]


@pytest.mark.parametrize("kind", ["customer", "event"])
@pytest.mark.parametrize(("name", "value", "left", "reason"), OF_BOTH_KINDS)
async def test_attributes_of_users_and_events(
    sandbox: Running, kind: str, name: str, value: Any, left: Any, reason: str
) -> None:
    dropped = await send(sandbox, element(kind, {name: value, "plan": "pro"}))
    assert await kept(sandbox, kind) == {**(left or {}), "plan": "pro"}
    assert dropped.get(reason, 0) == (1 if reason else 0)
    assert bool(dropped) == bool(reason)


async def test_documented_moe_attributes_are_for_users_alone(sandbox: Running) -> None:
    sent = {"moe_unsubscribe": True}
    dropped = await send(sandbox, element("customer", sent), element("event", sent))
    assert await kept(sandbox, "customer") == sent
    assert await kept(sandbox, "event") == {}
    assert dropped == {"reserved_prefix": 1}


async def test_an_event_keeps_its_first_hundred_attributes(sandbox: Running) -> None:
    dropped = await send(sandbox, element("event", {f"a{n}": n for n in range(103)}))
    assert list(await kept(sandbox, "event")) == [f"a{n}" for n in range(100)]
    assert dropped == {"event_attributes_over_limit": 3}


async def test_a_standard_attribute_that_is_no_string_is_kept_and_counted(sandbox: Running) -> None:
    assert await send(sandbox, element("customer", {"u_fn": 7})) == {"standard_not_string": 1}
    assert await kept(sandbox, "customer") == {"u_fn": 7}


async def test_first_seen_is_set_once(sandbox: Running) -> None:
    assert await send(sandbox, element("customer", {"cr_t": 1}), element("customer", {"cr_t": 1})) == {}
    assert await send(sandbox, element("customer", {"cr_t": 2})) == {"create_only": 1}
    assert await kept(sandbox, "customer") == {"cr_t": 1}


async def test_names_of_a_workspace_run_out(sandbox: Running) -> None:
    attributes = {f"a{n}": n for n in range(258)}
    assert await send(sandbox, element("customer", {**attributes, "u_fn": "Ada"})) == {
        "user_attributes_over_limit": 2
    }
    assert "u_fn" in await kept(sandbox, "customer")
    events = [element("event", {}) for _ in range(514)]
    for n, document in enumerate(events):
        document["actions"][0]["action"] = f"event_{n}"
    assert (await send(sandbox, *events))["event_names_over_limit"] == 2
    assert (await sandbox.get("/sandbox/stats"))["events"] == 512


async def test_an_update_of_existing_users_alone_makes_none(sandbox: Running) -> None:
    update = {**element("customer", {"plan": "pro"}), "update_existing_only": True}
    assert await send(sandbox, update) == {"user_unknown": 1}
    assert (await sandbox.get("/sandbox/users"))["total"] == 0


async def test_objects_are_kept_where_they_are_enabled(
    run_sandbox: Callable[..., Awaitable[Running]],
) -> None:
    sandbox = await run_sandbox(objects_enabled=True)
    sent = {"object": {"a": 1}, "objects": [{"a": 1}]}
    assert await send(sandbox, element("customer", sent)) == {}
    assert await kept(sandbox, "customer") == sent


async def test_a_request_that_is_refused_drops_nothing(sandbox: Running) -> None:
    bulk = {"type": "transition", "elements": [element("customer", {"status": 1}), {}]}
    assert (await sandbox.call(f"/v1/transition/{WORKSPACE}", bulk))[0] == 400
    assert (await sandbox.get("/sandbox/stats"))["dropped"] == {}
