"""What lint finds in rule files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mappings.lint import finding_lines, lint
from mappings.rules import DEFAULT_IDENTITY, load


def found(tmp_path: Path, text: str) -> list[tuple[int, str, str, str]]:
    (tmp_path / "own.yaml").write_text(text)
    return [(one.line, one.key, one.severity, one.problem) for one in lint(tmp_path)]


def test_the_shipped_rules_are_clean() -> None:
    assert lint(None) == []
    assert load(None, identity=DEFAULT_IDENTITY).rules


HEADS = {
    "move": "when: ticket_state_changed, event: e",
    "ticket": "when: ticket, event: e",
    "event": "when: contact, event: e",
    "user": "when: contact, user: true",
    "": "event: e",
}


@pytest.mark.parametrize(
    ("head", "rule", "key", "problem"),
    [
        # moves
        ("move", "to: closed", "to", "'closed' is no category of Intercom's"),
        ("move", "on: {from: [resolved, Looking]}", "on.from", "'Looking' is no category"),
        # never, or always
        ("", "when: {happened: tag_added, topic: ticket.*}", "when", "never: tag_added does not"),
        ("", "when: {topic: company.updated}", "when", "no topic about a contact"),
        ("", "when: {happened: contact, if: '`false`'}", "when.if", "never"),
        ("", "when: {happened: contact, if: '`1`'}", "when.if", "always true"),
        # what is not there
        ("move", "attributes: {a: ticket.titel}", "attributes.a", "ticket has no 'titel'; it has: id"),
        ("move", "attributes: {a: ticket.state.label}", "attributes.a", "ticket.state has no 'label'"),
        ("move", "attributes: {a: length(ticket.tags)}", "attributes.a", "ticket has no 'tags'"),
        ("move", "spread: [{from: tag.name}]", "spread[0].from", "only with when: tag_added"),
        ("ticket", "at: previous.at", "at", "known only with when: ticket_state_changed"),
        ("", "when: {topic: conversation.read}, each: ticket.id", "each", "ticket is known only"),
        ("event", "attributes: {a: tag.name || contact.a}", "attributes.a", "tag is known only"),
        # people
        ("event", "attributes: {a: contact.email}", "attributes.a", "hash: sha256"),
        ("event", "attributes: {a: digits(contact.phone)}", "attributes.a", "hash: sha256"),
        ("event", "attributes: {email: contact.name}", "attributes.email", "hash: sha256"),
        ("event", "spread: [{from: payload.data.item}]", "spread[0].from", "whatever"),
        ("user", "attributes: {a: payload.data.item.ticket_part.body}", "attributes.a", "own words"),
        # names
        ("event", "attributes: {plan: contact.a, Plan: contact.b}",
         "attributes.Plan", "differs from 'plan' at own.yaml:2 in case alone"),
    ],
)  # fmt: skip
def test_a_warning(tmp_path: Path, head: str, rule: str, key: str, problem: str) -> None:
    text = f"rules:\n  - {{{HEADS[head]}, {rule}}}\n"
    [(line, found_key, severity, found_problem)] = found(tmp_path, text)
    assert (line, found_key, severity) == (2, f"rules[0].{key}", "warning")
    assert problem in found_problem
    load(tmp_path)  # a warning stops nothing


def test_a_name_that_is_computed_is_looked_at_too(tmp_path: Path) -> None:
    rule = "{when: contact, event: {expr: tag.name, default: e}}"
    [(_, key, _, _)] = found(tmp_path, f"rules:\n  - {rule}\n")
    assert key == "rules[0].event.expr"


@pytest.mark.parametrize(
    "rule",
    [
        "{when: {topic: 'ticket.state.*'}, event: e, attributes: {a: previous.category}}",
        "{when: ticket_state_changed, event: e, to: '4517'}",
        "{when: contact, event: e, attributes: {a: {expr: contact.email, hash: sha256}}}",
        "{when: contact, user: true, attributes: {a: contact.email}}",
        "{when: {topic: ticket.contact.attached, happened: contact}, event: e}",
        "{when: partner_event, event: e, each: partner.events, attributes: {a: item.any.thing}}",
        "{when: contact, event: e, attributes: {a: contact.any.thing, b: company.any}}",
    ],
)
def test_what_is_fine(tmp_path: Path, rule: str) -> None:
    assert found(tmp_path, f"rules:\n  - {rule}\n") == []


def test_rules_that_meet(tmp_path: Path) -> None:
    text = """
rules:
  - {when: contact, user: true, attributes: {a: contact.a, b: contact.b}}
  - {when: [contact, ticket], user: true, attributes: {b: contact.c}}
  - {when: ticket, user: true, attributes: {a: contact.c}}
  - {when: {happened: contact, if: contact.a}, user: true, attributes: {a: contact.c}}
  - {when: ticket, event: e}
  - {when: [ticket, contact], event: e}
  - {when: conversation, event: e}
"""
    assert [(line, problem) for line, _, _, problem in found(tmp_path, text)] == [
        (4, "set at own.yaml:3 too; where both apply, this one wins"),
        (8, "the rule at own.yaml:7 makes this event too, so it is told twice"),
    ]


def test_more_names_than_moengage_keeps(tmp_path: Path) -> None:
    events = "".join(f"  - {{when: contact, event: e{number}}}\n" for number in range(514))
    assert [(line, key, severity) for line, key, severity, _ in found(tmp_path, "rules:\n" + events)] == [
        (514, "rules[512].event", "error"),
        (515, "rules[513].event", "error"),
    ]
    half = ", ".join(f"a{number}: contact.a" for number in range(200))
    other = ", ".join(f"b{number}: contact.a" for number in range(57))
    rule = "  - {when: contact, user: true, attributes: {%s}}\n"
    text = "rules:\n" + rule % half + rule % other
    assert [(key, problem) for _, key, _, problem in found(tmp_path, text)] == [
        ("rules[1].attributes.b56", "user attribute number 257; MoEngage keeps 256")
    ]


def test_all_errors_at_once(tmp_path: Path) -> None:
    text = """
extends: default
rules:
  - {when: contact, event: a.b}
  - {when: contact, event: e, attributes: {moe_new: contact.a}}
  - {when: contact, event: e, attributes: {status: contact.a}}
  - {when: contact, event: e, attributes: {%s: contact.a}}
tests:
  - {name: t, given: [{topic: a}], expect: []}
""" % ("n" * 201)
    findings = found(tmp_path, text)
    assert [(line, severity) for line, _, severity, _ in findings] == [
        (4, "error"), (5, "error"), (6, "error"), (7, "error"), (9, "error"),
    ]  # fmt: skip
    assert [problem.split("; ")[-1][:30] for *_, problem in findings[:3]] == [
        "write 'a_b'", "write 'intercom_moe_new'", "write 'intercom_status'",
    ]  # fmt: skip
    assert findings[-1][1] == "tests[0].given[0]"


def test_what_cannot_be_read_is_one_finding(tmp_path: Path) -> None:
    assert found(tmp_path, "rules:\n  - [\n")[0][:3] == (3, "", "error")
    [nothing] = lint(tmp_path / "elsewhere")
    assert str(nothing) == f"{tmp_path / 'elsewhere'}:0: error: No such file or directory"


def test_lines(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("rules:\n  - {when: ticket_state_changed, to: shut, event: e}\n")
    first, last = finding_lines(lint(tmp_path))
    assert first.startswith("own.yaml:2: warning: rules[0].to: 'shut' is no category")
    assert last == "0 errors, 1 warning"
