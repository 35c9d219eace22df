"""``moebridge tail`` as a process, on a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result
from processes import moebridge
from tailing import delivery, letter, mapped, receipt, received, routed

from events.receipts import Receipt
from events.replays import Replayed
from moebridge.brokers.embedded import EmbeddedBroker
from moebridge.cli import main
from moebridge.setting_catalogue import variable
from moebridge.topic_admin import create_topics
from streams.publishing import BatchPublisher, Outgoing

MARK = Replayed("abc123abc123", "moebridge_replay")
ADA = delivery("notif_ada", "ada@example.com", contact="contact-ada", name="ticket_created")
BOB = delivery("notif_bob", "user-bob", contact="contact-bob")
WAY = [
    received("notif_ada", "contact-ada"), routed("notif_ada", "contact-ada"), mapped(ADA),
    letter(mapped(ADA), reason="BadRequest: ada@example.com is unknown"),
    routed("notif_bob", "contact-bob", replayed=MARK), mapped(BOB, replayed=MARK),
]  # fmt: skip


def settings(servers: str, prefix: str) -> dict[str, str]:
    return {"kafka.bootstrap_servers": servers, "kafka.topic_prefix": prefix}


async def publish(connection: dict[str, Any], prefix: str, records: Sequence[Any]) -> None:
    """Write records, each a millisecond after the one before; the last of them now."""
    now = time.time_ns() // 1_000_000
    async with AIOKafkaProducer(**connection) as producer:
        publisher = BatchPublisher(producer)
        for number, one in enumerate(records, 1 - len(records)):
            out = Outgoing(prefix + one.topic, one.key, one.value, list(one.headers))
            await publisher.publish([out], now + number)


def taken(*ids: str) -> Any:
    """A receipt of now."""
    at = time.time_ns() // 1_000_000
    record = receipt(*ids)
    return receipt(*ids, at=max(at, Receipt.read(record.value).at))


async def topics(connection: dict[str, Any], prefix: str) -> None:
    await create_topics(
        connection, prefix=prefix, partitions=2, replication=1, app_id=f"{prefix}moebridge"
    )


async def story(connection: dict[str, Any], prefix: str) -> None:
    """Topics, and two events on their way."""
    await topics(connection, prefix)
    await publish(connection, prefix, [*WAY, taken(BOB.delivery_id)])


def tail(broker: Any, prefix: str, *arguments: str) -> Result:
    env = {variable(k): v for k, v in settings(broker.bootstrap_servers, prefix).items()}
    return CliRunner().invoke(main, ["tail", "--since", "PT1H", "--no-follow", *arguments], env=env)


@pytest.mark.broker
def test_what_was_is_shown_in_order_and_it_ends(broker: Any, topic_prefix: str) -> None:
    asyncio.run(story(broker.connection, topic_prefix))
    result = tail(broker, topic_prefix)
    assert result.exit_code == 0, result.output
    assert [line.split()[1] for line in result.stdout.splitlines()] == [
        "received", "routed", "mapped", "refused", "routed", "mapped", "delivered",
    ]  # fmt: skip
    for personal in ("ada@example.com", "user-bob", "contact-ada", "Name contact"):
        assert personal not in result.stdout
    shown = tail(broker, topic_prefix, "--show-personal", "--customer", "ada@example.com").stdout
    assert [line.split()[1] for line in shown.splitlines()] == ["received", "routed", "mapped", "refused"]
    assert "customer ada@example.com 400 BadRequest: ada@example.com is unknown req-1" in shown


@pytest.mark.broker
@pytest.mark.parametrize(
    ("options", "stages"),
    [
        (["--replay"], ["routed", "mapped", "delivered"]),
        (["--replay", "abc123abc123", "--stage", "delivered"], ["delivered"]),
        (["--replay", "000000000000"], []),
        (["--live", "--stage", "mapped", "--stage", "refused"], ["mapped", "refused"]),
        (["--name", "ticket_created"], ["received", "routed", "mapped", "refused"]),
        (["--event-id", "notif_bob", "--limit", "2"], ["routed", "mapped"]),
        (["--contact", "contact-bob", "--event-topic", "contact.*"], ["routed", "mapped", "delivered"]),
        (["--config-name", "shop"], []),
        (["--company", "k1"], []),
    ],
)
def test_filters(broker: Any, topic_prefix: str, options: list[str], stages: list[str]) -> None:
    asyncio.run(story(broker.connection, topic_prefix))
    result = tail(broker, topic_prefix, "--json", *options)
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["stage"] for line in result.stdout.splitlines()] == stages


@pytest.mark.broker
async def test_it_follows_what_comes_and_ctrl_c_ends_it(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    await topics(broker.connection, topic_prefix)
    await publish(broker.connection, topic_prefix, WAY[:2])
    running = moebridge(
        "tail", settings=settings(broker.bootstrap_servers, topic_prefix), folder=tmp_path
    )
    async with running as tailing:
        await tailing.says("following")
        await publish(broker.connection, topic_prefix, [mapped(BOB)])
        await tailing.says("mapped ")
        junk = mapped(BOB)
        await publish(broker.connection, topic_prefix, [type(junk)(junk.topic, 0, 0, b"k", b"v")])
        await tailing.says("unreadable")
        await publish(broker.connection, topic_prefix, [taken(BOB.delivery_id)])
        await tailing.says("delivered ")
        tailing.signal(signal.SIGINT)
        assert await tailing.ends() == 0
    assert "received" not in tailing.text
    assert "header 'kind': missing" in tailing.text


@pytest.mark.broker
async def test_a_broker_that_goes_away_and_comes_back(tmp_path: Path, topic_prefix: str) -> None:
    server = EmbeddedBroker(tmp_path)
    await server.start()
    connection = {"bootstrap_servers": server.bootstrap_servers}
    try:
        await topics(connection, topic_prefix)
        await publish(connection, topic_prefix, WAY)
        running = moebridge(
            "tail", "--stage", "delivered",
            settings=settings(server.bootstrap_servers, topic_prefix), folder=tmp_path,
        )  # fmt: skip
        async with running as tailing:
            await tailing.says("following")
            await server.stop()
            await tailing.says("the broker does not answer; going on when it is back")
            await server.start()
            await tailing.says("the broker is back")
            await publish(connection, topic_prefix, [taken(BOB.delivery_id)])
            await tailing.says("delivered ")
            tailing.signal(signal.SIGTERM)
            assert await tailing.ends() == 0
    finally:
        await server.stop()


@pytest.mark.broker
def test_a_terminal_is_spared_a_burst_and_a_pipe_is_not(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    async def burst() -> None:
        await topics(broker.connection, topic_prefix)
        await publish(broker.connection, topic_prefix, [mapped(BOB)])
        await publish(broker.connection, topic_prefix, [taken(*[BOB.delivery_id] * 1500)])

    asyncio.run(burst())
    assert len(tail(broker, topic_prefix).stdout.splitlines()) == 1501
    ours, theirs = os.openpty()
    env = {variable(k): v for k, v in settings(broker.bootstrap_servers, topic_prefix).items()}
    command = [sys.executable, "-m", "moebridge", "tail", "--since", "PT1H", "--no-follow"]
    with subprocess.Popen(command, stdout=theirs, env={**os.environ, **env}, cwd=tmp_path) as process:
        os.close(theirs)
        *lines, last = _all_of(ours).splitlines()
    assert process.returncode == 0
    assert 200 <= len(lines) < 1501
    assert "\x1b[32mdelivered" in lines[-1]
    assert last == f"… {1501 - len(lines):,} more"


def _all_of(terminal: int) -> str:
    found = b""
    try:
        while piece := os.read(terminal, 65_536):
            found += piece
    except OSError:  # Linux says so when the other end was closed
        pass
    os.close(terminal)
    return found.decode()


@pytest.mark.broker
def test_topics_that_are_missing(broker: Any, topic_prefix: str) -> None:
    result = tail(broker, topic_prefix)
    assert result.exit_code == 1
    assert f"{topic_prefix}moengage.receipts: missing: moebridge topics create" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--live", "--replay"], "--live: not beside --replay"),
        (["--no-follow"], "--no-follow: needs --since"),
        (["--since", "soon"], "--since: expected a duration such as P1D or PT30M, got 'soon'"),
    ],
)
def test_wrong_usage(options: list[str], said: str) -> None:
    env = {"MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    result = CliRunner().invoke(main, ["tail", *options], env=env)
    assert result.exit_code == 2
    assert said in result.stderr


def test_without_a_broker_it_is_one_clear_line(free_port: int) -> None:
    env = {"MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port}"}
    result = CliRunner().invoke(main, ["tail"], env=env)
    assert result.exit_code == 1
    assert result.stderr.startswith("moebridge: kafka.bootstrap_servers: no answer from")
    assert result.stderr.count("\n") == 1
