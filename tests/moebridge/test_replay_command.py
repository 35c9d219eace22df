"""``moebridge replay`` as a dry run, on a real broker."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import payloads
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result
from letters_on_broker import Installation, run

from events.envelope import webhook_envelope
from events.keys import partition_for
from events.subjects import subjects_of
from events.topics import CONTACTS, DELIVERIES, EVENTS, REPLAYS
from moebridge.cli import main

pytestmark = pytest.mark.broker

#: An hour ago: a broker drops what is older than the topic's retention.
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
DAY = ["--by-duration", "P1D"]


def after(seconds: int) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat()


def story() -> list[tuple[dict[str, Any], str]]:
    """Notifications a minute apart, with the configuration that each is of."""
    return [
        (payloads.contact_updated(1, id="n-0"), "default"),
        (payloads.ticket_moved(1, 1, "in_progress", id="n-1", at=60), "default"),
        (payloads.contact_updated(2, id="n-2", at=120), ""),
        (payloads.contact_updated(3, id="n-3", at=180), "other"),
        (payloads.notification("contact.deleted", payloads.contact(1), id="n-4", at=240), "default"),
    ]


async def make(here: Installation) -> None:
    await here.make()
    async with AIOKafkaProducer(bootstrap_servers=here.bootstrap_servers) as producer:
        for number, (document, config) in enumerate(story()):
            at = round(BEGAN.timestamp() * 1000) + 60_000 * number
            body = json.dumps(document).encode()
            envelope = webhook_envelope(body, document, config=config, received_at=at)
            key = subjects_of(envelope.source, envelope.topic, document).ordering_key(envelope.event_id)
            await producer.send_and_wait(
                here.topic(EVENTS), body, key=key, headers=envelope.headers(), timestamp_ms=at,
                partition=partition_for(key, 4),
            )  # fmt: skip


@pytest.fixture(autouse=True)
def niceness(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the command sets its priority to, which is the tests' own here."""
    found: list[int] = []
    monkeypatch.setattr("os.getpriority", lambda _which, _who: 0)
    monkeypatch.setattr("os.setpriority", lambda _which, _who, priority: found.append(priority))
    return found


@pytest.fixture(scope="module")
def here(broker: Any) -> Installation:
    installation = Installation(broker.bootstrap_servers, "replayed.")
    run(make(installation))
    return installation


def replay(here: Installation, *arguments: str) -> Result:
    settings = {**here.settings, "configurations.other.moengage.workspace_id": "elsewhere"}
    env = {f"MOEBRIDGE_{k.replace('.', '__').upper()}": v for k, v in settings.items()}
    return CliRunner().invoke(main, ["replay", *arguments], env=env)


def plan(here: Installation, *arguments: str) -> dict[str, Any]:
    result = replay(here, "--json", *arguments)
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_it_says_what_would_happen_and_does_nothing(here: Installation, niceness: list[int]) -> None:
    result = replay(here, *DAY)
    assert niceness == [10], "live traffic first, on this machine too"
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == (
        "replay of intercom.events (received events, through the mapping as it is now), "
        "configuration default"
    )
    assert lines[1].startswith("5 records read, 4 asked for, 3 would be published")
    assert "3 elements would go to MoEngage, of 2 contacts: 2 users, 1 event" in lines
    assert any("left out 1: merges and deletes" in line for line in lines)
    assert lines[-1] == "nothing was done; --execute does it"
    assert "user1@example.com" not in result.stdout
    assert "user-00001" not in result.stdout
    assert "User 1" in replay(here, *DAY, "--show-personal").stdout
    assert [here.records(name) for name in (CONTACTS, DELIVERIES, REPLAYS)] == [[], [], []]


@pytest.mark.parametrize(
    ("options", "records", "chosen"),
    [
        (["--from-offset", "0"], 5, 3),
        (["--from-offset", "0", "--config-name", "other"], 5, 1),
        (["--from-offset", "0", "--contact", "contact-00001"], 5, 2),
        (["--from-offset", "0", "--event-topic", "ticket.*"], 5, 1),
        (["--from-offset", "0", "--where", "data.item.external_id == 'user-00002'"], 5, 1),
        (["--from-datetime", after(60), "--to-datetime", after(180)], 2, 2),
        (["--from-datetime", after(600)], 0, 0),
        (["--by-duration", "PT1S"], 0, 0),
        (["--from-offset", "0", "--topic", "moengage.deliveries"], 0, 0),
        (["--from-offset", "0", "--only-missing", "--event-id", "n-2"], 5, 0),
    ],
)
def test_what_is_chosen(here: Installation, options: list[str], records: int, chosen: int) -> None:
    totals = plan(here, *options)["totals"]
    assert (totals["records"], totals["chosen"]) == (records, chosen)


def test_partitions_add_up(here: Installation) -> None:
    each = [plan(here, *DAY, "--partition", str(one))["totals"]["records"] for one in range(4)]
    assert sum(each) == 5
    assert max(each) < 5


def test_minutes_examples_and_label(here: Installation) -> None:
    told = plan(here, *DAY, "--examples", "1", "--share", "0.5", "--label", "again")
    assert told["minutes"] > plan(here, *DAY, "--share", "1")["minutes"] > 0
    [element] = told["examples"]
    assert element["attributes"]["again"].startswith("~")
    shown = plan(here, *DAY, "--show-personal", "--no-label")
    assert len(shown["examples"]) == 3
    assert all("moebridge_replay" not in str(one) for one in shown["examples"])
    assert shown["replay"]["label"] == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "say from where: --by-duration P1D for the last day"),
        ([*DAY, "--from-datetime", "2026-01-01"], "--by-duration: not beside"),
        ([*DAY, "--topic", "moengage.deliveries", "--ticket", "7"], "use --contact or --event-id there"),
        ([*DAY, "--customer", "x"], "--customer: cannot be asked of intercom.events"),
        ([*DAY, "--where", "a ="], "--where: "),
        ([*DAY, "--partition", "9"], "only 0 to 3"),
        ([*DAY, "--config-name", "nobody"], "--config-name: the settings have no 'nobody'"),
        ([*DAY, "--label", "no label"], "a letter first"),
    ],
)
def test_wrong_usage(here: Installation, options: list[str], message: str) -> None:
    result = replay(here, *options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_without_topics_it_says_so(broker: Any, topic_prefix: str) -> None:
    result = replay(Installation(broker.bootstrap_servers, topic_prefix), *DAY)
    assert result.exit_code == 1
    assert "there is no such topic" in result.output
