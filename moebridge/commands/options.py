"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from events.configurations import Configurations
from events.errors import UnknownConfiguration
from moebridge.settings import ConfigurationSettings, Settings, server_address

_F = TypeVar("_F", bound=Callable[..., Any])

_DEBUG = "moebridge.debug"


def debugging(ctx: click.Context) -> bool:
    """Whether --debug was given."""
    return bool(ctx.meta.get(_DEBUG))


def debug_option(command: _F) -> _F:
    """``--debug``."""
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=lambda ctx, _, value: ctx.meta.update({_DEBUG: value}),
        help="Show tracebacks of errors.",
    )(command)


def config_option(command: _F) -> _F:
    """``--config FILE`` as ``config_file``, and ``--debug``."""
    with_config = click.option(
        "--config",
        "config_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Settings file; else $MOEBRIDGE_CONFIG, else ./moebridge.toml where there is one.",
    )
    return with_config(debug_option(command))


def config_name_option(help_text: str) -> Callable[[_F], _F]:
    """``--config-name NAME`` as ``config_name``: one of the configurations in the settings."""
    return click.option("--config-name", metavar="NAME", help=help_text)


def configuration(settings: Settings, name: str | None) -> tuple[str, ConfigurationSettings]:
    """The configuration of this name, in any letters, and how the settings spell it; else the default.

    Raises UsageError, with the names that there are.
    """
    by_name = settings.by_name()
    try:
        found = Configurations(tuple(by_name)).named(name or "")
    except UnknownConfiguration:
        known = ", ".join(by_name)
        raise click.UsageError(f"--config-name: the settings have no {name!r}, only {known}") from None
    return found, by_name[found]


def parent_option(command: _F) -> _F:
    """``--stop-with-parent``, for processes that moebridge starts itself."""
    return click.option("--stop-with-parent", is_flag=True, hidden=True)(command)


def public_url(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Callback of an option that takes a server's address; without the slash at its end."""
    if value is None:
        return None
    try:
        return server_address(value)
    except ValueError:
        raise click.BadParameter(f"expected http(s)://host[:port], got {value!r}") from None
