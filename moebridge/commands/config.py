"""``moebridge config``: what is set, and from where."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click
from rich.markup import escape

from moebridge.commands.options import config_option
from moebridge.screen import console, table
from moebridge.setting_catalogue import settings_of, value_of, written
from moebridge.setting_problems import Purpose
from moebridge.settings_source import Loaded, load
from moebridge.wiring import connection, rule_sets


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command()
@config_option
@click.option(
    "--for",
    "purpose",
    type=click.Choice(get_args(Purpose)),
    default="run",
    show_default=True,
    help="The command that must be able to start with them.",
)
def check(config_file: Path | None, purpose: Purpose) -> None:
    """Print every setting and where it comes from; exit code 2 where one is wrong or missing.

    Secrets are shown as ***. The rule files are compiled and tested too.
    """
    loaded = load(config_file, purpose=purpose)
    rules_by_name = rule_sets(loaded.settings)
    connection(loaded.settings)
    _print(loaded)
    screen = console()
    screen.print(f"fine for `moebridge {purpose}`" if purpose != "anything" else "fine", style="green")
    screen.print(escape(_file(loaded)))
    for name, rules in rules_by_name.items():
        told = f"{len(rules.rules)} mapping rules, version {rules.version}"
        screen.print(escape(f"configuration {name}: {told}"))


@config.command()
@config_option
def show(config_file: Path | None) -> None:
    """Print every setting and where it comes from, whatever may still be missing.

    Secrets are shown as ***. Exit code 2 where a setting is wrong.
    """
    loaded = load(config_file)
    _print(loaded)
    console().print(escape(_file(loaded)))


def _print(loaded: Loaded) -> None:
    rows = table("setting", "value", "from")
    for setting in settings_of(loaded.settings):
        origin = loaded.origins.get(setting.name, "")
        value = written(value_of(loaded.settings, setting.name))
        style = None if origin else "dim"
        rows.add_row(setting.name, escape(value), escape(origin) or "default", style=style)
    console().print(rows)


def _file(loaded: Loaded) -> str:
    return f"file: {loaded.file}" if loaded.file else "no settings file"
