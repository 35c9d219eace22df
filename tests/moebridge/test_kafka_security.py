"""TLS and SASL to the broker, from the settings to each client."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from moebridge.errors import SettingsInvalid
from moebridge.kafka_security import security
from moebridge.settings import Settings
from moebridge.settings_source import load
from moebridge.wiring import connection, rule_sets, worker_config
from streams.app import make_app


@pytest.fixture
def ca(tmp_path: Path) -> trustme.CA:
    """A throwaway authority, with ca.pem, and cert.pem and key.pem of its making."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    client = ca.issue_cert("moebridge@example.com")
    client.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    client.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    client.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    return ca


def kafka(monkeypatch: pytest.MonkeyPatch, **changes: str) -> Settings:
    for name, value in {"bootstrap_servers": "kafka:9092", **changes}.items():
        monkeypatch.setenv(f"MOEBRIDGE_KAFKA__{name.upper()}", value)
    return load().settings


LOGIN = {"sasl_username": "moebridge", "sasl_password": "hush"}


def test_without_settings_the_clients_get_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection(kafka(monkeypatch)) == {"bootstrap_servers": "kafka:9092"}


def test_the_clients_get_what_the_settings_say(monkeypatch: pytest.MonkeyPatch, ca: trustme.CA) -> None:
    settings = kafka(monkeypatch, security_protocol="SASL_SSL", ssl_cafile="ca.pem", **LOGIN)
    given = connection(settings)
    context = given.pop("ssl_context")
    assert given == {
        "bootstrap_servers": "kafka:9092",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "moebridge",
        "sasl_plain_password": "hush",
    }
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SSL", "SASL_SSL"])
def test_faust_gets_the_same(monkeypatch: pytest.MonkeyPatch, ca: trustme.CA, protocol: str) -> None:
    tls = {"ssl_cafile": "ca.pem"} if protocol.endswith("SSL") else {}
    login = LOGIN if protocol.startswith("SASL") else {}
    monkeypatch.setenv("MOEBRIDGE_KAFKA__SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("MOEBRIDGE_MOENGAGE__WORKSPACE_ID", "ABC")
    monkeypatch.setenv("MOEBRIDGE_MOENGAGE__API_KEY", "key")
    settings = kafka(monkeypatch, security_protocol=protocol, **tls, **login)
    config = worker_config(settings, rule_sets(settings)).app
    credentials = make_app(config).conf.broker_credentials
    assert credentials.protocol.value == protocol
    if login:
        assert (credentials.mechanism.value, credentials.username, credentials.password) == (
            "PLAIN",
            "moebridge",
            "hush",
        )
    assert "hush" not in repr(config)


@pytest.mark.parametrize(
    "files", [{"ssl_certfile": "cert.pem", "ssl_keyfile": "key.pem"}, {"ssl_certfile": "both.pem"}]
)
def test_our_own_certificate(
    monkeypatch: pytest.MonkeyPatch, ca: trustme.CA, files: dict[str, str]
) -> None:
    settings = kafka(monkeypatch, security_protocol="SSL", **files)
    assert isinstance(security(settings.kafka)["ssl_context"], ssl.SSLContext)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (LOGIN, "kafka.sasl_username: set, but kafka.security_protocol is PLAINTEXT, which does not"),
        ({"ssl_cafile": "ca.pem"}, "kafka.ssl_cafile: set, but kafka.security_protocol is PLAINTEXT"),
        (
            {"security_protocol": "SASL_SSL"},
            "kafka.sasl_password: not set, and kafka.security_protocol is",
        ),
        (
            {"security_protocol": "SSL", "ssl_keyfile": "key.pem"},
            "kafka.ssl_certfile: not set, but kafka.ssl_keyfile is",
        ),
    ],
)
def test_what_does_not_go_together_is_told(
    monkeypatch: pytest.MonkeyPatch, ca: trustme.CA, changes: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        kafka(monkeypatch, **changes)
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)


def test_certificates_that_cannot_be_used_are_named(
    monkeypatch: pytest.MonkeyPatch, ca: trustme.CA, tmp_path: Path
) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    settings = kafka(monkeypatch, security_protocol="SSL", ssl_cafile="text.pem")
    with pytest.raises(SettingsInvalid, match=r"kafka\.ssl_cafile: no certificates in 'text\.pem' \("):
        connection(settings)
    settings = kafka(
        monkeypatch, security_protocol="SSL", ssl_cafile="ca.pem", ssl_certfile="cert.pem",
        ssl_keyfile="ca.pem",
    )  # fmt: skip
    with pytest.raises(SettingsInvalid, match=r"kafka\.ssl_certfile, kafka\.ssl_keyfile: not a"):
        connection(settings)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(
    monkeypatch: pytest.MonkeyPatch, ca: trustme.CA, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    locked = key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"pass")
    )
    (tmp_path / "locked.pem").write_bytes(locked)
    settings = kafka(
        monkeypatch, security_protocol="SSL", ssl_certfile="cert.pem", ssl_keyfile="locked.pem"
    )
    with pytest.raises(SettingsInvalid, match="the key has a password"):
        connection(settings)
