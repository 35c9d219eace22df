"""Tests inside rule files, as far as they are read and judged here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from events.elements import DeleteElement, Element, EventElement, MergeElement, UserElement
from events.envelope import Source
from events.errors import InvalidPayload
from mappings.errors import InvalidRule
from mappings.file_tests import FileTest, differences, parse_tests
from mappings.payloads import envelopes, written
from mappings.rule_files import parse
from mappings.rules import load


def read(text: str) -> tuple[FileTest, ...]:
    return parse_tests(parse("own.yaml", text.encode()).mapping()["tests"].entries())


def differing(expect: str, *elements: Element) -> list[str]:
    [test] = read(f"tests:\n  - name: t\n    given: [{{topic: a, item: {{}}}}]\n    expect: {expect}\n")
    return differences(test.expect, elements)


USER = UserElement("cust-1", {"u_n": "Mira", "seats": 12, "tags": ["a"], "vip": 1})
ALWAYS = {"intercom_event_id": "n1", "intercom_topic": "a"}
EVENT = EventElement("cust-1", "made", {**ALWAYS, "plan": "Gold"}, 1_768_035_600_000)


@pytest.mark.parametrize(
    ("user", "event"),
    [
        ("", ""),
        ("customer_id: cust-1, attributes: {u_n: Mira, seats: 12, tags: [a], vip: 1}", ""),
        ("attributes_include: {seats: 12.0, gone: null}", "attributes: {plan: Gold}"),
        ("", "at: 2026-01-10T09:00:00Z, attributes: {plan: Gold, intercom_topic: a}"),
    ],
)
def test_as_expected(user: str, event: str) -> None:
    assert differing(f"[{{user: true, {user}}}, {{event: made, {event}}}]", USER, EVENT) == []


@pytest.mark.parametrize(
    ("expect", "lines"),
    [
        (
            "[{user: true, customer_id: cust-2}, {event: made, at: 2026-01-10T09:00:01Z}]",
            [
                "1. user: customer_id: expected cust-2, got cust-1",
                "2. event made: at: expected 2026-01-10T09:00:01Z, got 2026-01-10T09:00:00Z",
            ],
        ),
        (
            "[{user: true, attributes_include: {u_n: Ana, seats: null, x: 1, tags: [b]}}, {event: made}]",
            [
                "1. user: u_n: expected 'Ana', got 'Mira'",
                "1. user: seats: expected not to be there, got 12",
                "1. user: x: expected 1, is not there",
                "1. user: tags: expected ['b'], got ['a']",
            ],
        ),
        (
            "[{user: true, attributes_include: {vip: true}}, {event: made, attributes: {}}]",
            [
                "1. user: vip: expected true, got 1",
                "2. event made: plan: not expected, got 'Gold'",
            ],
        ),
        (
            "[{event: other}, {event: made}]",
            [
                "- event other: expected, did not come",
                "+ user of cust-1: not expected",
                "    u_n: 'Mira'",
                "    seats: 12",
                "    tags: ['a']",
                "    vip: 1",
            ],
        ),
    ],
)
def test_differences(expect: str, lines: list[str]) -> None:
    assert differing(expect, USER, EVENT) == lines


MERGE, DELETE = MergeElement("cust-1", "intercom:c1"), DeleteElement("cust-1")


def test_merges_and_deletes_are_expected_too() -> None:
    expect = "[{merge: intercom:c1, customer_id: cust-1}, {delete: true, customer_id: cust-1}]"
    assert differing(expect, MERGE, DELETE) == []
    assert differing("[{merge: intercom:c2}, {delete: true, customer_id: cust-2}]", MERGE, DELETE) == [
        "- merge intercom:c2: expected, did not come",
        "+ merge intercom:c1 into cust-1: not expected",
        "2. delete: customer_id: expected cust-2, got cust-1",
    ]


def test_nothing_is_expected() -> None:
    assert differing("[]") == []
    assert differing("[]", USER)[0] == "+ user of cust-1: not expected"
    assert differing("[{user: true}]") == ["- user: expected, did not come"]


@pytest.mark.parametrize(
    ("test", "key", "problem"),
    [
        ("given: [], expect: []", "", "expected 'name'"),
        ("name: t, expect: []", "", "expected 'given'"),
        ("name: t, given: [], expect: []", ".given", "at least one payload"),
        ("name: t, given: [{}], when: a", ".when", "known: name, before, given, expect"),
    ],
)
def test_a_test_that_cannot_be_meant(test: str, key: str, problem: str) -> None:
    refused(f"{{{test}}}", key, problem)


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ("5", "expected a mapping"),
        ("{topic: a}", "item: expected an object"),
        ("{item: {}}", "topic: expected a topic"),
        ("{topic: a, item: {}, at: x}", "at: expected a time"),
        ("{topic: a, body: {}}", "body: not beside topic"),
        ("{connector: {}, topic: a}", "topic: not beside connector"),
        ("{connector: 1}", "connector: expected an object"),
        ("{data: {}, topic: a}", "data.item: expected an object"),
    ],
)
def test_a_payload_that_cannot_be_meant(payload: str, problem: str) -> None:
    refused(f"{{name: t, given: [{payload}], expect: []}}", ".given[0]", problem)
    refused(
        f"{{name: t, before: [{payload}], given: [{{connector: {{}}}}], expect: []}}",
        ".before[0]",
        problem,
    )


@pytest.mark.parametrize(
    ("expected", "key", "problem"),
    [
        ("{}", "", "one of 'user: true', 'event: <name>'"),
        ("{user: true, delete: true}", "", "one of 'user: true', 'event: <name>'"),
        ("{delete: false}", ".delete", "the user's id goes under 'customer_id'"),
        ("{merge: a-1, at: 1}", ".at", "only an event"),
        ("{merge: a-1, attributes: {}}", ".attributes", "only a user or an event"),
        ("{delete: true, attributes_include: {}}", ".attributes_include", "only a user or an event"),
        ("{user: cust-1}", ".user", "true or false"),
        ("{user: false}", ".user", "the user's id goes under 'customer_id'"),
        ("{user: true, at: 1}", ".at", "only an event"),
        ("{event: e, at: x}", ".at", "expected a time"),
        (
            "{event: e, attributes: {}, attributes_include: {}}",
            ".attributes_include",
            "all of them already",
        ),
    ],
)
def test_an_expectation_that_cannot_be_meant(expected: str, key: str, problem: str) -> None:
    test = f"{{name: t, given: [{{connector: {{}}}}], expect: [{expected}]}}"
    refused(test, f".expect[0]{key}", problem)


def refused(test: str, key: str, problem: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        read(f"tests:\n  - {test}\n")
    assert (caught.value.line, caught.value.key) == (2, f"tests[0]{key}")
    assert problem in caught.value.problem


def test_when_payloads_came() -> None:
    told = envelopes(
        [
            {"connector": {}},
            {"topic": "a", "item": {}},
            {
                "topic": "a",
                "item": {"created_at": 1_768_000_000, "contact": {"updated_at": 1_768_000_100}},
            },
            {"topic": "a", "item": {"updated_at": 1_768_000_050}},
            {"topic": "a", "item": {"updated_at": 1_768_000_050}, "at": "2026-02-01T00:00:00Z"},
            {"topic": "a", "data": {"item": {}}, "created_at": 1_769_900_000, "id": "n9"},
        ]
    )
    began = 1_767_225_600_000  # 2026-01-01T00:00:00Z
    times = [(one.occurred_at, one.received_at) for one in told]
    assert times == [
        (began, began),
        (began + 300_000, began + 300_000),
        (1_768_000_100_000, 1_768_000_100_000),
        (1_768_000_050_000, 1_768_000_100_000),  # late: received after the one before
        (1_769_904_000_000, 1_769_904_000_000),
        (1_769_900_000_000, 1_769_904_000_000),
    ]
    assert told[5].event_id == "n9"
    assert len({one.event_id for one in told}) == len(told)


@pytest.mark.parametrize(
    ("payload", "source", "topic"),
    [
        ({"connector": {}}, Source.PARTNER, "partner.user"),
        ({"connector_event": {}}, Source.PARTNER, "partner.event"),
        ({"series": {}}, Source.PARTNER, "partner.user"),
        ({"series_event": {}}, Source.PARTNER, "partner.event"),
        (written("partner.event", {"a": 1}), Source.PARTNER, "partner.event"),
        (written("", {"topic": "b", "data": {"item": {}}}), Source.WEBHOOK, "b"),
        (written("a", {"topic": "b", "data": {"item": {}}}), Source.WEBHOOK, "a"),
        (written("a", {"id": "1"}), Source.WEBHOOK, "a"),
    ],
)
def test_forms(payload: dict[str, Any], source: Source, topic: str) -> None:
    [one] = envelopes([payload])
    assert (one.source, one.topic) == (source, topic)


def test_what_json_cannot_hold_is_no_payload() -> None:
    with pytest.raises(InvalidPayload, match="JSON cannot hold this"):
        envelopes([{"connector": {"a": 1 << 70}}])


def test_tests_are_of_no_effect_on_the_rules(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("rules: []\ntests: [{any: thing}]\n")
    assert load(tmp_path).rules == ()
