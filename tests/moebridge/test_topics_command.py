"""``moebridge topics`` on a real broker."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from events.topics import CATALOGUE, TABLES
from moebridge.cli import main

pytestmark = pytest.mark.broker


def test_create_then_check(broker: Any, topic_prefix: str) -> None:
    settings = {
        "MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "MOEBRIDGE_KAFKA__TOPIC_PREFIX": topic_prefix,
        "MOEBRIDGE_KAFKA__PARTITIONS": "2",
    }

    def topics(what: str, **other: str) -> Result:
        return CliRunner().invoke(main, ["topics", what], env={**settings, **other})

    all_of_them = len(CATALOGUE) + len(TABLES)
    before = topics("check")
    assert (before.exit_code, before.stdout.count("missing")) == (1, all_of_them)
    created = topics("create")
    assert (created.exit_code, created.stdout.count("created")) == (0, all_of_them)
    assert f"{topic_prefix}moebridge-contacts-changelog" in created.stdout
    assert topics("create").stdout.count("created") == 0
    assert topics("check").exit_code == 0
    assert topics("check", MOEBRIDGE_KAFKA__PARTITIONS="3").exit_code == 1
