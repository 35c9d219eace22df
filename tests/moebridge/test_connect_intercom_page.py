"""docs/connect-intercom.md shows what the commands print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from moebridge.cli import main
from moebridge.connector.guide import METHODS

PAGE = (Path(__file__).parents[2] / "docs/connect-intercom.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    """The code blocks of a kind."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)


def shown(command: str) -> list[list[str]]:
    """What the page shows of a command's output: pieces, between which … leaves something out."""
    [block] = [block for block in blocks("console") if block.startswith(f"$ {command}\n")]
    text = block.partition("\n")[2]
    return [piece.strip("\n").splitlines() for piece in re.split(r"^…$", text, flags=re.MULTILINE)]


def without(pieces: list[list[str]], printed: list[str]) -> list[str] | None:
    """The first of the pieces that does not stand in the output after those before it; None for none.

    The first one has to stand at the beginning, and the last at the end, unless … stands beside it.
    """
    at = 0
    for number, piece in enumerate(pieces):
        places = [0] if number == 0 and piece else range(at, len(printed))
        found = [place for place in places if printed[place : place + len(piece)] == piece]
        if not found or (number == len(pieces) - 1 and piece and found[-1] + len(piece) != len(printed)):
            return piece
        at = found[0] + len(piece)
    return None


@pytest.mark.parametrize("method", METHODS)
def test_the_page_shows_what_is_printed(method: str) -> None:
    [settings] = blocks("toml")
    Path("moebridge.toml").write_text(settings)
    command = f"moebridge connector --method {method}"
    result = CliRunner().invoke(main, command.split()[1:])
    assert result.exit_code == 0
    printed = [line.rstrip() for line in result.stdout.splitlines()]
    assert without(shown(command), printed) is None


def test_every_method_is_named() -> None:
    table = PAGE.partition("| method |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(METHODS)


def test_what_is_not_printed_is_found() -> None:
    assert without([["a"], ["c"]], ["a", "b", "c"]) is None
    assert without([["a"], ["c"], []], ["a", "b", "c", "d"]) is None
    assert without([["b"]], ["a", "b"]) == ["b"]
    assert without([["a"], ["c"]], ["a", "b", "c", "d"]) == ["c"]
    assert without([["a"], ["b", "d"], []], ["a", "b", "c", "d"]) == ["b", "d"]
