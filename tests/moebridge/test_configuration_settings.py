"""Further configurations in the settings: where they come from, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from moebridge.errors import SettingsInvalid
from moebridge.setting_problems import Purpose
from moebridge.settings_source import load

EU = "MOEBRIDGE_CONFIGURATIONS__EU__"


def write(text: str) -> None:
    Path("moebridge.toml").write_text(text, encoding="utf-8")


def problems(purpose: Purpose = "anything") -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load(purpose=purpose)
    return str(caught.value)


def test_the_default_configuration_comes_first_and_is_alone_without_others() -> None:
    write('[ingest]\nconfig_name = "Main"\n[moengage]\nworkspace_id = "W"\n')
    settings = load().settings
    assert list(settings.by_name()) == ["Main"]
    write(
        '[ingest]\nconfig_name = "Main"\n[moengage]\nworkspace_id = "W"\n'
        '[configurations.eu.moengage]\nworkspace_id = "E"\n[configurations.au]\n'
    )
    settings = load().settings
    assert [(name, one.moengage.workspace_id) for name, one in settings.by_name().items()] == [
        ("Main", "W"), ("eu", "E"), ("au", ""),
    ]  # fmt: skip
    default = settings.by_name()["Main"]
    assert (default.intercom, default.mapping) == (settings.intercom, settings.mapping)


def test_nothing_is_taken_over_from_the_default_configuration() -> None:
    write('[moengage]\ntimeout_s = 3\napi_key = "hush"\n[configurations.eu.moengage]\n')
    moengage = load().settings.by_name()["eu"].moengage
    assert (moengage.timeout_s, moengage.api_key.get_secret_value()) == (10, "")


def test_a_configuration_may_stand_in_the_file_and_the_environment_in_any_letters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write('[configurations.EU.moengage]\nworkspace_id = "W"\ndata_center = "02"\n')
    monkeypatch.setenv(EU + "MOENGAGE__API_KEY", "12345")  # stays text, though it is JSON too
    monkeypatch.setenv(EU + "MOENGAGE__DATA_CENTER", "101")
    monkeypatch.setenv(EU + "INTERCOM__WEBHOOK_SECRETS", "one,two")
    monkeypatch.setenv(EU + "MAPPING__IDENTITY", "email,intercom_id")
    loaded = load()
    [(name, one)] = loaded.settings.configurations.items()
    assert name == "eu"
    assert one.moengage.workspace_id == "W"
    assert (one.moengage.data_center, one.moengage.api_key) == ("101", SecretStr("12345"))
    assert one.intercom.webhook_secrets == (SecretStr("one"), SecretStr("two"))
    assert one.mapping.identity == ("email", "intercom_id")
    assert loaded.origins == {
        "configurations.eu.moengage.workspace_id": "moebridge.toml:2",
        "configurations.eu.moengage.data_center": EU + "MOENGAGE__DATA_CENTER",
        "configurations.eu.moengage.api_key": EU + "MOENGAGE__API_KEY",
        "configurations.eu.intercom.webhook_secrets": EU + "INTERCOM__WEBHOOK_SECRETS",
        "configurations.eu.mapping.identity": EU + "MAPPING__IDENTITY",
    }


@pytest.mark.parametrize("name", ["a", "eu_west-2", "v1.0", "2", 100 * "x"])
def test_names_that_may_be(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    variable = f"MOEBRIDGE_CONFIGURATIONS__{name.upper()}__MOENGAGE__API_KEY"
    monkeypatch.setenv(variable, "key")
    assert load().settings.configurations[name].moengage.api_key.get_secret_value() == "key"
    monkeypatch.delenv(variable)
    write(f'[configurations."{name}".moengage]\napi_key = "hush"\ntimeout_s = -1\n')
    assert problems().startswith(f"configurations.{name}.moengage.timeout_s (moebridge.toml:3): ")


@pytest.mark.parametrize("name", ["", "e u", "eu/1", "_eu", "eu_", "e__u", "ö", 101 * "x"])
def test_names_that_may_not_be(name: str) -> None:
    write(f'[configurations."{name}".moengage]\napi_key = "hush"\n')
    said = problems()
    assert said.startswith(
        f"configurations.{name} (moebridge.toml:1): a configuration's name is 1 to 100"
    )
    assert "hush" not in said


def test_a_name_that_was_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    write('[configurations.moengage]\napi_key = "hush"\n')
    monkeypatch.setenv("MOEBRIDGE_CONFIGURATIONS__MAPPING__PATH", "x")
    said = problems()
    assert (
        "configurations.moengage (moebridge.toml:1): the configuration's name is missing: write" in said
    )
    assert "configurations.mapping (MOEBRIDGE_CONFIGURATIONS__MAPPING__PATH)" in said
    assert "[configurations.NAME.moengage]" in said


def test_a_name_twice() -> None:
    write('[configurations.eu.moengage]\napi_key = "a"\n[configurations.EU.moengage]\napi_key = "b"\n')
    assert problems() == (
        "configurations.EU (moebridge.toml:3): is there twice: upper and lower case do not count. "
        "Give one of them another name."
    )


@pytest.mark.parametrize("name", ["main", "MAIN"])
def test_the_name_of_the_default_configuration(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("MOEBRIDGE_INGEST__CONFIG_NAME", "Main")
    write(f'[configurations.{name}.moengage]\napi_key = "a"\n')
    assert problems() == (
        "configurations.main (moebridge.toml:2): this is the name of the default configuration "
        "(ingest.config_name), whose settings stand in [intercom], [moengage], [mapping]. Give it "
        "another name."
    )


def test_the_same_webhook_secret_in_two_configurations() -> None:
    write(
        '[intercom]\nwebhook_secrets = ["one"]\n'
        '[configurations.eu.intercom]\nwebhook_secrets = ["two", "one"]\n'
        '[configurations.au.intercom]\nwebhook_secrets = ["two", "two"]\n'
    )
    lines = problems().splitlines()
    assert lines[1].startswith(
        "  configurations.eu.intercom.webhook_secrets (moebridge.toml:4): one of them is also in "
        "intercom.webhook_secrets, so a webhook would not tell which configuration it belongs to"
    )
    assert lines[2].startswith("  configurations.au.intercom.webhook_secrets (moebridge.toml:6): one of")
    assert "also in configurations.eu.intercom.webhook_secrets" in lines[2]
    assert "two" not in lines[2].replace("of the two", "")


def test_the_same_data_key_in_two_configurations_is_fine() -> None:
    for_both = '.intercom]\nworkspace_id = "W"\ndata_key = "K"\n'
    write(f"[configurations.eu{for_both}[configurations.au{for_both}")
    assert list(load().settings.by_name()) == ["default", "eu", "au"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[configurations.eu.moengage]\napi_kye = 'hush'\n",
         "configurations.eu.moengage.api_kye (moebridge.toml:2): there is no such setting. "
         "Did you mean api_key in [configurations.eu.moengage]?"),
        ("[configurations.\"v1.0\".moengage]\napi_kye = 'hush'\n",
         "configurations.v1.0.moengage.api_kye (moebridge.toml:2): there is no such setting. "
         "Did you mean api_key in [configurations.\"v1.0\".moengage]?"),
        ("[configurations.eu]\napi_key = 'hush'\n",
         "configurations.eu.api_key (moebridge.toml:2): there is no such setting. "
         "Did you mean api_key in [configurations.eu.moengage]?"),
        ("[configurations.eu.moengag]\napi_key = 'hush'\n",
         "configurations.eu.moengag (moebridge.toml:1): there is no such setting. "
         "Did you mean [configurations.eu.moengage]?"),
        ("[configurations.eu.kafka]\npartitions = 3\n",
         "configurations.eu.kafka (moebridge.toml:1): there is no such setting. "
         "Take it out; docs/settings.md lists what there is."),
        ("configurations = 3\n", "configurations (moebridge.toml): expected a table of settings"),
        ("[configurations]\neu = 3\n",
         "configurations.eu (moebridge.toml): expected a table of settings"),
        ("[configurations.eu]\nmoengage = 3\n",
         "configurations.eu.moengage (moebridge.toml): expected a table of settings"),
        ("[configuration.eu.moengage]\napi_key = 'hush'\n",
         "configuration (moebridge.toml:1): there is no such setting. Did you mean [configurations]?"),
        ("[configurations.eu.moengage]\napi_key = {hush = 1}\n",
         "configurations.eu.moengage.api_key (moebridge.toml:2): expected a secret; the value is not "
         "shown. Correct it, or leave it out."),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file(text: str, said: str) -> None:
    write(text)
    assert problems().startswith(said)
    assert "hush" not in problems()


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("EU__MOENGAGE__API_KYE", "configurations.eu.moengage.api_kye ({}): there is no such setting. "
         "Did you mean MOEBRIDGE_CONFIGURATIONS__EU__MOENGAGE__API_KEY?"),
        ("EU__API_KEY", "configurations.eu.api_key ({}): there is no such setting. "
         "Did you mean MOEBRIDGE_CONFIGURATIONS__EU__MOENGAGE__API_KEY?"),
        ("EU__MOENGAGE", "configurations.eu.moengage ({}): this is no setting itself; its settings are "
         "MOEBRIDGE_CONFIGURATIONS__EU__MOENGAGE__…"),
        ("EU", "configurations.eu ({}): this is no setting itself; its settings are"),
        ("", "configurations ({}): this is no setting itself; its settings are"),
        ("EU__LOG__LEVEL", "configurations.eu.log.level ({}): there is no such setting. "),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    name = "MOEBRIDGE_CONFIGURATIONS" + (f"__{variable}" if variable else "")
    monkeypatch.setenv(name, "hush")
    assert problems().startswith(said.format(name))
    assert "hush" not in problems()


@pytest.mark.parametrize(
    ("purpose", "needed"),
    [
        ("topics", []),
        ("ingest", ["intercom.webhook_secrets"]),
        ("worker", ["moengage.workspace_id", "moengage.api_key"]),
        ("run", ["moengage.workspace_id", "moengage.api_key", "intercom.webhook_secrets"]),
    ],
)
def test_what_each_purpose_needs_of_every_configuration(purpose: Purpose, needed: list[str]) -> None:
    write(
        '[kafka]\nbootstrap_servers = "k:1"\n[intercom]\nwebhook_secrets = ["s"]\n'
        '[moengage]\nworkspace_id = "W"\napi_key = "K"\n[configurations.eu.moengage]\ntimeout_s = 3\n'
    )
    if not needed:
        assert load(purpose=purpose)
        return
    said = problems(purpose)
    assert said.count(": not set") == len(needed)
    for name in needed:
        variable = EU + name.replace(".", "__").upper()
        assert f"configurations.eu.{name}: not set" in said
        assert f"Set {variable}" in said


def test_a_configuration_of_connectors_needs_their_workspace() -> None:
    write(
        '[kafka]\nbootstrap_servers = "k:1"\n[intercom]\nwebhook_secrets = ["s"]\n'
        '[configurations.eu.intercom]\ndata_key = "k"\n'
    )
    assert problems("ingest").startswith("configurations.eu.intercom.workspace_id: not set. ")
