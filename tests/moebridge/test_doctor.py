"""``moebridge doctor`` on a real chain: all green, and each failing state made for real."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner
from doctored import HUSH, Chain, chain

from events.envelope import Envelope
from events.keys import partition_for
from events.topics import CATALOGUE, TABLES
from mappings.rules import load
from moebridge.cli import main
from moebridge.doctor.broker_probe import watching
from moebridge.doctor.chain import SECRETS, without_settings
from moebridge.doctor.door_probe import DOCTOR_TOPIC, Door, doctor_body
from moebridge.doctor.findings import Outcome, healthy
from moebridge.doctor.report import report_json, report_table, sum_line
from moebridge.errors import SettingsInvalid
from moebridge.screen import console
from moebridge.wiring import connection
from streams.rehearsal import Rehearsal

pytestmark = pytest.mark.broker

CHECKS = (
    "settings", "secrets", "mapping", "MoEngage", "Intercom", "broker", "topics", "workers",
    "front door", "connectors", "round trip",
)  # fmt: skip
#: What the settings of these tests leave to be told.
QUIET = dict.fromkeys(CHECKS, "ok")


def levels(outcomes: dict[str, Outcome]) -> dict[str, str]:
    """The worst of each check."""
    order = ("skipped", "ok", "warning", "problem")
    for outcome in outcomes.values():
        for one in outcome.findings:
            assert HUSH not in f"{one.text} {one.remedy}"
    return {
        name: max((one.level for one in outcome.findings), key=order.index)
        for name, outcome in outcomes.items()
    }


def text(outcomes: dict[str, Outcome], check: str) -> str:
    """What a check says, with its remedies."""
    return "; ".join(f"{one.text} → {one.remedy}" for one in outcomes[check].findings)


async def test_all_green_and_nothing_is_made_of_it(broker: Any, topic_prefix: str) -> None:
    async with chain(broker.bootstrap_servers, topic_prefix) as running:
        outcomes = await running.examine()
        assert levels(outcomes) == QUIET
        assert f"{topic_prefix}intercom.events, partition" in text(outcomes, "round trip")
        # A second time there is the first one's record, which waits for the worker.
        outcomes = await running.examine()
        assert "1 record waits" in text(outcomes, "workers")
        assert healthy(outcomes.values())
        stats = await running.moengage_has()
        assert (stats["users"], stats["events"]) == (0, 0)


def test_the_doctors_event_becomes_nothing(tmp_path: Path) -> None:
    """Not even under a mapping that waits for everything."""
    (tmp_path / "all.yaml").write_text('rules:\n  - {when: {topic: "*"}, event: made}\n')
    envelope = Envelope.from_record(
        doctor_body("doctor_1", now_s=1_768_000_000),
        [
            ("source", b"webhook"), ("topic", DOCTOR_TOPIC.encode()), ("event_id", b"doctor_1"),
            ("workspace", b""), ("config", b"default"), ("received_at", b"1"), ("occurred_at", b"1"),
        ],
    )  # fmt: skip
    bridge = Rehearsal(load(tmp_path))
    bridge.feed([envelope])
    bridge.run()
    assert (bridge.deliveries(), bridge.refusals) == ([], [])
    assert bridge.counts["route", "about_nobody"] == 1
    assert not bridge.tables.get(("contacts", 0), {})


class TestOneThingIsWrong:
    """Every check says its own, and the others go on."""

    @pytest.fixture
    async def running(self, broker: Any, topic_prefix: str) -> Any:
        async with chain(broker.bootstrap_servers, topic_prefix) as running:
            yield running

    @pytest.mark.parametrize(
        ("changes", "unlike", "check", "said"),
        [
            ({"moengage__api_key": f"{HUSH}other"}, {"MoEngage": "problem"}, "MoEngage", "refuses the"),
            ({"moengage__workspace_id": "XYZ"}, {"MoEngage": "problem"}, "MoEngage", "401"),
            (
                {"moengage__base_url": "http://127.0.0.1:9"},
                {"MoEngage": "problem"},
                "MoEngage",
                "no answer from http://127.0.0.1:9",
            ),
            (
                {"moengage__api_key": ""},
                {"secrets": "problem", "MoEngage": "skipped"},
                "secrets",
                "API_KEY",
            ),
            (
                {"intercom__access_token": f"{HUSH}other"},
                {"Intercom": "problem"},
                "Intercom",
                "check intercom.access_token",
            ),
            ({"intercom__access_token": ""}, {"Intercom": "warning"}, "Intercom", "not set"),
            (
                {"intercom__api_version": "2.99"},
                {"Intercom": "problem"},
                "Intercom",
                "intercom.api_version",
            ),
            (
                {"intercom__webhook_secrets": f"{HUSH}other"},
                {"round trip": "problem"},
                "round trip",
                "refuses a signature by intercom.webhook_secrets (401 signature_wrong)",
            ),
            (
                {"intercom__webhook_secrets": ""},
                {"secrets": "warning", "round trip": "skipped"},
                "round trip",
                "intercom.webhook_secrets is not set",
            ),
            (
                {"intercom__data_key": f"{HUSH}other"},
                {"connectors": "problem"},
                "connectors",
                "401 credentials_wrong",
            ),
            (
                {"intercom__data_key": ""},
                {"secrets": "warning", "connectors": "skipped"},
                "connectors",
                "is not set",
            ),
            ({"kafka__partitions": "3"}, {"topics": "problem"}, "topics", "the settings say 3"),
            (
                {"worker__failpoints": "route:after_outputs:1"},
                {"settings": "problem"},
                "settings",
                "WORKER__FAILPOINTS",
            ),
            (
                {"ingest__public_url": "http://127.0.0.1:9"},
                {"public address": "problem"},
                "public address",
                "nobody answers at http://127.0.0.1:9 (connection refused)",
            ),
            (
                {"ingest__port": "0"},
                {"front door": "skipped", "connectors": "skipped", "round trip": "skipped"},
                "front door",
                "--url",
            ),
        ],
    )
    async def test_it_alone_is_told(
        self,
        running: Chain,
        changes: dict[str, str],
        unlike: dict[str, str],
        check: str,
        said: str,
    ) -> None:
        outcomes = await running.examine(**changes)
        assert levels(outcomes) == {**QUIET, **unlike}
        assert said in text(outcomes, check)

    async def test_a_mapping_that_does_not_compile(self, running: Chain) -> None:
        Path("own.yaml").write_text("rules:\n  - {when: nonsense, event: e}\n")
        outcomes = await running.examine(mapping__path="own.yaml")
        assert levels(outcomes) == {**QUIET, "mapping": "problem"}
        assert "own.yaml:2" in text(outcomes, "mapping")

    async def test_a_mapping_whose_test_fails(self, running: Chain) -> None:
        Path("own.yaml").write_text(
            "rules:\n  - {when: contact, user: true, attributes: {u_n: contact.name}}\n"
            "tests:\n  - {name: of nobody, given: [{topic: contact.user.created, item: {id: c1}}],"
            " expect: [{event: e}]}\n"
        )
        outcomes = await running.examine(mapping__path="own.yaml")
        assert levels(outcomes) == {**QUIET, "mapping": "problem"}
        assert "own.yaml:4 of nobody" in text(outcomes, "mapping")

    async def test_no_front_door(self, running: Chain, free_port: int) -> None:
        outcomes = await running.examine(ingest__port=str(free_port))
        skipped = {"connectors": "skipped", "round trip": "skipped"}
        assert levels(outcomes) == {**QUIET, "front door": "problem", **skipped}
        assert "connection refused" in text(outcomes, "front door")

    async def test_the_front_door_elsewhere(self, running: Chain, free_port: int) -> None:
        url = f"http://localhost:{running.settings.ingest.port}"
        outcomes = await running.examine(url=url, ingest__port=str(free_port))
        assert levels(outcomes) == QUIET
        assert url in text(outcomes, "front door")

    async def test_something_else_answers_there(self, running: Chain) -> None:
        outcomes = await running.examine(url=running.moengage_url)
        skipped = {"connectors": "skipped", "round trip": "skipped"}
        assert levels(outcomes) == {**QUIET, "front door": "problem", **skipped}
        assert "HEAD with 404" in text(outcomes, "front door")

    async def test_another_name_of_the_configuration(self, running: Chain) -> None:
        outcomes = await running.examine(ingest__config_name="other")
        assert levels(outcomes) == {**QUIET, "connectors": "problem", "round trip": "problem"}
        assert "does not know the configuration other" in text(outcomes, "connectors")
        assert "as configuration 'default'" in text(outcomes, "round trip")


async def test_no_worker(broker: Any, topic_prefix: str) -> None:
    async with chain(broker.bootstrap_servers, topic_prefix, worker=False) as running:
        outcomes = await running.examine()
        assert levels(outcomes) == {**QUIET, "workers": "problem"}
        assert f"no worker is in the group {topic_prefix}moebridge" in text(outcomes, "workers")


async def test_missing_topics(broker: Any, topic_prefix: str) -> None:
    async with chain(broker.bootstrap_servers, topic_prefix, topics=False, worker=False) as running:
        outcomes = await running.examine()
        unlike = {
            "topics": "problem", "workers": "problem", "front door": "problem",
            "connectors": "skipped", "round trip": "skipped",
        }  # fmt: skip
        assert levels(outcomes) == {**QUIET, **unlike}
        assert len(outcomes["topics"].findings) == len(CATALOGUE) + len(TABLES)
        missing = f"{topic_prefix}intercom.events is missing → moebridge topics create"
        assert missing in text(outcomes, "topics")
        assert "cannot reach its broker" in text(outcomes, "front door")


async def test_the_broker_is_away(broker: Any, topic_prefix: str, free_port: int) -> None:
    nowhere = f"127.0.0.1:{free_port}"
    away = {"kafka__bootstrap_servers": nowhere}
    async with chain(broker.bootstrap_servers, topic_prefix, door=away) as running:
        outcomes = await running.examine(**away)
        unlike = {
            "broker": "problem", "topics": "skipped", "workers": "skipped", "front door": "problem",
            "connectors": "skipped", "round trip": "skipped",
        }  # fmt: skip
        assert levels(outcomes) == {**QUIET, **unlike}
        assert f"no answer from {nowhere}" in text(outcomes, "broker")
        assert "events are answered with 429" in text(outcomes, "front door")


async def test_the_front_door_keeps_events_in_its_spool(
    broker: Any, topic_prefix: str, free_port: int, tmp_path: Path
) -> None:
    door = {
        "kafka__bootstrap_servers": f"127.0.0.1:{free_port}",
        "ingest__spool_dir": str(tmp_path / "spool"),
    }
    async with chain(broker.bootstrap_servers, topic_prefix, door=door) as running:
        outcomes = await running.examine(timeout_s=8.0)
        assert levels(outcomes) == {**QUIET, "front door": "warning", "round trip": "problem"}
        assert "in its spool" in text(outcomes, "front door")


async def test_the_front_door_writes_elsewhere(broker: Any, topic_prefix: str) -> None:
    other = f"{topic_prefix}other."
    async with (
        chain(broker.bootstrap_servers, other, worker=False) as elsewhere,
        chain(broker.bootstrap_servers, topic_prefix) as running,
    ):
        port = str(elsewhere.settings.ingest.port)
        outcomes = await running.examine(ingest__port=port, timeout_s=8.0)
        assert levels(outcomes) == {**QUIET, "round trip": "problem"}
        assert "kafka.topic_prefix" in text(outcomes, "round trip")


async def test_every_configuration_is_asked(broker: Any, topic_prefix: str) -> None:
    eu = {
        "intercom": {"webhook_secrets": [f"{HUSH}eu"], "workspace_id": "eu", "data_key": f"{HUSH}k"},
        "moengage": {"workspace_id": "ABC", "api_key": f"{HUSH}wrong"},
    }
    au = {
        "intercom": {"webhook_secrets": [f"{HUSH}au"]},
        "moengage": {"workspace_id": "ABC", "api_key": f"{HUSH}api"},
    }
    further = {"eu": eu, "au": au}
    async with chain(broker.bootstrap_servers, topic_prefix, further=further) as running:
        outcomes = await running.examine()
        assert levels(outcomes) == {
            **QUIET,
            "secrets eu": "ok", "mapping eu": "ok", "MoEngage eu": "problem", "Intercom eu": "warning",
            "connectors eu": "ok", "round trip eu": "ok",
            "secrets au": "warning", "mapping au": "ok", "MoEngage au": "ok", "Intercom au": "warning",
            "connectors au": "skipped", "round trip au": "ok",
        }  # fmt: skip
        assert "configurations.eu.moengage.api_key" in text(outcomes, "MoEngage eu")
        assert "as eu" in text(outcomes, "connectors eu")


async def test_the_record_of_the_round_trip_is_known_by_its_id(broker: Any, topic_prefix: str) -> None:
    async with chain(broker.bootstrap_servers, topic_prefix, worker=False) as running:
        topic = f"{topic_prefix}intercom.events"
        url = f"http://127.0.0.1:{running.settings.ingest.port}"
        ids = [f"doctor_{number}" for number in range(12)]
        async with (
            watching(connection(running.settings), topic) as watch,
            aiohttp.ClientSession() as session,
        ):
            door = Door(session, url, timeout_s=20)
            for one in ids:
                reply = await door.signed_webhook(one, f"{HUSH}hook", now_s=1_768_000_000)
                assert reply.name == "accepted"
            async with asyncio.timeout(20):
                found = await watch.find(ids[-1])
        # On its own partition it is the last one.
        partitions = [partition_for(one.encode(), 2) for one in ids]
        assert found.partition == partitions[-1]
        assert found.offset == partitions.count(partitions[-1]) - 1 > 0


async def test_without_a_broker_in_the_settings(broker: Any, topic_prefix: str) -> None:
    async with chain(broker.bootstrap_servers, topic_prefix) as running:
        outcomes = await running.examine(kafka__bootstrap_servers="")
        skipped = dict.fromkeys(("broker", "topics", "workers", "round trip"), "skipped")
        assert levels(outcomes) == {**QUIET, "settings": "warning", **skipped}


def test_settings_that_cannot_be_read() -> None:
    env = {"MOEBRIDGE_INGEST__PORT": "x", "MOEBRIDGE_LOG__LEVEL": "loud"}
    result = CliRunner().invoke(main, ["doctor", "--json"], env=env)
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["healthy"] is False
    told = [one for one in report["checks"] if one["level"] == "problem"]
    assert {one["check"] for one in told} == {"settings"}
    assert any("ingest.port (MOEBRIDGE_INGEST__PORT)" in one["text"] for one in told)
    skipped = {one["check"] for one in report["checks"] if one["level"] == "skipped"}
    assert skipped == set(CHECKS) - {"settings"}


def test_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = without_settings(SettingsInvalid("kafka.partitions: [wrong]"))
    console().print(report_table(outcomes))
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["problem", "settings", "kafka.partitions:", "[wrong]"]
    assert len(shown) == len(CHECKS)
    assert sum_line(outcomes) == "1 problem, 10 skipped"
    several = [Outcome(SECRETS, name, outcomes[0].findings) for name in ("default", "eu")]
    console().print(report_table(several))
    assert "secrets (eu)" in capsys.readouterr().out
    assert [one["configuration"] for one in json.loads(report_json(several))["checks"]] == [
        "default", "eu"
    ]  # fmt: skip
