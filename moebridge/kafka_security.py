"""TLS and SASL to the broker: what the settings say, as every client of ours takes it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from aiokafka.helpers import create_ssl_context

from moebridge.errors import SettingsInvalid
from moebridge.setting_catalogue import variable
from moebridge.setting_problems import Problem
from moebridge.settings import KafkaSettings

_LOGIN = ("sasl_username", "sasl_password")
_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")


def problems(kafka: KafkaSettings, is_set: Callable[[str], bool]) -> list[Problem]:
    """What does not go together. ``is_set`` tells of a setting by its whole name."""
    found = []
    protocol = kafka.security_protocol
    for key in _LOGIN:
        name = f"kafka.{key}"
        if _uses_sasl(kafka) and not is_set(name):
            text = f"not set, and kafka.security_protocol is {protocol}. Set {variable(name)}."
            found.append(Problem(name, "", text))
        if not _uses_sasl(kafka) and is_set(name):
            found.append(Problem(name, "", _unused(protocol, "SASL_SSL or SASL_PLAINTEXT")))
    for key in _FILES:
        if not _uses_tls(kafka) and is_set(f"kafka.{key}"):
            found.append(Problem(f"kafka.{key}", "", _unused(protocol, "SSL or SASL_SSL")))
    if kafka.ssl_keyfile is not None and kafka.ssl_certfile is None:
        text = "not set, but kafka.ssl_keyfile is: a key is nothing without its certificate. Set both."
        found.append(Problem("kafka.ssl_certfile", "", text))
    return found


def security(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments of aiokafka's clients, none where nothing is set.

    A broker's certificate is always checked, its host name too. Raises SettingsInvalid for certificates
    that cannot be used.
    """
    arguments: dict[str, Any] = {}
    if kafka.security_protocol != "PLAINTEXT":
        arguments["security_protocol"] = kafka.security_protocol
    if _uses_tls(kafka):
        arguments["ssl_context"] = _tls(kafka)
    if _uses_sasl(kafka):
        arguments |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.sasl_password.get_secret_value(),
        }
    return arguments


def _tls(kafka: KafkaSettings) -> ssl.SSLContext:
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=str(kafka.ssl_cafile) if kafka.ssl_cafile else None
        )
    except (ssl.SSLError, OSError) as error:
        raise SettingsInvalid(
            f"kafka.ssl_cafile: no certificates in {str(kafka.ssl_cafile)!r} ({_reason(error)}); give a "
            "file of PEM certificates, or leave it out for those of the system"
        ) from None
    if kafka.ssl_certfile is not None:
        try:
            context.load_cert_chain(kafka.ssl_certfile, kafka.ssl_keyfile, password=_no_password)
        except (ssl.SSLError, OSError) as error:
            raise SettingsInvalid(
                "kafka.ssl_certfile, kafka.ssl_keyfile: not a certificate and its key "
                f"({_reason(error)}); give PEM files, the key without a password"
            ) from None
    return context


def _no_password() -> str:
    """Instead of the prompt on which OpenSSL would wait."""
    raise OSError("the key has a password")


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)


def _uses_sasl(kafka: KafkaSettings) -> bool:
    return kafka.security_protocol.startswith("SASL_")


def _uses_tls(kafka: KafkaSettings) -> bool:
    return kafka.security_protocol.endswith("SSL")


def _unused(protocol: str, needed: str) -> str:
    return (
        f"set, but kafka.security_protocol is {protocol}, which does not use it. Set that to {needed}, "
        "or take this out."
    )
