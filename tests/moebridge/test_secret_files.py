"""Secrets from files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from moebridge.cli import main
from moebridge.errors import SettingsInvalid
from moebridge.setting_catalogue import CATALOGUE
from moebridge.settings_source import load

KEY_FILE = "MOEBRIDGE_MOENGAGE__API_KEY_FILE"


def problem() -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load(purpose="worker")
    [line] = [line for line in str(caught.value).splitlines() if "moengage.api_key" in line]
    return line.strip()


@pytest.mark.parametrize("name", [name for name, setting in CATALOGUE.items() if setting.secret])
def test_every_secret_can_come_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_text("hush-1234\n")
    setting = CATALOGUE[name]
    monkeypatch.setenv(f"{setting.variable}_FILE", "secret")
    if name.startswith("kafka."):
        monkeypatch.setenv("MOEBRIDGE_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
        monkeypatch.setenv("MOEBRIDGE_KAFKA__SASL_USERNAME", "moebridge")
    loaded = load()
    value = getattr(getattr(loaded.settings, setting.section), setting.key)
    assert value in (SecretStr("hush-1234"), (SecretStr("hush-1234"),))
    assert loaded.origins[name] == f"{setting.variable}_FILE"
    assert "hush" not in repr(loaded)


def test_several_secrets_stand_in_a_file_line_by_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secrets").write_text("first\nsecond\n\n")
    monkeypatch.setenv("MOEBRIDGE_INTERCOM__WEBHOOK_SECRETS_FILE", "secrets")
    secrets = load().settings.intercom.webhook_secrets
    assert secrets == (SecretStr("first"), SecretStr("second"))


def test_a_further_configurations_secret_comes_from_a_file_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("hush")
    monkeypatch.setenv("MOEBRIDGE_CONFIGURATIONS__EU__MOENGAGE__API_KEY_FILE", "key")
    monkeypatch.setenv("MOEBRIDGE_CONFIGURATIONS__EU__MOENGAGE__WORKSPACE_ID", "EU1")
    assert load().settings.configurations["eu"].moengage.api_key == SecretStr("hush")


def test_a_file_wins_over_the_settings_file_as_its_variable_would(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "moebridge.toml").write_text('[moengage]\napi_key = "old"\nworkspace_id = "W"\n')
    (tmp_path / "key").write_text("new")
    monkeypatch.setenv(KEY_FILE, "key")
    moengage = load().settings.moengage
    assert (moengage.api_key, moengage.workspace_id) == (SecretStr("new"), "W")


def test_what_is_wrong_with_a_file_is_named_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(KEY_FILE, "no-such-file")
    assert problem().startswith(
        f"moengage.api_key ({KEY_FILE}): the file 'no-such-file' cannot be read (No"
    )
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv(KEY_FILE, "empty")
    assert "the file 'empty' is empty. Name a file that holds it" in problem()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    monkeypatch.setenv(KEY_FILE, "binary")
    assert "the file 'binary' is no text." in problem()


def test_a_secret_cannot_be_given_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hush-1")
    monkeypatch.setenv(KEY_FILE, "key")
    monkeypatch.setenv("MOEBRIDGE_MOENGAGE__API_KEY", "hush-2")
    said = problem()
    assert (
        said
        == f"moengage.api_key ({KEY_FILE}): MOEBRIDGE_MOENGAGE__API_KEY is set too. Keep one of the two."
    )


def test_only_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBRIDGE_KAFKA__PARTITIONS_FILE", "x")
    with pytest.raises(SettingsInvalid, match="Did you mean MOEBRIDGE_KAFKA__PARTITIONS"):
        load()


@pytest.mark.parametrize("command", [["config", "show"], ["config", "check", "--for", "anything"]])
def test_what_is_shown_has_no_secret_in_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "secret").write_text("hush-1234")
    monkeypatch.setenv("COLUMNS", "200")
    for name, setting in CATALOGUE.items():
        if setting.secret:
            from_file = "api_key" in name
            monkeypatch.setenv(
                setting.variable + "_FILE" * from_file, "secret" if from_file else "hush-1234"
            )
    monkeypatch.setenv("MOEBRIDGE_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("MOEBRIDGE_KAFKA__SASL_USERNAME", "moebridge")
    result = CliRunner().invoke(main, command, env=dict(os.environ))
    assert result.exit_code == 0, result.output
    assert "hush" not in result.output
    lines = {line.split()[0]: line for line in result.output.splitlines() if line.strip()}
    assert "***" in lines["kafka.sasl_password"]
    assert KEY_FILE in lines["moengage.api_key"]
    assert "moebridge" in lines["kafka.sasl_username"]
