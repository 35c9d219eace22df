"""``moebridge topics``: create and check what there has to be on the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from moebridge import logs
from moebridge.commands.options import config_option
from moebridge.screen import console, table
from moebridge.setting_catalogue import secrets_of
from moebridge.settings import Settings
from moebridge.settings_source import load
from moebridge.topic_admin import TopicReport, check_topics, create_topics
from moebridge.wiring import connection, topic_arguments


@click.group()
def topics() -> None:
    """Create and check the topics on the broker."""


@topics.command()
@config_option
def create(config_file: Path | None) -> None:
    """Create what is missing and report on all; what exists stays as it is."""
    settings = _settings(config_file)
    _report(
        asyncio.run(
            create_topics(
                connection(settings),
                replication=settings.kafka.replication,
                **topic_arguments(settings),
            )
        )
    )


@topics.command()
@config_option
def check(config_file: Path | None) -> None:
    """Report on every topic, changing nothing. Exit code 1 where something is wrong."""
    settings = _settings(config_file)
    _report(asyncio.run(check_topics(connection(settings), **topic_arguments(settings))))


def _settings(config_file: Path | None) -> Settings:
    settings = load(config_file, purpose="topics").settings
    logs.set_up(settings.log.level, settings.log.format, "topics", secrets=secrets_of(settings))
    return settings


def _report(reports: Sequence[TopicReport]) -> None:
    rows = table("topic", "partitions", "")
    for report in reports:
        state = report.problem or ("created" if report.created else "fine")
        if report.untold:
            state += f" ({report.untold})"
        colour = "red" if report.problem else "green"
        rows.add_row(report.name, str(report.partitions or "-"), state, style=colour)
    console().print(rows)
    if any(report.problem for report in reports):
        raise click.exceptions.Exit(1)
