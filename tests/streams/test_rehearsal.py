"""Mappings tried out on events, without a broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from events.elements import EventElement, UserElement
from events.errors import InvalidData
from mappings.errors import InvalidRule
from mappings.payloads import envelopes
from mappings.rules import RuleSet, load, map_moment
from streams.rehearsal import (
    Rehearsal,
    TestResult,
    difference,
    preview,
    preview_lines,
    rehearse,
    result_lines,
    run_tests,
)

RULES = load()

PERSON = {"type": "contact", "id": "c1", "external_id": "cust-1", "role": "user", "name": "Mira"}
PERSON_TOLD = {"topic": "contact.user.created", "item": PERSON}
TICKET = {
    "id": "t1",
    "ticket_state": "submitted",
    "contacts": {"contacts": [{"id": "c1", "external_id": "cust-1"}]},
    "created_at": 1_768_035_600,
    "updated_at": 1_768_035_600,
}
TICKET_TOLD = {"topic": "ticket.created", "item": TICKET}
COMPANY = {"type": "company", "id": "k1", "company_id": "brook", "name": "Brook"}
ATTACHED = {"topic": "company.contact.attached", "item": {"company": COMPANY, "contact": PERSON}}
RENAMED = {
    "topic": "company.updated",
    "item": {**COMPANY, "name": "River", "updated_at": 1_769_000_000},
}
CLOSED = {
    "topic": "conversation.admin.closed",
    "item": {"id": "9", "contacts": {"contacts": [{"id": "c1"}]}},
}


def own(tmp_path: Path, text: str) -> Path:
    (tmp_path / "own.yaml").write_text(text)
    return tmp_path


def shipped() -> list[Any]:
    return [pytest.param(one, id=f"{one.file}: {one.name}") for one in run_tests(None)]


@pytest.mark.parametrize("result", shipped())
def test_the_shipped_rules_do_what_they_say(result: TestResult) -> None:
    assert result.passed, "\n".join(result.difference)


def test_the_shipped_tests_hold_whatever_the_settings_are() -> None:
    results = run_tests(None, identity=("email",), merges="off", deletes=True)
    assert all(result.passed for result in results)


def test_a_rehearsal_tells_which_payload_it_was() -> None:
    told = envelopes([PERSON_TOLD, TICKET_TOLD, PERSON_TOLD, ATTACHED, RENAMED])
    found = [(one.payload, one.customer_id, type(one.element)) for one in rehearse(RULES, told)]
    assert found == [
        (0, "cust-1", UserElement),
        (1, "cust-1", EventElement),
        (3, "cust-1", UserElement),  # the join, once the company answered
        (4, "cust-1", UserElement),
    ]


def test_an_element_comes_out_as_the_mapping_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def noting(*arguments: Any) -> Any:
        made.extend(map_moment(*arguments))
        return made

    monkeypatch.setattr("streams.stages.handing_on.map_moment", noting)
    [rehearsed] = rehearse(RULES, envelopes([TICKET_TOLD]))
    assert [rehearsed.element] == made


def test_poison_is_told_of() -> None:
    bridge = Rehearsal(RULES)
    [good] = envelopes([PERSON_TOLD])
    bridge.deliver("intercom.contacts", b"\xff", good)
    bridge.run()
    [reason] = bridge.refusals
    assert reason.startswith("contacts: key:")


OWN = """
rules:
  - {when: contact, user: true, attributes: {u_n: contact.name}}
tests:
  - name: as it is
    given: [{topic: contact.user.created, item: {id: c1, name: Mira}}]
    expect: [{user: true, attributes: {u_n: Mira}}]
  - name: what came earlier is not looked at
    before: [{topic: contact.user.created, item: {id: c1, name: Mira}}]
    given: [{topic: contact.user.updated, item: {id: c1, name: Ana}}]
    expect: [{user: true, attributes: {u_n: Ana}}]
  - name: as it is not
    given: [{topic: contact.user.created, item: {id: c1, name: Mira}}]
    expect: [{user: true, attributes: {u_n: Ana}}]
"""


def test_tests_in_a_file_of_ones_own(tmp_path: Path) -> None:
    results = run_tests(own(tmp_path, OWN))
    assert [(one.line, one.passed) for one in results] == [(5, True), (8, True), (12, False)]
    assert result_lines(results) == [
        "ok     own.yaml:5 as it is",
        "ok     own.yaml:8 what came earlier is not looked at",
        "FAILED own.yaml:12 as it is not",
        "         1. user: u_n: expected 'Ana', got 'Mira'",
        "3 tests, 1 failed",
    ]
    assert result_lines(results[:1])[-1] == "1 test passed"


def test_the_tests_of_shipped_rules_are_not_run_with_ones_own(tmp_path: Path) -> None:
    """They say what the shipped rules do, which one's own may replace."""
    assert run_tests(own(tmp_path, "extends: default\n")) == []


def test_a_test_that_cannot_be_meant(tmp_path: Path) -> None:
    with pytest.raises(InvalidRule, match=r"^own\.yaml:3: tests\[0\]\.given"):
        run_tests(own(tmp_path, "rules: []\ntests:\n  - {name: t, given: [], expect: []}\n"))


def test_a_preview_of_a_payload_in_any_form() -> None:
    whole = {
        "type": "notification_event",
        "topic": "ticket.created",
        "data": {"item": TICKET},
        "id": "n1",
    }
    for topic, payload in (("ticket.created", TICKET), ("", whole), ("ticket.created", whole)):
        [body] = preview(RULES, topic, payload)
        assert (body["type"], body["customer_id"]) == ("event", "cust-1")
        assert body["actions"][0]["action"] == "ticket_created"
    [user, event] = preview(
        RULES, "partner.event", {"customer_id": "cust-2", "u_fn": "Ana", "event_name": "x"}
    )
    assert (user["attributes"], event["actions"][0]["action"]) == ({"u_fn": "Ana"}, "x")


def test_a_preview_in_lines() -> None:
    lines = preview_lines(RULES, "contact.user.created", PERSON)
    assert '  "customer_id": "cust-1",' in lines
    assert preview_lines(RULES, "company.updated", COMPANY) == [
        "nothing is sent",
        "no contact is known to belong to the company",
    ]
    assert preview_lines(RULES, "contact.user.created", {}) == [
        "nothing is sent",
        "it names no contact and no company that could be found",
    ]
    deleted = preview_lines(RULES, "contact.deleted", {"id": "c1", "deleted": True})
    assert deleted == ["nothing is sent", "no rule waits for it, or none has a value to send"]


@pytest.mark.parametrize(
    ("topic", "payload"), [("", {"a": 1}), ("", {"data": {"item": {}}}), ("a", {"data": {}})]
)
def test_what_is_no_payload_has_no_preview(topic: str, payload: dict[str, Any]) -> None:
    with pytest.raises(InvalidData):
        preview(RULES, topic, payload)


@pytest.fixture
def other(tmp_path: Path) -> RuleSet:
    rules = """
extends: default
rules:
  - {name: ticket_created, when: ticket_created, event: ticket_made}
  - {when: contact, user: true, attributes: {company_name: {value: Sea}, greeting: contact.name}}
"""
    return load(own(tmp_path, rules))


def test_what_another_mapping_makes_of_the_same_events(other: RuleSet) -> None:
    told = envelopes(
        [PERSON_TOLD, TICKET_TOLD, TICKET_TOLD, ATTACHED, {"topic": "new.topic", "item": {}}]
    )
    compared = difference(RULES, other, iter(told))
    assert (compared.events, compared.changed) == (5, 3)
    assert compared.old_elements == {"user": 2, "ticket_created": 1}
    assert compared.new_elements == {"user": 2, "ticket_made": 1}
    assert compared.only_new == {("user", "greeting"): 2, ("user", "company_name"): 1}
    assert compared.other_value == {("user", "company_name"): 1}
    assert [one.number for one in compared.examples] == [1, 2, 4]
    assert compared.examples[1].lines == ("- ticket_created of cust-1", "+ ticket_made of cust-1")
    lines = compared.lines()
    assert lines[0] == "events: 5, of which 3 become something else"
    assert "ticket_made            0        1" in lines
    assert "user.greeting: new in 2" in lines
    assert "event 4, company.contact.attached, rehearsal_3" in lines
    assert "    - company_name: 'Brook'" in lines
    assert "    + company_name: 'Sea'" in lines


def test_only_so_many_examples(other: RuleSet) -> None:
    told = envelopes([PERSON_TOLD, TICKET_TOLD])
    assert len(difference(RULES, other, told, examples=1).examples) == 1


def test_the_same_mapping_makes_the_same() -> None:
    told = envelopes([PERSON_TOLD, TICKET_TOLD, ATTACHED, RENAMED, CLOSED])
    assert difference(RULES, load(), told).lines() == ["events: 5, of which 0 become something else"]
