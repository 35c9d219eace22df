"""The catalogue of topics."""

from __future__ import annotations

from typing import get_args

import pytest

from events.topics import (
    CATALOGUE,
    CONTACTS,
    DAY_MS,
    DEAD_LETTERS,
    EVENTS,
    SETTLEMENTS,
    TABLES,
    TopicName,
    changelog_spec,
    topic_name,
)


def test_every_topic_stands_in_the_catalogue_under_its_own_name() -> None:
    assert set(CATALOGUE) == set(get_args(TopicName))
    assert all(spec.name == name for name, spec in CATALOGUE.items())


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_topics_are_kept_for_a_while_and_never_compacted(name: TopicName) -> None:
    """Compaction would leave one event a key, and gaps in the offsets."""
    config = CATALOGUE[name].broker_config(max_message_bytes=1_000_000)
    assert config["cleanup.policy"] == "delete"
    assert int(config["retention.ms"]) >= 7 * DAY_MS
    assert config["max.message.bytes"] == "1000000"


def test_a_month_can_be_replayed_and_a_quarter_looked_into() -> None:
    assert CATALOGUE[EVENTS].retention_ms == 30 * DAY_MS
    assert CATALOGUE[DEAD_LETTERS].retention_ms == 90 * DAY_MS


def test_what_became_of_a_letter_is_known_for_longer_than_the_letter_is_there() -> None:
    """A broker deletes whole segments, which it closes after a week."""
    letters, settlements = CATALOGUE[DEAD_LETTERS].retention_ms, CATALOGUE[SETTLEMENTS].retention_ms
    assert letters is not None
    assert settlements is not None
    assert settlements >= letters + 14 * DAY_MS


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_changelog_is_compacted_and_never_expires(table: str) -> None:
    spec = changelog_spec("bridge", table)
    assert spec.name == f"bridge-{table}-changelog"
    config = spec.broker_config(max_message_bytes=1)
    assert config["cleanup.policy"] == "compact"
    assert "retention.ms" not in config


def test_an_installation_has_its_own_names() -> None:
    assert topic_name(CONTACTS) == "intercom.contacts"
    assert topic_name(CONTACTS, "eu.") == "eu.intercom.contacts"
