"""What the doctor says of a mapping on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from moebridge.doctor.mapping_probe import look_at_mapping
from moebridge.settings import MappingSettings

OWN = """
extends: default
tests:
  - name: a user is the user of its address
    given:
      - topic: contact.user.created
        item: {type: contact, id: c1, external_id: cust-1, email: a@b.example, role: user}
    expect:
      - {user: true, customer_id: a@b.example}
"""


def test_the_shipped_rules_are_well_whatever_the_settings_are() -> None:
    mapping = MappingSettings(identity=("email",), merges="off", deletes=True)
    assert [one.level for one in look_at_mapping(mapping)] == ["ok"]


@pytest.mark.parametrize(("first", "level"), [("email", "ok"), ("external_id", "problem")])
def test_own_tests_run_with_the_configurations_settings(tmp_path: Path, first: str, level: str) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    mapping = MappingSettings.model_validate({"path": tmp_path, "identity": [first]})
    assert [one.level for one in look_at_mapping(mapping)] == [level]
