"""docs/settings.md and docs/commands.md tell of every setting, command and option."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from moebridge.cli import main
from moebridge.setting_catalogue import CATALOGUE, markdown

CHECKOUT = Path(__file__).parents[2]
SETTINGS = (CHECKOUT / "docs/settings.md").read_text("utf-8")
COMMANDS = (CHECKOUT / "docs/commands.md").read_text("utf-8")


def commands(group: click.Group = main, name: str = "moebridge") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for part in group.list_commands(context):
        command = group.get_command(context, part)
        assert command is not None
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield f"{name} {part}", command
            yield from commands(command, f"{name} {part}")
        else:
            yield f"{name} {part}", command


def section(name: str) -> str:
    """The part of docs/commands.md below a command's heading."""
    _, heading, rest = COMMANDS.partition(f"## `{name}`\n")
    assert heading, f"docs/commands.md: no heading for `{name}`"
    return rest.partition("\n## ")[0]


def test_the_tables_of_settings_are_those_of_the_code() -> None:
    assert SETTINGS.endswith(markdown().rstrip() + "\n"), (
        "docs/settings.md: make its tables anew: moebridge docs settings"
    )


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=[name for name, _ in commands()])
def test_every_command_is_documented_with_its_options(name: str, command: click.Command) -> None:
    text = section(name)
    documented = set(re.findall(r"`(--[a-z-]+)", text[text.find("| option | |") :]))
    options = {
        option.opts[-1]
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
    }
    assert documented == options


def test_no_command_is_documented_that_does_not_exist() -> None:
    headings = set(re.findall(r"^## `(moebridge [^`]+)`$", COMMANDS, re.MULTILINE))
    assert headings == {name for name, _ in commands()} | {"moebridge --version"}


def test_docker_compose_names_real_settings() -> None:
    compose = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text("utf-8"))
    known = {setting.variable for setting in CATALOGUE.values()}
    named = set(re.findall(r"\bMOEBRIDGE_\w+", str(compose)))
    assert named
    assert named <= known
