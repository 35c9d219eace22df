"""The command line. Exit codes: 0 fine, 1 failed while running, 2 wrong usage or settings."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

import click

from events.errors import MoebridgeError
from ingest.errors import InvalidConfig as InvalidIngestConfig
from mappings.errors import MappingError
from moebridge.commands.options import debugging
from moebridge.errors import SettingsInvalid
from moengage.errors import InvalidConfig as InvalidMoEngageConfig
from streams.errors import WrongReplay

#: In the order of the help; each is the attribute of that name in the module of that name, which is
#: imported when it is needed: Faust and the broker client take a second to import.
COMMANDS = (
    "demo",
    "run",
    "ingest",
    "worker",
    "topics",
    "lag",
    "replay",
    "tail",
    "dead-letters",
    "receipts",
    "config",
    "mapping",
    "connector",
    "doctor",
    "auth-header",
    "sandbox",
    "broker",
    "docs",
)

#: What is wrong with what was asked for, not with what happened.
_WRONG_SETTINGS = (SettingsInvalid, MappingError, InvalidIngestConfig, InvalidMoEngageConfig, WrongReplay)


class Commands(click.Group):
    """Commands that are imported on demand, and whose errors become one clear line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        attribute = cmd_name.replace("-", "_")
        command = getattr(import_module(f"moebridge.commands.{attribute}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. With --debug errors come with their traceback."""
        try:
            return super().invoke(ctx)
        except MoebridgeError as error:
            if debugging(ctx):
                raise
            click.echo(f"moebridge: {error}", err=True)
            ctx.exit(2 if isinstance(error, _WRONG_SETTINGS) else 1)


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version("moebridge"), message="moebridge %(version)s")
def main() -> None:
    """Carry what happens in Intercom into MoEngage, in seconds.

    Settings come from the environment (MOEBRIDGE_SECTION__KEY) and from a TOML file; see
    docs/settings.md. `moebridge demo` needs none.
    """
