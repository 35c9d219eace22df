"""What the doctor makes of answers: one row a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from intercom.config import IntercomConfig
from mappings.findings import Finding as Linted
from moebridge.configuration_names import naming
from moebridge.doctor.broker_verdict import Group, group_findings, topic_findings
from moebridge.doctor.door_verdict import (
    Health,
    Reply,
    Stored,
    connector_finding,
    health_findings,
    round_trip_finding,
)
from moebridge.doctor.findings import Finding, Outcome, healthy, ok, problem, skipped, warning
from moebridge.doctor.intercom_verdict import (
    Refused,
    Silent,
    Told,
    Workspace,
    intercom_finding,
    no_token_finding,
)
from moebridge.doctor.mapping_verdict import mapping_findings
from moebridge.doctor.moengage_verdict import moengage_finding
from moebridge.doctor.settings_verdict import secret_findings, shared_findings
from moebridge.settings_source import load
from moebridge.topic_admin import TopicReport
from moengage.answers import Answer, Verdict
from moengage.client import MoEngageConfig
from streams.rehearsal import TestResult

NAMED = naming("default", "default")
MOENGAGE = MoEngageConfig("ABC", "hush", "01")
INTERCOM = IntercomConfig("hush", "us")

ACCEPTED = Answer(Verdict.ACCEPTED, 200)
UNKNOWN = Answer(Verdict.PAUSE, 401, message="who is that")


def says(finding: Finding, level: str, *pieces: str) -> None:
    """Level, and what text and remedy must hold."""
    assert finding.level == level
    for piece in pieces:
        assert piece in f"{finding.text} → {finding.remedy}"
    assert "hush" not in f"{finding.text} {finding.remedy}"
    assert bool(finding.remedy) is (level in ("problem", "warning"))


@pytest.mark.parametrize(
    ("config", "answer", "elsewhere", "level", "pieces"),
    [
        (MOENGAGE, ACCEPTED, {}, "ok", ["data center 01"]),
        (
            replace(MOENGAGE, base_url="http://127.0.0.1:9"),
            ACCEPTED,
            {},
            "ok",
            ["http://127.0.0.1:9, which is not MoEngage's own"],
        ),
        (
            MOENGAGE,
            UNKNOWN,
            {"02": UNKNOWN, "03": ACCEPTED},
            "problem",
            ["in data center 03, not in 01", "moengage.data_center to 03"],
        ),
        (
            MOENGAGE,
            UNKNOWN,
            {"02": UNKNOWN, "03": Answer(Verdict.AGAIN, 0, message="no answer")},
            "problem",
            ["data center 01 refuses", "401 who is that", "in 1 other", "moengage.api_key", "Data key"],
        ),
        (MOENGAGE, Answer(Verdict.PAUSE, 409), {}, "problem", ["not that of the workspace"]),
        (MOENGAGE, Answer(Verdict.PAUSE, 404), {}, "problem", ["no Data API", "moengage.data_center"]),
        (
            replace(MOENGAGE, base_url="http://127.0.0.1:9"),
            Answer(Verdict.PAUSE, 301),
            {},
            "problem",
            ["no Data API", "moengage.base_url"],
        ),
        (MOENGAGE, Answer(Verdict.WAIT, 429), {}, "warning", ["limits the rate"]),
        (
            MOENGAGE,
            Answer(Verdict.AGAIN, 0, message="no answer within 4 s"),
            {},
            "problem",
            ["no answer from data center 01", "within 4 s"],
        ),
        (MOENGAGE, Answer(Verdict.AGAIN, 503), {}, "problem", ["fails (503", "later"]),
        (MOENGAGE, Answer(Verdict.BISECT, 400), {}, "problem", ["does not take the question"]),
    ],
)
def test_moengage(
    config: MoEngageConfig,
    answer: Answer,
    elsewhere: Mapping[str, Answer],
    level: str,
    pieces: list[str],
) -> None:
    says(moengage_finding(config, answer, elsewhere, NAMED), level, *pieces)


HERE = Workspace("ws9", "us")
REFUSED = Refused("access_token", "check the token (401 unauthorized)")


@pytest.mark.parametrize(
    ("config", "told", "elsewhere", "level", "pieces"),
    [
        (INTERCOM, HERE, {}, "ok", ["workspace ws9, in region us"]),
        (INTERCOM, Workspace("ws9", ""), {}, "ok", ["region us"]),
        (
            INTERCOM,
            Workspace("ws9", "eu"),
            {},
            "problem",
            ["region eu hosts, not us", "intercom.region to eu"],
        ),
        (
            replace(INTERCOM, base_url="http://127.0.0.1:9"),
            Workspace("ws9", "eu"),
            {},
            "ok",
            ["not Intercom's own address"],
        ),
        (
            INTERCOM,
            REFUSED,
            {"eu": REFUSED, "au": Workspace("ws9", "")},
            "problem",
            ["region au hosts", "intercom.region to au"],
        ),
        (
            INTERCOM,
            REFUSED,
            {"eu": REFUSED, "au": Silent("away")},
            "problem",
            ["check the token", "intercom.access_token"],
        ),
        (INTERCOM, Refused("api_version", "not served"), {}, "problem", ["intercom.api_version"]),
        (INTERCOM, Silent("no answer within 4 s"), {}, "problem", ["no answer from region us"]),
    ],
)
def test_intercom(
    config: IntercomConfig, told: Told, elsewhere: Mapping[str, Told], level: str, pieces: list[str]
) -> None:
    says(intercom_finding(config, told, elsewhere, NAMED), level, *pieces)


def test_no_token() -> None:
    says(no_token_finding(NAMED), "warning", "intercom.access_token is not set")


URL = "https://bridge.example.com"
YES, NO = Reply(200), Reply(404)


@pytest.mark.parametrize(
    ("url", "health", "levels", "pieces"),
    [
        (URL, Health(YES, YES, YES), ["ok"], [URL]),
        (URL, Health(NO, Reply(403), YES), ["ok"], ["not shown there"]),
        (URL, Health(YES, Reply(200, "ready"), YES), ["ok"], [URL]),
        (URL, Health(YES, Reply(200, "spooling"), YES), ["warning"], ["in its spool"]),
        (URL, Health(YES, Reply(503), YES), ["problem"], ["cannot reach its broker"]),
        (URL, Health(YES, YES, NO), ["problem"], ["HEAD with 404", "proxy"]),
        (URL, Health(Reply(500), YES, YES), ["problem"], ["/healthz is answered with 500"]),
        (URL, Health(YES, Reply(0, reason="refused"), YES), ["problem"], ["/readyz with refused"]),
        (
            URL,
            Health(*[Reply(0, reason="connection refused")] * 3),
            ["problem"],
            ["connection refused", "moebridge ingest", "--url"],
        ),
        ("http://bridge.example.com", Health(YES, YES, YES), ["ok", "warning"], ["https"]),
        ("http://127.0.0.1:8080", Health(YES, YES, YES), ["ok"], []),
        ("http://localhost", Health(YES, YES, YES), ["ok"], []),
    ],
)
def test_the_front_door(url: str, health: Health, levels: list[str], pieces: list[str]) -> None:
    findings = health_findings(url, health, public=True)
    assert [one.level for one in findings] == levels
    says(findings[-1], levels[-1], *pieces)


def test_a_front_door_inside_needs_no_https() -> None:
    health = Health(YES, YES, YES)
    assert [one.level for one in health_findings("http://10.0.0.3", health, public=False)] == ["ok"]


@pytest.mark.parametrize(
    ("reply", "level", "pieces"),
    [
        (Reply(400, "wrong_shape"), "ok", ["lets the workspace id", "as default"]),
        (Reply(401, "credentials_wrong"), "problem", ["intercom.workspace_id and intercom.data_key"]),
        (Reply(404, "unknown_config"), "problem", ["does not know the configuration default"]),
        (Reply(404), "problem", ["answers a connector with 404", "proxy"]),
        (Reply(200, "accepted"), "problem", ["with 200 accepted"]),
        (Reply(400), "problem", ["with 400"]),
        (Reply(429, "too_busy"), "warning", ["too busy"]),
        (Reply(0, reason="no answer within 8 s"), "problem", ["no answer within 8 s"]),
    ],
)
def test_connectors(reply: Reply, level: str, pieces: list[str]) -> None:
    says(connector_finding(URL, reply, "default", NAMED), level, *pieces)


STORED = Stored(3, 17, "default")


@pytest.mark.parametrize(
    ("reply", "stored", "level", "pieces"),
    [
        (Reply(200, "accepted"), STORED, "ok", ["eu.intercom.events, partition 3, offset 17"]),
        (Reply(200, "accepted"), None, "problem", ["did not come to eu.intercom.events", "--timeout"]),
        (
            Reply(200, "accepted"),
            replace(STORED, configuration="other"),
            "problem",
            ["as configuration 'other'", "intercom.webhook_secrets is another's"],
        ),
        (Reply(401, "signature_wrong"), None, "problem", ["intercom.webhook_secrets", "401"]),
        (Reply(429, "broker_unavailable"), None, "problem", ["429 broker_unavailable", "broker"]),
        (Reply(413, "body_too_large"), None, "problem", ["413"]),
        (Reply(0, reason="no answer within 4 s"), None, "problem", ["no answer within 4 s"]),
    ],
)
def test_the_round_trip(reply: Reply, stored: Stored | None, level: str, pieces: list[str]) -> None:
    finding = round_trip_finding(reply, stored, "default", "eu.intercom.events", NAMED)
    says(finding, level, *pieces)


@pytest.mark.parametrize(
    ("group", "level", "pieces"),
    [
        (Group("g", "Stable", 2, 0), "ok", ["2 workers in the group g; 0 records wait"]),
        (Group("g", "Stable", 1, 1), "ok", ["1 worker in the group g; 1 record waits"]),
        (Group("g", "PreparingRebalance", 1, 5), "warning", ["PreparingRebalance", "again"]),
        (Group("g", "Empty", 0, 5), "problem", ["no worker", "5 records wait", "moebridge worker"]),
        (Group("g", "Dead", 0, 0), "problem", ["no worker"]),
    ],
)
def test_workers(group: Group, level: str, pieces: list[str]) -> None:
    [finding] = group_findings(group)
    says(finding, level, *pieces)


def test_topics() -> None:
    fine = TopicReport("a", 4)
    [finding] = topic_findings([fine, replace(fine, untold="cleanup.policy")])
    says(finding, "ok", "2 topics with 4 partitions", "of 1")
    missing, wrong = topic_findings(
        [
            fine,
            TopicReport("b", None, "missing: moebridge topics create"),
            TopicReport("c", 2, "has 2 partitions, the settings say 4: set kafka.partitions to 2"),
        ]
    )
    says(missing, "problem", "b is missing → moebridge topics create")
    says(wrong, "problem", "c has 2 partitions, the settings say 4 → set kafka.partitions to 2")


ERROR = Linted("own.yaml", 3, "rules[0].when", "error", "unknown word")
WARNING = Linted("own.yaml", 4, "", "warning", "told twice")
GOOD, BAD = (TestResult("own.yaml", 9, f"test {passed}", passed, ()) for passed in (True, False))
OWN = Path("own")


def test_a_mapping() -> None:
    [finding] = mapping_findings(OWN, [], [GOOD, GOOD], rules=3, version="v1")
    says(finding, "ok", "own: 3 rules, version v1; 2 tests pass")
    [finding] = mapping_findings(OWN, [WARNING, ERROR, ERROR, ERROR, ERROR])
    says(finding, "problem", "own.yaml:3: error", "and 1 more", "moebridge mapping lint own")
    [finding] = mapping_findings(None, [], [GOOD, BAD])
    says(
        finding,
        "problem",
        "of 2 tests in the shipped rules fail 1: own.yaml:9 test False",
        "mapping test",
    )
    fine, told = mapping_findings(OWN, [WARNING], [GOOD])
    says(fine, "ok", "own")
    says(told, "warning", "own.yaml:4: warning: told twice")


ENOUGH = {
    "intercom.webhook_secrets": "hush",
    "intercom.workspace_id": "ws",
    "intercom.data_key": "hush",
    "moengage.workspace_id": "ABC",
    "moengage.api_key": "hush",
}


@pytest.mark.parametrize(
    ("unset", "expected"),
    [
        ([], [("ok", "")]),
        (["moengage.api_key"], [("problem", "set MOEBRIDGE_MOENGAGE__API_KEY")]),
        (["moengage.workspace_id"], [("problem", "set MOEBRIDGE_MOENGAGE__WORKSPACE_ID")]),
        (["intercom.webhook_secrets"], [("warning", "webhooks are refused")]),
        (["intercom.data_key"], [("warning", "Series are refused")]),
        (["intercom.workspace_id"], [("problem", "set MOEBRIDGE_INTERCOM__WORKSPACE_ID")]),
        (["intercom.webhook_secrets", "intercom.data_key"], [("problem", "no secret is set")]),
    ],
)
def test_secrets(unset: list[str], expected: list[tuple[str, str]]) -> None:
    given = {name: value for name, value in ENOUGH.items() if name not in unset}
    findings = secret_findings(load().settings.changed(given).by_name()["default"], NAMED)
    assert [one.level for one in findings] == [level for level, _ in expected]
    for finding, (level, piece) in zip(findings, expected, strict=True):
        says(finding, level, piece)


def test_the_settings_of_a_named_configuration_are_named() -> None:
    first, *_ = secret_findings(load().settings.by_name()["default"], naming("eu", "default"))
    says(first, "problem", "set MOEBRIDGE_CONFIGURATIONS__EU__MOENGAGE__WORKSPACE_ID")


def test_the_shared_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    fine, broker = shared_findings(load())
    says(fine, "ok", "0 set")
    says(broker, "warning", "set MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS")
    monkeypatch.setenv("MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("MOEBRIDGE_WORKER__FAILPOINTS", "route:after_outputs:2")
    _, failpoints = shared_findings(load())
    says(failpoints, "problem", "take MOEBRIDGE_WORKER__FAILPOINTS out")


def test_only_a_problem_is_unhealthy() -> None:
    def outcome(*findings: Finding) -> Outcome:
        return Outcome("one", "", findings)

    fine = [outcome(ok("a")), outcome(warning("b", "c")), outcome(skipped("d"))]
    assert healthy(fine)
    assert [one.passed for one in fine] == [True, True, False]
    assert not healthy([*fine, outcome(ok("a"), problem("b", "c"))])
