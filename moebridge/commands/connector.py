"""``moebridge connector``: what to set up in Intercom."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from mappings.rules import load as load_rules
from moebridge.commands.options import config_name_option, config_option, configuration, public_url
from moebridge.configuration_names import naming
from moebridge.connector.guide import METHODS, Guide, Method
from moebridge.connector.guides import UNKNOWN_HOST, Target, make_guide
from moebridge.connector.printing import guide_json, guide_lines
from moebridge.screen import console
from moebridge.setting_catalogue import variable
from moebridge.settings_source import load


@click.command()
@click.option("--method", type=click.Choice(METHODS), required=True, help="How Intercom shall tell.")
@click.option(
    "--url",
    callback=public_url,
    help="Where Intercom reaches the front door; else ingest.public_url.",
)
@config_name_option("The configuration; else the default one.")
@click.option("--show-secrets", is_flag=True, help="Print the headers whole.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@config_option
def connector(
    config_file: Path | None,
    method: Method,
    url: str | None,
    config_name: str | None,
    show_secrets: bool,
    as_json: bool,
) -> None:
    """Print what to paste into Intercom.

    Step by step: URL, headers, body with the places for Intercom's attributes, topics to subscribe to.
    Needs no broker and calls nobody. Secrets are hidden unless asked for.
    """
    settings = load(config_file).settings
    name, one = configuration(settings, config_name)
    base_url = url or settings.ingest.public_url or UNKNOWN_HOST
    rules = load_rules(one.mapping.path, identity=one.mapping.identity)
    target = Target(base_url, name, one, naming(name, settings.ingest.config_name))
    guide = make_guide(method, target, rules)
    if show_secrets:
        _require_secrets(guide)
    if as_json:
        click.echo(guide_json(guide, secrets=show_secrets))
        return
    screen = console()
    for line, style in guide_lines(guide, secrets=show_secrets, width=screen.width):
        screen.print(Text(line, style=style), soft_wrap=True)
    if base_url == UNKNOWN_HOST:
        click.echo(
            f"\n{UNKNOWN_HOST} stands for where Intercom reaches the front door: give --url, or set "
            f"{variable('ingest.public_url')}",
            err=True,
        )


def _require_secrets(guide: Guide) -> None:
    unset = [name for request in guide.requests for header in request.headers for name in header.unset]
    if unset:
        names = ", ".join(variable(name) for name in dict.fromkeys(unset))
        raise click.UsageError(f"--show-secrets: nothing to show; set {names}")
