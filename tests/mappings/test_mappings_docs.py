"""docs/mapping.md tells of everything that there is, and what it shows is what happens."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mappings.compiler import RULE_KEYS, SPREAD_KEYS
from mappings.conversion import HASHES, TYPES
from mappings.document import FIELDS, ITEM, PARTS
from mappings.file_tests import EXPECT_KEYS, TEST_KEYS
from mappings.functions import OWN_FUNCTIONS
from mappings.lint import finding_lines, lint
from mappings.moment import HAPPENINGS
from mappings.payloads import PARTNER_FORMS, SHORT_KEYS, envelopes, written
from mappings.report import CHANGES
from mappings.rule_folder import FILE_KEYS
from mappings.rules import load
from mappings.safety import STANDARD_ATTRIBUTES
from mappings.specs import SPEC_KEYS
from mappings.triggers import ON_KEYS, WHEN_KEYS
from streams.rehearsal import difference, preview_lines, result_lines, run_tests

PAGE = (Path(__file__).parents[2] / "docs/mapping.md").read_text("utf-8")
#: Words in code style, without the blocks.
NAMED = set(
    re.findall(
        r"[\w.*]+", " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.S)))
    )
)


def block(kind: str, containing: str) -> str:
    """The one code block of a kind that contains some text."""
    [found] = [one for one in re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.S) if containing in one]
    return str(found)


def shown(command: str) -> list[str]:
    """What the page shows that a command prints."""
    prompt, *lines = block("console", f"$ moebridge mapping {command} ").splitlines()
    assert prompt.startswith("$ ")
    return lines


@pytest.mark.parametrize(
    "names",
    [
        FILE_KEYS, RULE_KEYS, WHEN_KEYS, ON_KEYS, SPEC_KEYS, SPREAD_KEYS, TEST_KEYS, EXPECT_KEYS,
        (*SHORT_KEYS, *PARTNER_FORMS), HAPPENINGS, (*PARTS, ITEM), tuple(OWN_FUNCTIONS), tuple(TYPES),
        tuple(HASHES), tuple(STANDARD_ATTRIBUTES), tuple(CHANGES),
        tuple(name for names in FIELDS.values() for name in names),
        tuple(rule.name for rule in load().rules),
    ],
)  # fmt: skip
def test_everything_is_named(names: tuple[str, ...]) -> None:
    assert set(names) <= NAMED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that the page has its reader make."""
    (tmp_path / "own.yaml").write_text(block("yaml", "email_hash"), "utf-8")
    return tmp_path


def test_the_folder_is_linted_and_tested_as_shown(folder: Path) -> None:
    assert finding_lines(lint(folder)) == shown("lint")
    assert result_lines(run_tests(folder)) == shown("test")


def test_the_preview_is_as_shown(folder: Path) -> None:
    payload = json.loads(block("json", "65a1"))
    assert preview_lines(load(folder), "contact.user.updated", payload) == shown("preview")


def test_the_difference_is_as_shown(folder: Path) -> None:
    payload = json.loads(block("json", "65a1"))
    told = envelopes([written("contact.user.updated", payload)])
    assert difference(load(), load(folder), told).lines() == shown("diff")


def test_the_other_examples_are_rules(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(block("yaml", "join("), "utf-8")
    assert lint(tmp_path) == []
