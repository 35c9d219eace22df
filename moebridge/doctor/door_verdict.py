"""What the front door's answers mean: its health, its credentials, the round trip. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from moebridge.configuration_names import Named
from moebridge.doctor.findings import Finding, ok, problem, warning

_START = "start `moebridge ingest` (or `moebridge run`), or say where it is: --url"
_RESTART = "start the front door anew with these settings, or correct them"
_PROXY = (
    "have the proxy pass /intercom and /v1/partner, with their methods, headers and bodies as they come"
)
# Not there, or kept from us: a proxy shows Intercom's paths to the world and no others.
_KEPT_BACK = frozenset({401, 403, 404})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status and the name that the front door gives it. ``status`` 0: none, by reason."""

    status: int
    name: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.status} {self.name}".strip() if self.status else self.reason


@dataclass(frozen=True, slots=True)
class Health:
    """What the front door says of itself; ``webhooks`` is the answer to Intercom's HEAD."""

    alive: Reply
    ready: Reply
    webhooks: Reply


@dataclass(frozen=True, slots=True)
class Stored:
    """The record that a round trip put on the topic. ``configuration`` is the one that it came to."""

    partition: int
    offset: int
    configuration: str


def health_findings(url: str, health: Health, *, public: bool) -> list[Finding]:
    """The front door's at ``url``; ``public`` is whether Intercom is to reach it there."""
    if not health.webhooks.status:
        return [problem(f"nobody answers at {url} ({health.webhooks})", _START)]
    if health.webhooks.status != 200:
        text = f"{url} answers Intercom's HEAD with {health.webhooks}, not 200"
        return [problem(text, f"{_START}; before a front door, {_PROXY}")]
    if health.ready.status == 503:
        return [
            problem(
                f"{url} answers, but cannot reach its broker: events are answered with 429",
                "look at the broker and the topics from where the front door runs; its log says more",
            )
        ]
    if health.ready == Reply(200, "spooling"):
        text = f"{url} answers, but keeps events in its spool, for its broker is or was away"
        return [warning(text, "look at the broker from where the front door runs; its log says more")]
    answers = {health.alive.status, health.ready.status}
    if answers != {200} and not answers <= _KEPT_BACK:
        text = f"{url}/healthz is answered with {health.alive}, /readyz with {health.ready}"
        return [problem(text, "look at the front door's log")]
    note = "" if answers == {200} else "; /healthz and /readyz are not shown there"
    findings = [ok(f"{url} answers{note}")]
    if public and urlsplit(url).scheme != "https" and not _local(url):
        text = f"{url} is not https: Intercom takes no other endpoint for webhooks"
        findings.append(warning(text, "put a TLS proxy before the front door, and give its address"))
    return findings


def connector_finding(url: str, reply: Reply, configuration: str, named: Named) -> Finding:
    """A connector's request with a body that is never taken: was it let in that far?"""
    if (reply.status, reply.name) == (400, "wrong_shape"):
        return ok(f"{url} lets the workspace id and the data key in, as {configuration}")
    if reply.status == 401:
        names = f"{named('intercom.workspace_id')} and {named('intercom.data_key')}"
        return problem(f"{url} refuses {names} ({reply})", _RESTART)
    if reply.name == "unknown_config":
        return problem(f"{url} does not know the configuration {configuration}", _RESTART)
    if not reply.status:
        return problem(f"no answer from {url} ({reply})", _START)
    if reply.status == 429:
        return warning(f"{url} is too busy ({reply})", "ask again later")
    return problem(f"{url} answers a connector with {reply}", _PROXY)


def round_trip_finding(
    reply: Reply, stored: Stored | None, configuration: str, topic: str, named: Named
) -> Finding:
    """A signed webhook: was it taken, and did it come to the topic?"""
    if reply.status == 401:
        setting = named("intercom.webhook_secrets")
        return problem(f"the front door refuses a signature by {setting} ({reply})", _RESTART)
    if reply.status == 429:
        text = f"the front door does not take events just now ({reply})"
        return problem(text, "look at the broker from where the front door runs; its log says more")
    if reply.status != 200:
        return problem(f"the front door answers a signed webhook with {reply or 'nothing'}", _PROXY)
    if stored is None:
        return problem(
            f"a signed webhook was taken, and did not come to {topic} on this broker in time",
            "front door and these settings must name the same kafka.bootstrap_servers and "
            "kafka.topic_prefix; else give it longer (--timeout), for a spool also",
        )
    place = f"{topic}, partition {stored.partition}, offset {stored.offset}"
    if stored.configuration != configuration:
        return problem(
            f"a signed webhook came to {place} as configuration {stored.configuration!r}",
            f"to the front door {named('intercom.webhook_secrets')} is another's: {_RESTART}",
        )
    return ok(f"a signed webhook came to {place}")


def _local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
