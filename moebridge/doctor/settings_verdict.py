"""What is missing in the settings for real use. Pure."""

from __future__ import annotations

from moebridge.configuration_names import Named
from moebridge.doctor.findings import Finding, ok, problem, warning
from moebridge.setting_catalogue import variable
from moebridge.settings import ConfigurationSettings
from moebridge.settings_source import Loaded


def shared_findings(loaded: Loaded) -> list[Finding]:
    """The settings that all configurations share."""
    settings = loaded.settings
    source = f"{loaded.file} and the environment" if loaded.file else "the environment, no file"
    findings = [ok(f"{len(loaded.origins)} set, by {source}")]
    if not settings.kafka.bootstrap_servers:
        findings.append(
            warning(
                "kafka.bootstrap_servers is not set: only `moebridge run` starts, with an embedded "
                "broker, which is not for production",
                _set("kafka.bootstrap_servers"),
            )
        )
    if settings.worker.failpoints:
        findings.append(
            problem(
                "worker.failpoints is set: the worker fails on purpose, which is for tests alone",
                f"take {variable('worker.failpoints')} out",
            )
        )
    return findings


def secret_findings(one: ConfigurationSettings, named: Named) -> list[Finding]:
    """The secrets of one configuration: whom its front door lets in, and as whom it delivers."""
    intercom, moengage = one.intercom, one.moengage
    keys = bool(intercom.data_key.get_secret_value() or intercom.data_keys)
    findings = []
    for key, value in (
        ("moengage.workspace_id", moengage.workspace_id),
        ("moengage.api_key", moengage.api_key.get_secret_value()),
    ):
        if not value:
            findings.append(
                problem(f"{named(key)} is not set: nothing can be delivered", _set(named(key)))
            )
    if not intercom.webhook_secrets and not keys:
        either = f"{named('intercom.webhook_secrets')}, {named('intercom.data_key')}, or both"
        findings.append(
            problem("neither webhooks nor connectors are let in: no secret is set", f"set {either}")
        )
    elif not intercom.webhook_secrets:
        setting = named("intercom.webhook_secrets")
        findings.append(
            warning(
                f"{setting} is not set: webhooks are refused",
                f"{_set(setting)} to the app's client secret (moebridge connector --method webhook)",
            )
        )
    elif not keys:
        setting = named("intercom.data_key")
        findings.append(
            warning(
                f"{setting} is not set: data connectors and Series are refused",
                f"{_set(setting)}, if they are to be used",
            )
        )
    if keys and not intercom.workspace_id:
        setting = named("intercom.workspace_id")
        findings.append(problem(f"{setting} is not set: nobody can give it", _set(setting)))
    return findings or [ok("webhooks, connectors and delivery have theirs")]


def _set(name: str) -> str:
    return f"set {variable(name)}"
