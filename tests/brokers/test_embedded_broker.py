"""The embedded broker: its folder, its end, its members, and the machines that cannot run it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.consumer.fetcher import Fetcher

from moebridge.brokers import embedded, process
from moebridge.brokers.embedded import EmbeddedBroker, find_binary, why_unsupported
from moebridge.brokers.idle_fetch import paused_idle_fetches
from moebridge.errors import BrokerStartFailed, BrokerUnsupported


async def create(servers, topic):
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()


async def produce(servers, topic, value):
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        await producer.send_and_wait(topic, value)


async def first_record(servers, topic):
    async with asyncio.timeout(30):
        async with AIOKafkaConsumer(
            topic, bootstrap_servers=servers, auto_offset_reset="earliest"
        ) as consumer:
            return (await consumer.getone()).value


async def test_data_outlives_the_broker_and_a_change_of_port(tmp_path, free_port):
    async with EmbeddedBroker(tmp_path) as broker:
        await create(broker.bootstrap_servers, "kept")
        await produce(broker.bootstrap_servers, "kept", b"record")
    assert not broker.alive
    async with EmbeddedBroker(tmp_path, free_port) as broker:
        assert broker.bootstrap_servers == f"127.0.0.1:{free_port}"
        assert await first_record(broker.bootstrap_servers, "kept") == b"record"


async def test_a_folder_belongs_to_one_broker(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "LOCK_TIMEOUT_S", 0.1)
    async with EmbeddedBroker(tmp_path):
        with pytest.raises(BrokerStartFailed, match=r"another broker \(process \d+\) uses the folder"):
            await EmbeddedBroker(tmp_path).start()


async def test_a_taken_port_is_named(tmp_path):
    async with EmbeddedBroker(tmp_path / "one") as one:
        port = int(one.bootstrap_servers.rpartition(":")[2])
        two = EmbeddedBroker(tmp_path / "two", port)
        with pytest.raises(BrokerStartFailed, match=f"port {port} is in use"):
            await two.start()
        assert not two.alive


OWNER = """
import asyncio, sys
from pathlib import Path
from moebridge.brokers.embedded import EmbeddedBroker
async def main():
    async with EmbeddedBroker(Path(sys.argv[1])) as broker:
        print(broker.bootstrap_servers, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_the_broker_ends_with_its_owner_and_saves(tmp_path, end):
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    servers = (await owner.stdout.readline()).decode().strip()
    await create(servers, "kept")
    await produce(servers, "kept", b"record")
    owner.send_signal(end)
    await owner.wait()
    # The folder comes free only with the end of the former broker; until then the start waits.
    async with EmbeddedBroker(tmp_path) as broker:
        assert await first_record(broker.bootstrap_servers, "kept") == b"record"


async def test_a_dead_member_is_forgotten(tmp_path):
    async with EmbeddedBroker(tmp_path) as broker:
        await create(broker.bootstrap_servers, "work")
        options = {"bootstrap_servers": broker.bootstrap_servers, "group_id": "workers"}
        async with AIOKafkaConsumer("work", **options, group_instance_id="one"):
            pass  # a member with an instance id does not leave its group when it stops
        assert await broker.forget_members("workers") == 1
        assert await broker.forget_members("workers") == 0
        async with asyncio.timeout(30):
            async with AIOKafkaConsumer("work", **options) as alone:
                assert len(alone.assignment()) == 1


async def test_a_restart_forgets_members_and_keeps_the_port(tmp_path):
    async with EmbeddedBroker(tmp_path) as broker:
        await create(broker.bootstrap_servers, "work")
        servers = broker.bootstrap_servers
        async with AIOKafkaConsumer(
            "work", bootstrap_servers=servers, group_id="workers", group_instance_id="one"
        ):
            pass
        await broker.restart()
        assert broker.bootstrap_servers == servers
        assert await broker.forget_members("workers") == 0


async def test_an_idle_consumer_pauses_and_misses_nothing(tmp_path, monkeypatch):
    fetches = 0
    fetch = Fetcher._proc_fetch_request

    async def counted(*args):
        nonlocal fetches
        fetches += 1
        return await fetch(*args)

    monkeypatch.setattr(Fetcher, "_proc_fetch_request", counted)
    async with EmbeddedBroker(tmp_path) as broker:
        await create(broker.bootstrap_servers, "quiet")
        with paused_idle_fetches():
            async with AIOKafkaConsumer("quiet", bootstrap_servers=broker.bootstrap_servers) as consumer:
                assert await consumer.getmany(timeout_ms=400) == {}
                assert 1 <= fetches <= 25  # without the pause: hundreds
                await produce(broker.bootstrap_servers, "quiet", b"at last")
                async with asyncio.timeout(30):
                    assert (await consumer.getone()).value == b"at last"
    assert Fetcher._proc_fetch_request is counted


@pytest.mark.parametrize(
    ("system", "machine", "glibc", "problem"),
    [
        ("Linux", "x86_64", (2, 34), None),
        ("Linux", "x86_64", (2, 31), "needs the GNU C library 2.34 or newer; this machine has 2.31"),
        ("Linux", "aarch64", (2, 39), None),
        ("Linux", "arm64", (2, 36), "on arm64 it needs the GNU C library 2.39"),
        ("Linux", "x86_64", None, "GNU C library"),
        ("Linux", "riscv64", (2, 39), "not for riscv64"),
        ("Darwin", "arm64", None, None),
        ("Windows", "AMD64", None, "not on Windows"),
    ],
)  # fmt: skip
def test_what_a_machine_lacks_is_named(system, machine, glibc, problem):
    found = why_unsupported(system, machine, glibc)
    assert (found is None) if problem is None else (problem in found)


def test_an_unsupported_machine_is_sent_to_a_broker_of_its_own(monkeypatch):
    assert os.access(find_binary(), os.X_OK)
    monkeypatch.setattr(embedded, "_glibc_version", lambda: (2, 17))
    monkeypatch.setattr(embedded.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(embedded.platform, "system", lambda: "Linux")
    with pytest.raises(BrokerUnsupported, match=r"2\.34 or newer.*kafka\.bootstrap_servers"):
        find_binary()
