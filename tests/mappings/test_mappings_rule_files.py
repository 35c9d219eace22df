"""What a rule file gets wrong is named with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from mappings.errors import InvalidRule, MappingError, RulesNotFound
from mappings.rules import load

HEAD = "rules:\n  - when: contact\n    user: true\n    attributes:\n"


def refused(tmp_path: Path, text: str) -> InvalidRule:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(InvalidRule) as caught:
        load(tmp_path)
    return caught.value


@pytest.mark.parametrize(
    ("attribute", "key", "problem"),
    [
        ("u_em: contakt.email", "u_em", "unknown name 'contakt'; known: contact, company"),
        ("u_em: contact..email", "u_em", "expression"),
        ("u_em: 5", "u_em", "a constant is written {value: …}"),
        ("status: contact.role", "status", "write 'intercom_status'"),
        ("Root cause: contact.role", "Root cause", "write 'Root_cause'"),
        ("x: {expr: contact.a, kind: string}", "x.kind", "known: expr, value, type, default"),
        ("x: {expr: contact.a, type: date}", "x.type", "known: string, number, bool, datetime, list"),
        ("x: {expr: contact.a, value: 1}", "x", "either 'expr' or 'value'"),
        ("x: {expr: contact.a, type: number, default: many}", "x.default", "under this type"),
        ("u_em: {expr: contact.a, type: number}", "u_em.type", "of type 'string'"),
    ],
)
def test_an_attribute(tmp_path: Path, attribute: str, key: str, problem: str) -> None:
    error = refused(tmp_path, f"{HEAD}      u_n: contact.name\n      {attribute}\n")
    assert (error.file, error.line, error.key) == ("own.yaml", 6, f"rules[0].attributes.{key}")
    assert problem in error.problem
    assert str(error).startswith(f"own.yaml:6: rules[0].attributes.{key}: ")


@pytest.mark.parametrize(
    ("rule", "key", "problem"),
    [
        ("{user: true, attributes: {a: contact.a}}", "rules[0]", "expected 'when'"),
        ("{when: contacts, user: true}", "rules[0].when", "unknown word 'contacts'"),
        ("{when: contact, user: true}", "rules[0]", "without attributes"),
        ("{when: contact, attributes: {}}", "rules[0]", "either 'user: true' or 'event"),
        ("{when: contact, event: 'a.b'}", "rules[0].event", "write 'a_b'"),
        ("{when: contact, event: {expr: contact.a}}", "rules[0].event", "a default"),
        ("{when: contact, event: a, to: x}", "rules[0].to", "only with when"),
        ("{when: contact, event: a, attributes: {b: item.c}}", "rules[0].attributes.b", "'item'"),
        ("{when: contact, user: true, each: payload.x}", "rules[0].each", "only an event"),
        ("{when: contact, event: a, spread: [{prefix: b}]}", "rules[0].spread[0]", "expected 'from'"),
        (
            "{when: contact, event: a, spread: [{from: contact, prefix: moe_}]}",
            "rules[0].spread[0].prefix",
            "'moe_'",
        ),
        (
            "{when: contact, event: a, attributes: {intercom_topic: event.id}}",
            "rules[0].attributes.intercom_topic",
            "already",
        ),
    ],
)
def test_a_rule(tmp_path: Path, rule: str, key: str, problem: str) -> None:
    error = refused(tmp_path, f"rules:\n  - {rule}\n")
    assert (error.line, error.key) == (2, key)
    assert problem in error.problem


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "empty"),
        ("rules:\n  - a: [\n", 3, "not YAML"),
        ("a: 1\n", 1, "unknown key 'a'; known: extends, disable, rules, tests"),
        ("rules:\n  a: 1\n", 1, "expected a list, got a mapping"),
        ("rules: []\nrules: []\n", 2, "stands twice"),
        ("rules: &a [*a]\n", 1, "contains itself"),
        ("1: 2\n", 1, "expected a key in words"),
        ("rules: !!python/name:os.system\n", 1, "not YAML"),
    ],
)
def test_a_file(tmp_path: Path, text: str, line: int, problem: str) -> None:
    error = refused(tmp_path, text)
    assert error.line == line
    assert problem in str(error)


def test_no_rules(tmp_path: Path) -> None:
    with pytest.raises(RulesNotFound, match=r"no \*\.yaml file"):
        load(tmp_path)
    with pytest.raises(RulesNotFound, match="No such file"):
        load(tmp_path / "elsewhere")


def test_an_unknown_identity() -> None:
    with pytest.raises(
        MappingError, match="unknown source 'phone'; known: external_id, email, intercom_id"
    ):
        load(identity=("phone",))


def test_the_version_is_of_the_content(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(HEAD + "      u_n: contact.name\n")
    first = load(tmp_path).version
    assert load(file).version == first, "one file is as good as its folder"
    assert load(file, identity=("email",)).version != first
    file.write_text(HEAD + "      u_n: contact.email\n")
    assert load(tmp_path).version != first
