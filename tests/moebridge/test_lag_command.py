"""``moebridge lag`` and what it serves, on a real broker; and its tables."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from click.testing import CliRunner, Result
from processes import moebridge
from rich.console import Console

from moebridge.cli import main
from moebridge.commands.lag import EXIT_CODES
from moebridge.lag_table import duration, lag_tables
from moebridge.topic_admin import create_topics
from streams.chunks import Place
from streams.lag.look import GroupLook, Owner, PartitionLook, WatchedGroup
from streams.lag.report import GroupLag, report_of
from streams.lag.verdict import Verdict

NOW = 1_800_000_000_000


async def some_lag(connection: dict[str, Any], prefix: str) -> None:
    """Ten events of which three are done, and nobody who works."""
    await create_topics(
        connection, prefix=prefix, partitions=2, replication=1, app_id=f"{prefix}moebridge"
    )
    topic = f"{prefix}intercom.events"
    async with AIOKafkaProducer(**connection) as producer:
        for _ in range(10):
            await producer.send_and_wait(topic, b"{}", partition=1)
    consumer = AIOKafkaConsumer(**connection, group_id=f"{prefix}moebridge", enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 1)])
        await consumer.commit({TopicPartition(topic, 1): 3})
    finally:
        await consumer.stop()


def lag(broker: Any, prefix: str, *arguments: str) -> Result:
    settings = {
        "MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "MOEBRIDGE_KAFKA__TOPIC_PREFIX": prefix,
    }
    return CliRunner().invoke(main, ["lag", *arguments], env=settings)


@pytest.mark.broker
def test_the_verdict_is_the_exit_code(broker: Any, topic_prefix: str) -> None:
    nobody = lag(broker, topic_prefix, "--window", "0")
    assert (nobody.exit_code, nobody.stdout.split()[0]) == (5, "NOTFOUND")
    asyncio.run(some_lag(broker.connection, topic_prefix))
    stopped = lag(broker, topic_prefix, "--window", "0")
    assert stopped.exit_code == 4
    assert f"{topic_prefix}intercom.events[1] STOP" in " ".join(stopped.stdout.split())
    each = lag(broker, topic_prefix, "--window", "0.2", "--interval", "0.1", "--partitions")
    assert len(re.findall(r"^route .* STOP ", each.stdout, re.MULTILINE)) == 1
    assert len(re.findall(r"^deliver .* OK ", each.stdout, re.MULTILINE)) == 2


@pytest.mark.broker
def test_json_holds_every_figure_and_says_what_is_no_data(broker: Any, topic_prefix: str) -> None:
    asyncio.run(some_lag(broker.connection, topic_prefix))
    result = lag(broker, topic_prefix, "--json", "--window", "0.2", "--interval", "0.1")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["verdict"], report["lag"]) == (4, "ERR", 7)
    route, *others = report["stages"]
    empty, behind = route["partitions"]
    assert (behind["committed"], behind["end"], behind["lag"], behind["verdict"]) == (3, 10, 7, "STOP")
    assert (behind["arrival_per_s"], behind["time_to_close_s"], behind["owner"]) == (0, None, None)
    assert 0 <= behind["seconds"] == route["seconds"] == report["seconds"] < 600
    assert (empty["committed"], empty["lag"], empty["seconds"], empty["verdict"]) == (None, 0, None, "OK")
    assert [stage["verdict"] for stage in others] == ["OK"] * 3


def test_without_a_broker_it_is_one_clear_line(free_port: int) -> None:
    env = {"MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port}"}
    result = CliRunner().invoke(main, ["lag"], env=env)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"moebridge: kafka.bootstrap_servers: 127.0.0.1:{free_port} did not")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("address", ["9308", "host:", "127.0.0.1:99999", "127.0.0.1:http"])
def test_an_address_that_is_none(address: str) -> None:
    result = CliRunner().invoke(main, ["lag", "--listen", address])
    assert result.exit_code == 2
    assert "expected HOST:PORT" in result.stderr


@pytest.mark.broker
async def test_watching_goes_on_until_stopped_and_ends_with_the_verdict(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    await some_lag(broker.connection, topic_prefix)
    settings = {
        "kafka.bootstrap_servers": broker.bootstrap_servers,
        "kafka.topic_prefix": topic_prefix,
    }
    arguments = ("lag", "--watch", "--json", "--interval", "0.1")
    async with moebridge(*arguments, settings=settings, folder=tmp_path) as watching:
        await watching.says('"verdict": "ERR", "complete"', times=3)
        watching.signal(signal.SIGINT)
        assert await watching.ends() == EXIT_CODES[Verdict.ERR]
    assert all(json.loads(line)["lag"] == 7 for line in watching.text.splitlines())


@pytest.mark.broker
async def test_it_serves_the_lag_when_no_worker_lives(
    broker: Any, topic_prefix: str, tmp_path: Path, free_port: int
) -> None:
    await some_lag(broker.connection, topic_prefix)
    settings = {
        "kafka.bootstrap_servers": broker.bootstrap_servers,
        "kafka.topic_prefix": topic_prefix,
        "lag.cluster_name": "blue",
    }
    url = f"http://127.0.0.1:{free_port}"
    arguments = ("lag", "--listen", f"127.0.0.1:{free_port}")
    async with moebridge(*arguments, settings=settings, folder=tmp_path) as serving:
        await serving.says(f"lag at {url}/lag")
        async with aiohttp.ClientSession(url) as session:
            while (answer := await session.get("/lag")).status == 503:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)
            assert (await answer.json())["verdict"] == "ERR"
            text = await (await session.get("/metrics")).text()
        serving.signal(signal.SIGTERM)
        assert await serving.ends() == 0
    group = f'cluster_name="blue",group="{topic_prefix}moebridge"'
    assert f"kafka_consumergroup_group_sum_lag{{{group}}} 7.0" in text
    assert f'moebridge_lag_group_verdict{{{group},verdict="ERR"}} 1.0' in text


# -- tables ---------------------------------------------------------------------------------------


def reported(*looks: PartitionLook) -> GroupLag:
    """Of two looks, ten seconds apart, at one partition."""
    seen = [
        GroupLook(NOW + n * 10_000, True, False, {Place("events", 0): look}, {"events": 86_400_000})
        for n, look in enumerate(looks)
    ]
    return report_of(WatchedGroup("g", {"events": "route"}), seen, window=2)


def shown(report: GroupLag, *, partitions: bool = False) -> list[str]:
    console = Console(width=160, highlight=False)
    with console.capture() as capture:
        console.print(lag_tables(report, partitions=partitions))
    return [" ".join(line.replace("│", " ").split()) for line in capture.get().splitlines()]


OWNER = Owner("w-1", "w", "/10.0.0.7")


def test_a_table_of_stages() -> None:
    report = reported(
        PartitionLook(0, 100, 40, NOW, OWNER), PartitionLook(0, 120, 100, NOW - 50_000, OWNER)
    )
    assert "route OK 20 1.0 min 2.0/s 6.0/s 5.0 s 24.0 h" in shown(report)
    assert shown(report)[-1] == "OK g: 20 records wait, the oldest for 1.0 min"
    assert "route 0 OK 20 1.0 min 2.0/s 6.0/s 5.0 s 24.0 h 100 120 /10.0.0.7" in shown(
        report, partitions=True
    )


def test_a_table_says_what_is_no_data_what_never_closes_and_what_is_lost() -> None:
    assert "route OK 0 no data no data no data no data -" in shown(
        reported(PartitionLook(0, 0, None, None, OWNER))
    )
    stuck = shown(reported(*[PartitionLook(8, 9, 2, NOW, None)] * 2))
    assert "route ERR 7 (6 expired) 10.0 s 0.0/s 0.0/s never 24.0 h" in stuck
    assert stuck[-1].endswith("; 6 have expired; events[0] STOP")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "no data"),
        (0.0, "0.0 s"),
        (59.9, "59.9 s"),
        (90.0, "1.5 min"),
        (7200.0, "2.0 h"),
        (1e6, "11.6 d"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
