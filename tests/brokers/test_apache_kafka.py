"""Apache Kafka from its jars: three brokers lose one, and what is missing is named."""

from __future__ import annotations

import asyncio
import signal
import sys
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from moebridge.brokers.apache_kafka import ApacheKafka
from moebridge.brokers.kafka_jars import find_java, java_major, kafka_jars
from moebridge.errors import BrokerUnsupported


@pytest.mark.kafka
async def test_acknowledged_records_survive_the_loss_of_a_broker(tmp_path):
    async with ApacheKafka(tmp_path, brokers=3) as kafka:
        servers = {"bootstrap_servers": kafka.bootstrap_servers}
        admin = AIOKafkaAdminClient(**servers)
        await admin.start()
        try:
            await admin.create_topics([NewTopic("kept", 3, 3)])  # each broker leads a partition
        finally:
            await admin.close()
        values = [b"%d" % n for n in range(90)]
        async with asyncio.timeout(120):
            async with AIOKafkaProducer(**servers, acks="all", enable_idempotence=True) as producer:
                for n, value in enumerate(values):
                    if n == 30:
                        await kafka.kill(2)
                    if n == 60:
                        await kafka.start(2)
                    await producer.send_and_wait("kept", value, partition=n % 3)
            async with AIOKafkaConsumer("kept", **servers, auto_offset_reset="earliest") as consumer:
                read = [(await consumer.getone()).value for _ in values]
        assert sorted(read, key=int) == values


@pytest.mark.kafka
async def test_a_cluster_id_may_begin_with_a_dash(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xfb" * 16))
    async with (
        ApacheKafka(tmp_path) as kafka,
        AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer,
    ):
        assert producer.client.cluster.brokers()


OWNER = """
import asyncio, sys
from pathlib import Path
from moebridge.brokers.apache_kafka import ApacheKafka
async def main():
    async with ApacheKafka(Path(sys.argv[1])):
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.kafka
async def test_kafka_ends_with_its_owner(tmp_path):
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(tmp_path)), stdout=asyncio.subprocess.PIPE
    )
    assert await owner.stdout.readline() == b"ready\n"
    owner.send_signal(signal.SIGKILL)
    await owner.wait()
    # The folder comes free only with the end of the former broker; until then the start waits.
    async with ApacheKafka(tmp_path):
        pass


@pytest.mark.parametrize(
    ("output", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6)', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
    ],
)
def test_the_version_of_java_is_read(output, major):
    assert java_major(output) == major


def test_a_missing_java_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        BrokerUnsupported, match=r"Java 17.*no java on the path.*kafka\.bootstrap_servers"
    ):
        find_java()


def test_an_old_java_is_named(monkeypatch, tmp_path):
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(BrokerUnsupported, match=r"needs Java 17.*is Java 11.*JAVA_HOME"):
        find_java()


async def test_a_missing_maven_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("MOEBRIDGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerUnsupported, match=r"no mvn on the path.*kafka\.bootstrap_servers"):
        await kafka_jars()


async def test_a_fetch_that_fails_leaves_nothing_behind(monkeypatch, tmp_path):
    """The next call must fetch again, not take what came of the first."""
    maven = tmp_path / "mvn"
    maven.write_text(
        "#!/bin/sh\n"
        'for option; do case "$option" in -DoutputDirectory=*) folder=${option#*=};; esac; done\n'
        'mkdir "$folder" && echo half > "$folder/kafka.jar" && echo "no route" && exit 1\n'
    )
    maven.chmod(0o755)
    monkeypatch.setenv("MOEBRIDGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for _ in range(2):
        with pytest.raises(BrokerUnsupported, match="no route"):
            await kafka_jars()
    maven.write_text(maven.read_text().replace("exit 1", "exit 0"))
    folder = await kafka_jars()
    assert (folder / "kafka.jar").read_text() == "half\n"
    maven.unlink()
    assert await kafka_jars() == folder
