"""``moebridge topics`` on a real broker."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

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

    before = topics("check")
    assert (before.exit_code, before.stdout.count("missing")) == (1, 9)
    created = topics("create")
    assert (created.exit_code, created.stdout.count("created")) == (0, 9)
    assert f"{topic_prefix}moebridge-contacts-changelog" in created.stdout
    assert topics("create").stdout.count("created") == 0
    assert topics("check").exit_code == 0
    assert topics("check", MOEBRIDGE_KAFKA__PARTITIONS="3").exit_code == 1
