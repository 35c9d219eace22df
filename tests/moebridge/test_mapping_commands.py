"""moebridge mapping: lint, test, preview, diff."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from moebridge.cli import main

OWN = """
extends: default
rules:
  - name: resolved
    when: ticket_state_changed
    on: {to: resolved}
    event: ticket_resolved
    attributes: {ticket_number: ticket.number}
tests:
  - name: a resolved ticket is told
    given:
      - topic: ticket.state.updated
        item:
          id: "1"
          ticket_id: "7"
          ticket_state: {id: "3", category: resolved}
          contacts: {contacts: [{id: c1, external_id: cust-1}]}
          updated_at: 1768000000
    expect:
      - event: ticket_state_changed
      - event: ticket_resolved
        attributes_include: {ticket_number: "7"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mapping").mkdir()
    (tmp_path / "mapping" / "own.yaml").write_text(OWN)
    return tmp_path / "mapping"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["mapping", *arguments])


def test_the_shipped_rules_pass_their_lint_and_tests() -> None:
    assert run("lint").exit_code == 0
    tested = run("test")
    assert tested.exit_code == 0
    assert "ok " in tested.output


MERGE = """
  - name: a lead signs up
    before:
      - topic: contact.lead.created
        item: {type: contact, id: c9, external_id: made-up, role: lead, email: a@b.example}
    given:
      - topic: contact.lead.signed_up
        item: {type: contact, id: c9, external_id: cust-9, role: user, email: a@b.example}
    expect:
      - {user: true, customer_id: cust-9}
      - {merge: made-up, customer_id: cust-9}
"""


def test_whether_users_are_merged_is_read_from_the_settings(folder: Path) -> None:
    (folder / "own.yaml").write_text(OWN + MERGE)
    settings = Path("moebridge.toml")
    settings.write_text('[mapping]\npath = "mapping"\n')
    assert "2 tests passed" in run("test", "--config", "moebridge.toml").output
    settings.write_text('[mapping]\npath = "mapping"\nmerges = "off"\n')
    assert "FAILED own.yaml" in run("test", "--config", "moebridge.toml").output


def test_a_folder_of_ones_own(folder: Path) -> None:
    assert run("lint", str(folder)).exit_code == 0
    assert "1 test passed" in run("test", str(folder)).output


def test_a_failing_test_and_a_wrong_rule_are_told_by_the_exit_code(folder: Path) -> None:
    own = folder / "own.yaml"
    own.write_text(OWN.replace('ticket_number: "7"', 'ticket_number: "8"'))
    failed = run("test", str(folder))
    assert failed.exit_code == 1
    assert "ticket_number" in failed.output
    own.write_text(OWN.replace("when: ticket_state_changed", "when: ticket_vanished"))
    linted = run("lint", str(folder))
    assert linted.exit_code == 1
    assert "own.yaml:5" in linted.output


def test_a_preview(folder: Path, tmp_path: Path) -> None:
    payload = tmp_path / "payload.json"
    payload.write_text(
        json.dumps({"type": "contact", "id": "c1", "external_id": "cust-1", "name": "Mira"})
    )
    shown = run("preview", "--topic", "contact.user.updated", str(payload))
    assert json.loads(shown.output)["attributes"]["u_n"] == "Mira"
    payload.write_text("{,}")
    refused = run("preview", "--topic", "contact.user.updated", str(payload))
    assert refused.exit_code == 1
    assert f"{payload}: not JSON" in refused.output


def test_a_diff(folder: Path, tmp_path: Path) -> None:
    item = {
        "id": "1", "ticket_id": "7", "ticket_state": {"id": "3", "category": "resolved"},
        "contacts": {"contacts": [{"id": "c1", "external_id": "cust-1"}]}, "updated_at": 1768000000,
    }  # fmt: skip
    recorded = tmp_path / "events.jsonl"
    recorded.write_text(json.dumps({"topic": "ticket.state.updated", "item": item}) + "\n\n")
    compared = run("diff", "default", str(folder), "--from", str(recorded))
    assert compared.exit_code == 0, compared.output
    assert "ticket_resolved" in compared.output
    recorded.write_text(f"{recorded.read_text()}{json.dumps(item)}\n")
    assert (
        f"{recorded}:3: topic: expected a topic, beside 'item' or 'data'"
        in run("diff", "default", str(folder), "--from", str(recorded)).output
    )
    recorded.write_text("[]\n")
    assert (
        f"{recorded}:1: $: expected a JSON object"
        in run("diff", "default", str(folder), "--from", str(recorded)).output
    )


CONTACT = {
    "type": "contact",
    "id": "c1",
    "external_id": "cust-1",
    "email": "mira@example.com",
    "name": "M",
}


@pytest.fixture
def configured(folder: Path, tmp_path: Path) -> Path:
    """Settings in which the configuration eu has the rules of one's own, by e-mail; a payload."""
    (tmp_path / "moebridge.toml").write_text(
        "[configurations.EU.mapping]\npath = 'mapping'\nidentity = ['email']\n"
    )
    payload = tmp_path / "payload.json"
    payload.write_text(json.dumps(CONTACT))
    return payload


def test_a_preview_by_the_rules_and_identity_of_a_configuration(configured: Path) -> None:
    customers = []
    for asked in ([], ["--config-name", "eu"], ["--config-name", "Default"]):
        shown = run("preview", "--topic", "contact.user.updated", str(configured), *asked)
        customers.append(json.loads(shown.output)["customer_id"])
    assert customers == ["cust-1", "mira@example.com", "cust-1"]


def test_tests_and_lint_of_a_configurations_own_rules(configured: Path, folder: Path) -> None:
    tested = run("test", "--config-name", "eu")
    assert (tested.exit_code, "a resolved ticket is told" in tested.output) == (0, True)
    assert "a resolved ticket is told" not in run("test", "--config-name", "default").output
    (folder / "own.yaml").write_text(OWN.replace("when: ticket_state_changed", "when: ticket_vanished"))
    linted = run("lint", "--config-name", "eu")
    assert (linted.exit_code, "own.yaml:5" in linted.output) == (1, True)
    assert run("lint", "--config-name", "default").exit_code == 0


def test_a_diff_with_the_live_rules_of_a_configuration(configured: Path) -> None:
    item = {
        "id": "1", "ticket_id": "7", "ticket_state": {"id": "3", "category": "resolved"},
        "contacts": {"contacts": [{"id": "c1"}]}, "updated_at": 1768000000,
    }  # fmt: skip
    recorded = Path("events.jsonl")
    recorded.write_text(json.dumps({"topic": "ticket.state.updated", "item": item}))
    compared = run("diff", "default", "live", "--config-name", "eu", "--from", str(recorded))
    assert "ticket_resolved" in compared.output
    same = run("diff", "default", "live", "--from", str(recorded))
    assert (same.exit_code, "ticket_resolved" in same.output) == (0, False)


def test_a_configuration_that_the_settings_do_not_have(configured: Path) -> None:
    refused = run("test", "--config-name", "us")
    assert refused.exit_code == 2
    assert "--config-name: the settings have no 'us', only default, eu" in refused.output
