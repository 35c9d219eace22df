"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ingest.basic_auth import parse_basic
from moebridge.cli import COMMANDS, main
from moebridge.errors import SettingsInvalid

SECRET_VARIABLES = {
    "MOEBRIDGE_INTERCOM__WEBHOOK_SECRETS": "hush-1,hush-2",
    "MOEBRIDGE_INTERCOM__DATA_KEY": "hush-3",
    "MOEBRIDGE_INTERCOM__DATA_KEYS": "hush-4",
    "MOEBRIDGE_MOENGAGE__API_KEY": "hush-5",
}
ENOUGH_FOR_RUN = {
    **SECRET_VARIABLES,
    "MOEBRIDGE_INTERCOM__WORKSPACE_ID": "abc",
    "MOEBRIDGE_MOENGAGE__WORKSPACE_ID": "ABC",
}


def invoke(*arguments: str, env: dict[str, str] | None = None, given: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, env=env, input=given)


def test_the_version() -> None:
    result = invoke("--version")
    assert (result.exit_code, result.stdout) == (0, "moebridge 0.1.0\n")


def test_every_command_has_a_first_line_that_is_not_cut_off() -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    listed = result.stdout.partition("Commands:\n")[2]
    assert len(listed.splitlines()) == len(COMMANDS) - 1  # docs is hidden
    assert "..." not in listed
    assert "..." not in invoke("dead-letters", "--help").stdout.partition("Commands:\n")[2]
    assert "..." not in invoke("receipts", "--help").stdout.partition("Commands:\n")[2]


@pytest.mark.parametrize("arguments", [("nonsense",), ("run", "--nonsense"), ("topics", "destroy")])
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert invoke(*arguments).exit_code == 2


@pytest.mark.parametrize("command", ["run", "ingest", "worker"])
def test_a_command_does_not_start_with_wrong_settings(command: str) -> None:
    result = invoke(command, env={"MOEBRIDGE_INGEST__PORT": "x", "MOEBRIDGE_WORKER__HTTP_PORT": "x"})
    assert (result.exit_code, result.stdout) == (2, "")
    first, *rest = result.stderr.splitlines()
    assert first.startswith("moebridge: ")
    assert first.endswith("settings are wrong:")
    assert any(line.startswith("  worker.http_port (MOEBRIDGE_WORKER__HTTP_PORT): ") for line in rest)


def test_debug_gives_the_error_itself() -> None:
    result = invoke("config", "check", "--debug")
    assert isinstance(result.exception, SettingsInvalid)


def test_config_check_tells_what_is_set_and_from_where() -> None:
    Path("moebridge.toml").write_text("[delivery]\nlinger_ms = 20\n")
    result = invoke("config", "check", env=ENOUGH_FOR_RUN)
    assert result.exit_code == 0
    assert "hush" not in result.output
    rows = {
        row[0].strip(): (row[1].strip(), row[2].strip())
        for line in result.stdout.splitlines()
        if len(row := line.split("│")) == 3
    }
    assert rows["intercom.webhook_secrets"] == ("***,***", "MOEBRIDGE_INTERCOM__WEBHOOK_SECRETS")
    assert rows["moengage.api_key"] == ("***", "MOEBRIDGE_MOENGAGE__API_KEY")
    assert rows["delivery.linger_ms"] == ("20", "moebridge.toml:2")
    assert rows["delivery.max_elements"] == ("100", "default")
    assert "fine for `moebridge run`" in result.stdout


def test_config_check_shows_every_configuration_and_its_rules() -> None:
    Path("moebridge.toml").write_text(
        "[configurations.EU.intercom]\nwebhook_secrets = ['hush-9']\n"
        "[configurations.EU.moengage]\nworkspace_id = 'w'\n"
        "[configurations.EU.mapping]\nidentity = ['email']\n"
    )
    env = {**ENOUGH_FOR_RUN, "MOEBRIDGE_CONFIGURATIONS__EU__MOENGAGE__API_KEY": "hush-8"}
    result = invoke("config", "check", env=env)
    assert result.exit_code == 0
    rows = [line.split("│") for line in result.stdout.splitlines() if line.count("│") == 2]
    shown = {row[0].strip(): (row[1].strip(), row[2].strip()) for row in rows}
    assert shown["configurations.eu.intercom.webhook_secrets"] == ("***", "moebridge.toml:2")
    assert shown["configurations.eu.moengage.api_key"][0] == "***"
    assert shown["configurations.eu.moengage.timeout_s"] == ("10", "default")
    assert "hush" not in result.output
    versions = dict(re.findall(r"configuration (\w+): \d+ mapping rules, version (\w+)", result.stdout))
    assert versions.keys() == {"default", "eu"}
    assert len(set(versions.values())) == 2  # another identity is another version


def test_config_check_tells_what_is_missing() -> None:
    result = invoke("config", "check", "--for", "worker")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "moengage.api_key: not set." in result.stderr


def test_config_check_compiles_the_rules() -> None:
    Path("rules.yaml").write_text("rules:\n  - when: nonsense\n    user: true\n")
    result = invoke("config", "check", "--for", "anything", env={"MOEBRIDGE_MAPPING__PATH": "rules.yaml"})
    assert result.exit_code == 2
    assert "rules.yaml:2" in result.stderr


def test_auth_header_from_standard_input() -> None:
    result = invoke(
        "auth-header", "--workspace-id", "abc", "--key-stdin", "--url", "https://b.example.com/",
        given="käy:1\n",
    )  # fmt: skip
    assert result.exit_code == 0
    header = result.stdout.splitlines()[0].removeprefix("Authorization: ")
    assert parse_basic(header) == ("abc", "käy:1")
    assert "https://b.example.com/v1/partner/intercom/user?configName=default" in result.stdout
    assert "https://b.example.com/intercom/webhooks" in result.stdout


def test_auth_header_from_the_settings() -> None:
    result = invoke("auth-header", env={**ENOUGH_FOR_RUN, "MOEBRIDGE_INGEST__CONFIG_NAME": "other"})
    token = base64.b64encode(b"abc:hush-3").decode()
    assert result.stdout.startswith(f"Authorization: Basic {token}\n")
    assert "configName=other" in result.stdout


def test_auth_header_of_another_configuration() -> None:
    Path("moebridge.toml").write_text(
        "[configurations.EU.intercom]\nworkspace_id = 'w'\ndata_key = 'k'\n[configurations.au]\n"
    )
    result = invoke("auth-header", "--config-name", "EU", env=ENOUGH_FOR_RUN)
    assert result.stdout.startswith(f"Authorization: Basic {base64.b64encode(b'w:k').decode()}\n")
    assert "configName=eu" in result.stdout
    result = invoke("auth-header", "--config-name", "au", env=ENOUGH_FOR_RUN)
    assert result.exit_code == 2
    assert "MOEBRIDGE_CONFIGURATIONS__AU__INTERCOM__WORKSPACE_ID" in result.stderr
    assert "only default, eu, au" in invoke("auth-header", "--config-name", "us").stderr


@pytest.mark.parametrize(
    ("arguments", "given", "expected"),
    [
        ((), None, "no workspace id"),
        (("--workspace-id", "abc"), None, "no data key"),
        (("--workspace-id", "abc", "--key-stdin"), "\n", "no data key"),
        (("--workspace-id", "a:b", "--key-stdin"), "key\n", "a colon cannot be part of it"),
    ],
)
def test_auth_header_without_what_it_needs(
    arguments: tuple[str, ...], given: str | None, expected: str
) -> None:
    result = invoke("auth-header", *arguments, given=given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert expected in result.stderr


def test_there_is_no_option_for_the_data_key() -> None:
    assert invoke("auth-header", "--data-key", "hush").exit_code == 2


def test_a_broker_that_is_not_there() -> None:
    servers = "127.0.0.1:9"
    result = invoke("topics", "check", env={"MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS": servers})
    assert result.exit_code == 1
    assert f"moebridge: kafka.bootstrap_servers: no answer from {servers}" in result.stderr


def test_apache_kafka_takes_no_port() -> None:
    result = invoke("broker", "--kind", "kafka", "--port", "9092")
    assert result.exit_code == 2
    assert "--port" in result.stderr
