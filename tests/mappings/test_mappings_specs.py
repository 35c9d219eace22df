"""What becomes of a value on its way: constants, types, defaults, hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from mapping_samples import contact_row, moment

from mappings.errors import InvalidRule
from mappings.rules import load, map_moment

ADDRESS = hashlib.sha256(b"mira@brook.example").hexdigest()


def made(tmp_path: Path, spec: str, **fields: Any) -> Any:
    """The value of an attribute with this spec, of a contact with these fields; None: not sent."""
    text = f"rules:\n  - {{when: contact, user: true, attributes: {{a: {spec}, z: {{value: 1}}}}}}\n"
    (tmp_path / "own.yaml").write_text(text)
    (user,) = map_moment(load(tmp_path), moment("contact", row=contact_row(fields)))
    return user.attributes.get("a")


@pytest.mark.parametrize(
    ("spec", "value", "out"),
    [
        ("{expr: contact.x, hash: sha256}", "mira@brook.example", ADDRESS),
        ("{expr: contact.x, hash: sha256}", " Mira@Brook.example\n", ADDRESS),
        ("{expr: contact.x, hash: sha256}", "Mira", hashlib.sha256(b"Mira").hexdigest()),
        ("{expr: contact.x, hash: sha256}", "Grüße", hashlib.sha256("Grüße".encode()).hexdigest()),
        ("{expr: contact.x, hash: sha256}", 12.0, hashlib.sha256(b"12").hexdigest()),
        ("{expr: contact.x, hash: sha256}", True, hashlib.sha256(b"true").hexdigest()),
        ("{expr: digits(contact.x), hash: sha256}", "+31 6", hashlib.sha256(b"316").hexdigest()),
        ("{expr: contact.x, hash: sha256, type: datetime}", 1_768_035_600,
         hashlib.sha256(b"2026-01-10T09:00:00Z").hexdigest()),
        ("{expr: contact.x, hash: sha256}", "  ", None),
        ("{expr: contact.x, hash: sha256}", ["a"], None),
        ("{expr: contact.x, hash: sha256, default: none}", None, "none"),
        ("{expr: contact.x, drop_if_null: true}", None, None),
        ("{expr: contact.x, drop_if_null: false, default: none}", None, "none"),
        ("{expr: contact.x, type: datetime, default: 2030-01-01T00:00:00Z}", "", "2030-01-01T00:00:00Z"),
        ("{value: 2030-01-01T00:00:00Z}", "", "2030-01-01T00:00:00Z"),
        ("{value: yes}", "", "yes"),  # a word, as in YAML 1.2
    ],
)  # fmt: skip
def test_values(tmp_path: Path, spec: str, value: Any, out: Any) -> None:
    assert made(tmp_path, spec, x=value) == out


@pytest.mark.parametrize(
    ("attribute", "key", "problem"),
    [
        ("a: {expr: contact.x, drop_if_null: false}", "a.drop_if_null", "MoEngage documents no null"),
        ("a: {expr: contact.x, drop_if_null: never}", "a.drop_if_null", "expected true or false"),
        ("a: {expr: contact.x, hash: md5}", "a.hash", "unknown hash 'md5'; known: sha256"),
        ("a: {value: x, hash: sha256}", "a.hash", "only with 'expr'"),
        ("a: {expr: contact.x, hash: sha256, type: list}", "a.hash", "a list has no hash"),
        ("moe_spam: {expr: contact.x, hash: sha256}", "moe_spam.hash", "of type 'bool'"),
        ("a: {value: .nan}", "a.value", "expected a string, a number"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, attribute: str, key: str, problem: str) -> None:
    (tmp_path / "own.yaml").write_text(
        f"rules:\n  - {{when: contact, user: true, attributes: {{{attribute}}}}}\n"
    )
    with pytest.raises(InvalidRule) as caught:
        load(tmp_path)
    assert caught.value.key == f"rules[0].attributes.{key}"
    assert problem in caught.value.problem


def test_what_only_users_have_is_no_attribute_of_an_event(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "rules:\n  - {when: contact, event: e, attributes: {moe_spam: contact.x}}\n"
    )
    with pytest.raises(InvalidRule, match="write 'intercom_moe_spam'"):
        load(tmp_path)
