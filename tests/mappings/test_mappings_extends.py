"""Rules of one's own on top of the shipped ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapping_samples import TICKET, moment, view

from mappings.errors import InvalidRule
from mappings.rules import RuleSet, load, map_moment

SHIPPED = load()


def rules(tmp_path: Path, **files: str) -> RuleSet:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return load(tmp_path)


def names(rule_set: RuleSet) -> list[str]:
    return [rule.name for rule in rule_set.rules]


def test_the_shipped_rules_have_names_of_their_own() -> None:
    assert all(names(SHIPPED))
    assert len(set(names(SHIPPED))) == len(SHIPPED.rules)


def test_the_shipped_rules_come_first(tmp_path: Path) -> None:
    own = rules(tmp_path, a="extends: default\nrules:\n  - {name: mine, when: contact, event: e}\n")
    assert names(own) == [*names(SHIPPED), "mine"]
    assert own.version != SHIPPED.version


def test_a_rule_replaces_the_shipped_one_of_its_name_in_its_place(tmp_path: Path) -> None:
    moved = "{name: ticket_state_changed, when: ticket_state_changed, event: moved}"
    own = rules(tmp_path, a="extends: default\n", b=f"rules:\n  - {moved}\n")
    assert names(own) == names(SHIPPED)
    (event,) = map_moment(own, moment("ticket_state_changed", ticket=view(TICKET)))
    assert event.attributes.keys() == {"intercom_event_id", "intercom_topic"}


def test_shipped_rules_are_left_out_by_name(tmp_path: Path) -> None:
    own = rules(tmp_path, a="extends: default\ndisable: [contact, tag_added]\n")
    assert set(names(SHIPPED)) - set(names(own)) == {"contact", "tag_added"}


def test_without_extends_there_are_no_other_rules(tmp_path: Path) -> None:
    assert names(rules(tmp_path, a="rules:\n  - {when: contact, event: e}\n")) == [""]


@pytest.mark.parametrize(
    ("text", "line", "key", "problem"),
    [
        ("extends: deflt\n", 1, "extends", "expected 'default'"),
        ("extends: default\ndisable: [tags]\n", 2, "disable", "no shipped rule is named 'tags'; known:"),
        ("disable: [contact]\nrules: []\n", 1, "disable", "only beside 'extends: default'"),
        ("{}\n", 1, "", "expected one of extends, disable, rules, tests"),
        ("rules:\n  - {when: contact, event: e, name: x}\n  - {when: contact, event: e, name: x}\n",
         3, "rules[1].name", "the rule at own.yaml:2 has the name 'x'"),
        ("rules:\n  - {when: contact, event: e, name: ''}\n", 2, "rules[0].name", "expected a string"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(tmp_path: Path, text: str, line: int, key: str, problem: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        rules(tmp_path, own=text)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert problem in caught.value.problem


def test_an_error_in_a_file_of_ones_own_names_that_file(tmp_path: Path) -> None:
    """Also where a shipped file has the same name."""
    with pytest.raises(InvalidRule, match=r"^contacts\.yaml:3: rules\[0\]\.to"):
        rules(tmp_path, contacts="extends: default\nrules:\n  - {when: contact, event: e, to: a}\n")


def test_an_alias_that_overrides_may_be_used_more_than_once(tmp_path: Path) -> None:
    text = """
rules:
  - {when: contact, event: a, attributes: &a {one: contact.name, two: contact.role}}
  - {when: contact, event: b, attributes: &b {<<: *a, two: contact.email}}
  - {when: contact, event: c, attributes: *b}
"""
    *_, b, c = map_moment(rules(tmp_path, own=text), moment("contact"))
    assert b.attributes["two"] == c.attributes["two"] == "mira@brook.example"
