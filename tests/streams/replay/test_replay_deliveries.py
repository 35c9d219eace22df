"""Delivering again: which elements, and as what."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest
from some_deliveries import delivery

from events.configurations import Configurations
from events.elements import Delivery
from events.replays import Replayed
from streams.replay.deliveries import Deliveries
from streams.replay.plan import Judged, Totals
from streams.replay.request import Filters, ReplayRequest

REQUEST = ReplayRequest(
    "0123456789ab", "default", "deliver", {0: (0, 99)}, Filters(),
    only_missing=False, label="by", created_at=1,
)  # fmt: skip


@dataclass(frozen=True)
class Record:
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Any
    topic: str = "moengage.deliveries"
    partition: int = 0
    timestamp: int = 1


def log(*deliveries: Delivery) -> list[Record]:
    return [
        Record(offset, one.customer_id.encode(), one.body, one.headers())
        for offset, one in enumerate(deliveries)
    ]


def judged(
    records: list[Record], receipts: Any = None, pending: Any = (), **changes: Any
) -> list[Judged]:
    judge = Deliveries(
        replace(REQUEST, **changes),
        "moengage.deliveries",
        Configurations(("default", "other")),
        (receipts or {}).get,
        pending=lambda event: event in pending,
    )
    for record in records:
        judge.heard(record)
    return [judge.judge(record) for record in records]


def user(event_id: str, names: str = "a", **fields: Any) -> Delivery:
    return delivery(event_id=event_id, body={"attributes": dict.fromkeys(names, 1)}, **fields)


def event(event_id: str, **fields: Any) -> Delivery:
    body = {"type": "event", "actions": [{"action": "Seen", "attributes": {"a": 1}}]}
    return delivery(event_id=event_id, kind="event", name="Seen", body=body, **fields)


def left(all_of_it: list[Judged]) -> list[Any]:
    return [one.left_out[0] if one.left_out else bool(one.outgoing) for one in all_of_it]


def test_it_is_the_record_as_it_was_marked_and_labelled() -> None:
    [a_user, an_event] = judged(log(user("u"), event("e", redrive_run="r")))
    for one, attributes in ((a_user, lambda b: b), (an_event, lambda b: b["actions"][0])):
        [out] = one.outgoing
        again = Delivery.from_record(out.key, out.value, out.headers)
        assert again.replayed == Replayed(REQUEST.id, "by")
        assert again.redrive_run == ""
        assert attributes(json.loads(again.body))["attributes"] == {"a": 1, "by": REQUEST.id}
        assert (again.delivery_id, again.occurred_at) == (one.deliveries[0].delivery_id, 1_000)
    [plain] = judged(log(user("u")), label="")
    assert plain.outgoing[0].value == user("u").body


def test_what_is_left_out() -> None:
    records = log(
        user("old"),
        user("new", "ab"),
        delivery(event_id="m", kind="merge", customer_id="gone", then="ann"),
        event("e"),
        event("e"),
        event("elsewhere", config="other"),
        replace(user("again", "abc"), replayed=Replayed("ffffffffffff")),
    )
    records.append(Record(7, b"ann", None, []))
    found = judged(records)
    assert left(found) == [
        "overtaken", True, "merges_and_deletes", True, "repeated", False, False, "unreadable"
    ]  # fmt: skip
    totals = Totals()
    for one in found:
        totals.take(one)
    assert (totals.records, totals.matched, totals.chosen) == (8, 5, 2)
    assert (totals.users, totals.events, totals.contacts) == (1, Counter({"Seen": 1}), 1)


@pytest.mark.parametrize("only_missing", [False, True])
def test_receipts(only_missing: bool) -> None:
    records = log(*(event(one) for one in ("taken", "refused", "parked", "void", "none", "waits")))
    receipts = {f"{one}/c-1/0": one for one in ("taken", "refused", "parked", "void")}
    found = judged(records, receipts, {"waits", "taken"}, only_missing=only_missing)
    missing = ["delivered", "refused", "parked", True, True, "pending"]
    expected = missing if only_missing else [True] * 6
    assert left(found) == expected
    assert [one.already for one in found] == [0 if only_missing else 1, 0, 0, 0, 0, 0]


def test_what_is_a_dead_letter_overtakes_nothing() -> None:
    records = log(user("good"), user("bad"))
    assert left(judged(records)) == ["overtaken", True]
    assert left(judged(records, {"bad/c-1/0": "refused"})) == [True, True]
    assert left(judged(records, {"bad/c-1/0": "parked"})) == [True, True]


def test_what_comes_while_it_runs_overtakes_too() -> None:
    records = log(user("first"), user("later"))
    judge = Deliveries(REQUEST, "moengage.deliveries", Configurations(), lambda _: None)
    judge.heard(records[0])
    [out] = judge.judge(records[0]).outgoing
    assert judge.stands(0, out)
    judge.heard(records[1])
    assert not judge.stands(0, out)
