"""``moebridge docs``: the parts of the documentation that are made from the code. Hidden."""

from __future__ import annotations

import click

from moebridge.doc_tables import metrics_markdown, topics_markdown
from moebridge.setting_catalogue import markdown


@click.group(hidden=True)
def docs() -> None:
    """Print what docs/ holds of the code."""


@docs.command()
def settings() -> None:
    """The tables of docs/settings.md."""
    click.echo(markdown())


@docs.command()
def topics() -> None:
    """The tables of docs/topics.md."""
    click.echo(topics_markdown())


@docs.command()
def metrics() -> None:
    """The tables of docs/metrics.md."""
    click.echo(metrics_markdown())
