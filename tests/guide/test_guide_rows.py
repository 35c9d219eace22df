"""docs/guide.md has every row of the guide, and every row has its tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs/guide.md").read_text("utf-8")

#: What MoEngage's page about Intercom promises, thing by thing.
ROWS = (
    "Users and leads: created, updated",
    "Users and leads: e-mail changed",
    "Users and leads: tags",
    "Users and leads: subscriptions",
    "Users and leads: archived, unarchived",
    "Users and leads: signed up",
    "Users and leads: merged",
    "Users and leads: deleted",
    "Companies: attributes",
    "Companies: several",
    "Companies: attached, detached, updated, deleted",
    "Ticket attributes: every topic",
    "Ticket attributes: custom ones",
    "Ticket attributes: files",
    "Ticket state changes: only real ones",
    "Ticket state changes: from, to, how long",
    "Ticket state changes: custom states",
    "Ticket state changes: names by state",
    "Conversation attributes and tags",
    "Custom tracked attributes",
    "Method 1, approach A",
    "Method 1, approach B: who is asked for",
    "Method 1, approach B: how",
    "Method 2",
    "configName",
    "Several configurations in one process",
    "What to enter in Intercom",
    "Whether all is well",
)


def table() -> Iterator[tuple[str, set[str]]]:
    """Each row of the page with the tests that it names."""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] != "row":
            yield cells[0], set(re.findall(r"`(test_\w+)`", cells[-1]))


def written() -> set[str]:
    """Every test of this folder that plays something through the bridge."""
    names: set[str] = set()
    for path in HERE.glob("test_guide_*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_"):
                names.add(node.name)
    return names


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_tests(row: str) -> None:
    named = dict(table()).get(row)
    assert named, f"docs/guide.md: no tests at {row!r}"
    assert named <= written(), f"docs/guide.md: no such tests: {named - written()}"


def test_the_page_has_these_rows_and_no_test_is_left_out() -> None:
    rows = list(table())
    assert tuple(row for row, _ in rows) == ROWS
    assert written() == set().union(*(named for _, named in rows))
