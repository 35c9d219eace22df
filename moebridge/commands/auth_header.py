"""``moebridge auth-header``: what to paste into Intercom's data connectors and Series webhooks."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import quote

import click

from ingest.app import PARTNER, WEBHOOKS
from ingest.basic_auth import basic_header
from moebridge.commands.options import config_name_option, config_option, configuration, public_url
from moebridge.configuration_names import TABLE
from moebridge.connector.guides import UNKNOWN_HOST
from moebridge.setting_catalogue import variable
from moebridge.settings_source import load


@click.command("auth-header")
@config_option
@config_name_option("Of this configuration; else of the default one.")
@click.option("--workspace-id", help="Instead of intercom.workspace_id.")
@click.option("--key-stdin", is_flag=True, help="Read the data key from standard input.")
@click.option(
    "--url",
    callback=public_url,
    help="Where Intercom reaches the front door; else ingest.public_url.",
)
def auth_header(
    config_file: Path | None,
    config_name: str | None,
    workspace_id: str | None,
    key_stdin: bool,
    url: str | None,
) -> None:
    """Print what to paste into Intercom's connectors.

    The Authorization header and the URLs; works offline. The data key comes from intercom.data_key,
    from standard input or from a prompt, never from the command line, which shells keep.
    """
    settings = load(config_file).settings
    found, chosen = configuration(settings, config_name)
    prefix = "" if found == settings.ingest.config_name else f"{TABLE}.{found}."
    workspace = workspace_id or chosen.intercom.workspace_id
    if not workspace and sys.stdin.isatty() and not key_stdin:
        workspace = click.prompt("Workspace ID", err=True).strip()
    if not workspace:
        raise click.UsageError(
            f"no workspace id: give --workspace-id, or set {variable(f'{prefix}intercom.workspace_id')}"
        )
    if ":" in workspace:
        raise click.UsageError("--workspace-id: a colon cannot be part of it (RFC 7617)")
    key = chosen.intercom.data_key.get_secret_value()
    if key_stdin:
        key = sys.stdin.readline().strip()
    elif not key and sys.stdin.isatty():
        key = click.prompt("Data key", hide_input=True, err=True).strip()
    if not key:
        raise click.UsageError(
            f"no data key: set {variable(f'{prefix}intercom.data_key')}, or give it on standard input "
            "with --key-stdin"
        )
    base = url or settings.ingest.public_url or UNKNOWN_HOST
    name = quote(found, safe="")
    click.echo(f"Authorization: {basic_header(workspace, key)}")
    click.echo()
    click.echo(f"users    POST {base}{PARTNER}/user?configName={name}")
    click.echo(f"events   POST {base}{PARTNER}/event?configName={name}")
    click.echo(f"webhooks POST {base}{WEBHOOKS}   (signed by Intercom; without this header)")
