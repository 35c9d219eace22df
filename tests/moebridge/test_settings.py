"""Settings: where they come from, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from moebridge.errors import SettingsInvalid
from moebridge.setting_catalogue import CATALOGUE
from moebridge.setting_problems import Purpose
from moebridge.settings import Settings
from moebridge.settings_source import load
from moengage.limits import DATA_CENTERS


def write(text: str, name: str = "moebridge.toml") -> Path:
    file = Path(name)
    file.write_text(text, encoding="utf-8")
    return file


def problems(file: Path | None = None, purpose: Purpose = "anything") -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load(file, purpose=purpose)
    return str(caught.value)


def test_nothing_set_gives_the_defaults() -> None:
    loaded = load()
    assert loaded.settings.kafka.partitions == 8
    assert loaded.settings.app_id == "moebridge"
    assert (loaded.origins, loaded.file) == ({}, None)


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write('[kafka]\npartitions = 3\ntopic_prefix = "eu."\n')
    monkeypatch.setenv("MOEBRIDGE_KAFKA__PARTITIONS", "5")
    loaded = load()
    assert (loaded.settings.kafka.partitions, loaded.settings.kafka.topic_prefix) == (5, "eu.")
    assert loaded.settings.app_id == "eu.moebridge"
    assert loaded.origins == {
        "kafka.partitions": "MOEBRIDGE_KAFKA__PARTITIONS",
        "kafka.topic_prefix": "moebridge.toml:3",
    }


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    write("[kafka]\npartitions = 3\n")
    monkeypatch.setenv("MOEBRIDGE_KAFKA__PARTITIONS", "")
    assert load().settings.kafka.partitions == 3


def test_which_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    write("[kafka]\npartitions = 3\n")
    named = write("[kafka]\npartitions = 4\n", "named.toml")
    monkeypatch.setenv("MOEBRIDGE_CONFIG", "named.toml")
    assert load().settings.kafka.partitions == 4
    assert load(Path("moebridge.toml")).settings.kafka.partitions == 3
    assert load().file == named


def test_a_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(Path("no.toml")) == "--config: no file at 'no.toml'"
    monkeypatch.setenv("MOEBRIDGE_CONFIG", "gone.toml")
    assert problems().startswith("MOEBRIDGE_CONFIG: no file at 'gone.toml'")


def test_a_file_that_is_not_toml() -> None:
    write("[kafka]\npartitions 3\n")
    said = problems()
    assert said.startswith("moebridge.toml: not TOML: ")
    assert "line 2" in said


@pytest.mark.parametrize("given", ["one,two", " one , two ,", '["one", "two"]'])
def test_lists_in_a_variable(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("MOEBRIDGE_INTERCOM__WEBHOOK_SECRETS", given)
    secrets = load().settings.intercom.webhook_secrets
    assert secrets == (SecretStr("one"), SecretStr("two"))


def test_a_json_list_may_hold_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBRIDGE_INTERCOM__DATA_KEYS", '["a,b"]')
    assert load().settings.intercom.data_keys == (SecretStr("a,b"),)


def test_lists_in_the_file() -> None:
    write('[mapping]\nidentity = ["email", "intercom_id"]\n')
    assert load().settings.mapping.identity == ("email", "intercom_id")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("delivery.max_elements", "0", "expected a whole number from 1 to 1000, got '0'"),
        ("delivery.max_bytes", "many", "expected a whole number from 1000 to 128000, got 'many'"),
        ("moengage.timeout_s", "0", "expected a number above 0, at most 300, got '0'"),
        ("moengage.data_center", "7", "expected one of 01, 02, 03, 04, 05, 06, 101, got '7'"),
        ("moengage.base_url", "ftp://x", "expected http(s)://host[:port], without credentials, got"),
        ("moengage.base_url", "https://u:p@x", "without credentials"),
        ("moengage.real_time_action", "maybe", "expected true or false, got 'maybe'"),
        ("moengage.workspace_id", "a:b", "without a colon"),
        ("kafka.bootstrap_servers", "kafka:9092,other", "('other' is not host:port)"),
        (
            "kafka.security_protocol",
            "TLS",
            "expected one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL, got",
        ),
        ("kafka.ssl_cafile", "no/such.pem", "expected a PEM file, got 'no/such.pem'"),
        (
            "ingest.allowed_sources",
            "intercom-eu,intercom",
            "'intercom' is no address, CIDR block or one of",
        ),
        ("ingest.trusted_proxies", "10.0.0.1/8", "'10.0.0.1/8' is no address, CIDR block"),
        ("kafka.topic_prefix", "a b", "expected up to 80 of A-Z a-z 0-9 . _ -, got 'a b'"),
        ("worker.store", "sqlite", "expected one of rocksdb, memory, got 'sqlite'"),
        ("worker.failpoints", "contacts:never:1", "moment one of before_step"),
        ("mapping.identity", "phone", "expected external_id, email, intercom_id in any order"),
        ("mapping.path", "no/such/rules", "expected a folder of *.yaml files, or one such file"),
        ("log.level", "loud", "expected one of debug, info, warning, error, got 'loud'"),
        ("ingest.port", "65536", "expected a port from 1 to 65535, or 0 for a free one, got '65536'"),
        ("ingest.host", " ", "expected text that is not empty, got ' '"),
    ],
)
def test_a_wrong_value_is_named_with_its_origin_and_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    variable = CATALOGUE[name].variable
    monkeypatch.setenv(variable, value)
    said = problems()
    assert said.startswith(f"{name} ({variable}): expected ")
    assert expected in said
    assert "Correct it, or leave it out" in said


def test_a_wrong_value_in_the_file_is_named_with_its_line() -> None:
    write('[log]\nlevel = "info"\n\n[delivery]\n# so few\nmax_elements = 0\n')
    assert problems() == (
        "delivery.max_elements (moebridge.toml:6): expected a whole number from 1 to 1000, got 0. "
        "Correct it, or leave it out for the default, 100."
    )


def test_a_section_that_is_no_table() -> None:
    write("kafka = 3\n")
    assert problems() == "kafka (moebridge.toml): expected a table of settings: [kafka]"


def test_all_problems_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    write('[worker]\nstor = "memory"\nsession_timeout_s = 1\n')
    monkeypatch.setenv("MOEBRIDGE_DELIVERY__LINGER_MS", "-1")
    lines = problems(purpose="worker").splitlines()
    assert lines[0] == "6 settings are wrong:"
    assert [line.split()[0].rstrip(":") for line in lines[1:]] == [
        "worker.stor",
        "worker.session_timeout_s",
        "delivery.linger_ms",
        "kafka.bootstrap_servers",
        "moengage.workspace_id",
        "moengage.api_key",
    ]


def test_unknown_names_in_the_file() -> None:
    write('[delivery]\nmax_elemnts = 3\n[moengag]\napi_key = "hush"\n[log]\nhttp_port = 1\n')
    said = problems()
    assert "delivery.max_elemnts (moebridge.toml:2)" in said
    assert "Did you mean max_elements in [delivery]?" in said
    assert "moengag (moebridge.toml:3)" in said
    assert "Did you mean [moengage]?" in said
    assert "Did you mean http_port in [worker]?" in said
    assert "hush" not in said


def test_unknown_names_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBRIDGE_KAFKA__BOOTSTRAP_SERVER", "kafka:9092")
    monkeypatch.setenv("MOEBRIDGE_MOENGAGE_API_KEY", "hush")
    monkeypatch.setenv("MOEBRIDGE_LOG", "debug")
    said = problems()
    assert "Did you mean MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS?" in said
    assert "two underscores. Did you mean MOEBRIDGE_MOENGAGE__API_KEY?" in said
    assert "log (MOEBRIDGE_LOG): this is a section" in said
    assert "hush" not in said


def test_variables_that_others_set_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # As Kubernetes does for services that are named moebridge and moebridge-ingest.
    monkeypatch.setenv("MOEBRIDGE_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("MOEBRIDGE_INGEST_PORT", "tcp://10.0.0.2:8080")
    monkeypatch.setenv("MOEBRIDGE_TEST_BROKER", "kafka")
    assert load().origins == {}


SECRETS = [name for name, setting in CATALOGUE.items() if setting.secret]


def test_which_settings_are_secrets() -> None:
    assert SECRETS == [
        "kafka.sasl_password",
        "intercom.webhook_secrets",
        "intercom.data_key",
        "intercom.data_keys",
        "intercom.access_token",
        "moengage.api_key",
    ]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_shown(name: str) -> None:
    setting = CATALOGUE[name]
    write(f"[{setting.section}]\n{setting.key} = {{hush = 1234}}\n")
    said = problems()
    assert said.startswith(f"{name} (moebridge.toml:2): expected ")
    assert "the value is not shown" in said
    assert "1234" not in said
    assert "hush" not in said


def test_secrets_stay_out_of_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(CATALOGUE[name].variable, "hush")
    monkeypatch.setenv("MOEBRIDGE_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("MOEBRIDGE_KAFKA__SASL_USERNAME", "moebridge")
    assert "hush" not in repr(load())


@pytest.mark.parametrize(
    ("purpose", "needed"),
    [
        ("anything", []),
        ("topics", ["kafka.bootstrap_servers"]),
        ("ingest", ["kafka.bootstrap_servers", "intercom.webhook_secrets"]),
        ("worker", ["kafka.bootstrap_servers", "moengage.workspace_id", "moengage.api_key"]),
        ("run", ["moengage.workspace_id", "moengage.api_key", "intercom.webhook_secrets"]),
    ],
)
def test_what_each_purpose_needs(purpose: Purpose, needed: list[str]) -> None:
    said = problems(purpose=purpose) if needed else ""
    assert [name for name in CATALOGUE if f"{name}: not set" in said] == sorted(
        needed, key=list(CATALOGUE).index
    )


def test_a_data_key_needs_its_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("MOEBRIDGE_INTERCOM__DATA_KEY", "key")
    assert problems(purpose="ingest").startswith("intercom.workspace_id: not set. ")
    monkeypatch.setenv("MOEBRIDGE_INTERCOM__WORKSPACE_ID", "abc")
    assert load(purpose="ingest").settings.intercom.workspace_id == "abc"


def test_white_space_around_a_value_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBRIDGE_MOENGAGE__API_KEY", " key\n")
    monkeypatch.setenv("MOEBRIDGE_MOENGAGE__WORKSPACE_ID", "abc\n")
    moengage = load().settings.moengage
    assert (moengage.api_key.get_secret_value(), moengage.workspace_id) == ("key", "abc")


def test_the_data_centres_are_moengages() -> None:
    assert CATALOGUE["moengage.data_center"].expects == "one of " + ", ".join(DATA_CENTERS)


def test_changed_settings_are_a_copy() -> None:
    before = load().settings
    after = before.changed({"kafka.partitions": "4", "worker.data_dir": "there"})
    assert (after.kafka.partitions, after.worker.data_dir) == (4, Path("there"))
    assert (before.kafka.partitions, type(after)) == (8, type(before))
    assert isinstance(after, Settings)
