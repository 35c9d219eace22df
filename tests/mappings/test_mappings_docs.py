"""docs/mapping.md tells of everything that there is, and what it shows is what happens."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from mappings.compiler import RULE_KEYS, SPREAD_KEYS
from mappings.conversion import HASHES, TYPES
from mappings.document import FIELDS, ITEM, PARTS
from mappings.file_tests import EXPECT_KEYS, TEST_KEYS
from mappings.functions import OWN_FUNCTIONS
from mappings.lint import finding_lines, lint
from mappings.moment import HAPPENINGS
from mappings.payloads import PARTNER_FORMS, SHORT_KEYS, envelopes
from mappings.report import CHANGES
from mappings.rule_folder import FILE_KEYS
from mappings.rules import load
from mappings.safety import STANDARD_ATTRIBUTES
from mappings.specs import SPEC_KEYS
from mappings.triggers import ON_KEYS, WHEN_KEYS
from moebridge.mapping_reload import MappingReload, Mappings
from moebridge.settings import MappingSettings
from streams.metrics import Metrics
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
    [found] = [one for one in re.findall(rf"```{kind}(\n.*?)```", PAGE, flags=re.S) if containing in one]
    return str(found).removeprefix("\n")


def shown(command: str, number: int = 0) -> list[str]:
    """What the page shows that a command prints, where it stands for the first time or later."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE, flags=re.S)
    found = [one.splitlines() for one in blocks if one.startswith(f"$ {command} ")]
    return list(found[number][1:])


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


def mend(folder: Path, *changes: tuple[str, str]) -> None:
    """Change words in the file, each of which stands there once."""
    own = folder / "own.yaml"
    for before, after in changes:
        assert own.read_text("utf-8").count(before) == 1
        own.write_text(own.read_text("utf-8").replace(before, after), "utf-8")


#: What the page has its reader imagine.
MISTAKES = (
    ("email_sha256:", "moe_sha256:"),
    ("ticket_number: ticket.number", "ticket_number: ticket.numbr"),
)
WRONG_TEST = ("state_from: submitted", "state_from: in_progress")


def test_the_folder_is_linted_and_tested_as_shown(folder: Path) -> None:
    assert finding_lines(lint(folder)) == shown("moebridge mapping lint")
    assert result_lines(run_tests(folder)) == shown("moebridge mapping test")


def test_mistakes_are_named_as_shown(folder: Path) -> None:
    mend(folder, WRONG_TEST)
    assert result_lines(run_tests(folder)) == shown("moebridge mapping test", 1)
    mend(folder, *MISTAKES)
    assert finding_lines(lint(folder)) == shown("moebridge mapping lint", 1)


def test_the_preview_is_as_shown(folder: Path) -> None:
    payload = json.loads(block("json", '\n{"type": "contact", "id": "65a1"'))
    assert preview_lines(load(folder), "contact.user.updated", payload) == shown(
        "moebridge mapping preview"
    )


def test_the_difference_is_as_shown(folder: Path) -> None:
    told = envelopes([json.loads(block("json", '"topic"'))])
    assert difference(load(), load(folder), told).lines() == shown("moebridge mapping diff")


async def test_a_refused_change_is_shown_as_shown(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for versions and times."""
    monkeypatch.chdir(tmp_path)
    Path("mapping").symlink_to(folder)
    mappings = Mappings({"default": MappingSettings(path=Path("mapping"))})
    reload = MappingReload(mappings, Metrics(CollectorRegistry()), now_ms=lambda: 0)
    mend(folder, ('"CSAT due"', '"Survey due"'), ("{CSAT due:", "{Survey due:"))
    await reload.look(at_once=True)
    mend(folder, WRONG_TEST)
    await reload.look(at_once=True)

    def without(lines: list[str]) -> list[str]:
        return [re.sub(r'"[0-9a-f]{12}"|"[0-9:TZ-]{20}"', "…", line) for line in lines]

    found = json.dumps(mappings.document(), indent=4).splitlines()
    assert without(found) == without(shown("curl"))


def test_the_other_examples_are_rules(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(block("yaml", "join("), "utf-8")
    assert lint(tmp_path) == []
