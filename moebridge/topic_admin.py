"""Creating and checking the topics: every one of the catalogue, and the tables' changelogs.

What a topic must be is pure (``expected_topics``, ``judge``); the rest asks the broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidReplicationFactorError, KafkaError, TopicAlreadyExistsError, for_code

from events.topics import CATALOGUE, TABLES, TopicSpec, changelog_spec, topic_name
from moebridge.errors import BrokerUnreachable

#: Seconds that a topic may take from its creation until every part of the broker knows it.
VISIBLE_TIMEOUT_S = 15.0
_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class ExpectedTopic:
    """A topic as it has to be. ``like`` is the topic whose partition count it must share, or None."""

    name: str
    spec: TopicSpec
    like: str | None = None


@dataclass(frozen=True, slots=True)
class TopicReport:
    """One topic on the broker. ``problem`` names the remedy and is empty where all is well.

    ``partitions`` is None where the topic is missing. ``untold`` is what the broker did not tell and
    nobody has checked; empty where everything was.
    """

    name: str
    partitions: int | None
    problem: str = ""
    created: bool = False
    untold: str = ""


async def create_topics(
    connection: Mapping[str, Any],
    *,
    prefix: str,
    partitions: int,
    replication: int,
    app_id: str,
    max_message_bytes: int = 2_000_000,
) -> list[TopicReport]:
    """Create the topics that are missing, and report on all of them; again is no harm.

    ``connection`` holds keyword arguments of aiokafka's clients (``bootstrap_servers``, security).
    Topics that exist are left as they are: what is wrong with them is reported. Raises
    BrokerUnreachable.
    """
    expected = expected_topics(prefix, app_id)
    async with admin_client(connection) as admin:
        existing = await partition_counts(admin)
        missing = [topic for topic in expected if topic.name not in existing]
        made: set[str] = set()
        refused: dict[str, str] = {}
        if missing:
            made, refused = await _create(admin, missing, partitions, replication, max_message_bytes)
            await _wait_until_visible(admin, {topic.name for topic in missing} - refused.keys())
        reports = await _reports(admin, expected, partitions, max_message_bytes)
    return [
        replace(
            report,
            created=report.name in made,
            problem=refused.get(report.name, report.problem),
        )
        for report in reports
    ]


async def check_topics(
    connection: Mapping[str, Any],
    *,
    prefix: str,
    partitions: int,
    app_id: str,
    max_message_bytes: int = 2_000_000,
) -> list[TopicReport]:
    """Report on every topic, changing nothing. Raises BrokerUnreachable."""
    async with admin_client(connection) as admin:
        return await _reports(admin, expected_topics(prefix, app_id), partitions, max_message_bytes)


def expected_topics(prefix: str, app_id: str) -> list[ExpectedTopic]:
    """Every topic there has to be, by its name on the broker. ``app_id`` carries the prefix already."""
    catalogued = [ExpectedTopic(topic_name(name, prefix), spec) for name, spec in CATALOGUE.items()]
    changelogs = [
        ExpectedTopic(spec.name, spec, like=topic_name(source, prefix))
        for table, source in TABLES.items()
        for spec in [changelog_spec(app_id, table)]
    ]
    return catalogued + changelogs


def judge(
    topic: ExpectedTopic,
    counts: Mapping[str, int],
    config: Mapping[str, str] | None,
    *,
    partitions: int,
    max_message_bytes: int,
) -> TopicReport:
    """What is wrong with a topic. ``counts``: partitions by name; ``config`` None: not told."""
    count = counts.get(topic.name)
    if count is None:
        return TopicReport(topic.name, None, "missing: moebridge topics create")
    problems = [*_partition_problems(topic, count, counts, partitions)]
    untold = []
    wanted = topic.spec.broker_config(max_message_bytes=max_message_bytes)
    policy = None if config is None else config.get("cleanup.policy")
    if policy is None:
        untold.append("cleanup.policy")
    elif _policies(policy) != _policies(wanted["cleanup.policy"]):
        problems.append(_config_problem(topic.name, "cleanup.policy", policy, wanted["cleanup.policy"]))
    size = None if config is None else config.get("max.message.bytes")
    if size is None:
        untold.append("max.message.bytes")
    elif int(size) < max_message_bytes:
        problems.append(_config_problem(topic.name, "max.message.bytes", size, str(max_message_bytes)))
    told = f"not told by the broker: {', '.join(untold)}" if untold else ""
    return TopicReport(topic.name, count, "; ".join(problems), untold=told)


def _partition_problems(
    topic: ExpectedTopic, count: int, counts: Mapping[str, int], partitions: int
) -> Iterable[str]:
    if topic.like is not None and counts.get(topic.like, count) != count:
        yield (
            f"has {count} partitions and {topic.like}, whose table it keeps, has {counts[topic.like]}: "
            "the table could not be rebuilt; stop the workers, delete this topic and run moebridge "
            f"topics create with {counts[topic.like]} partitions, then replay"
        )
    elif count != partitions:
        yield (
            f"has {count} partitions, the settings say {partitions}: set kafka.partitions to {count}, "
            "or let the workers finish, delete the topics and create them anew (more partitions on a "
            "topic in use would tear the order of a key)"
        )


def _config_problem(name: str, key: str, value: str, wanted: str) -> str:
    return (
        f"{key} is {value}, must be {wanted}: kafka-configs --alter --entity-type topics "
        f"--entity-name {name} --add-config {key}={wanted}"
    )


def _policies(value: str) -> set[str]:
    return {policy.strip() for policy in value.split(",")}


@asynccontextmanager
async def admin_client(connection: Mapping[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client inside. Raises BrokerUnreachable, also for what fails on the way."""
    admin = AIOKafkaAdminClient(**connection)
    try:
        try:
            await admin.start()
            yield admin
        except (KafkaError, OSError, TimeoutError) as error:
            servers = connection["bootstrap_servers"]
            where = servers if isinstance(servers, str) else ",".join(servers)
            raise BrokerUnreachable(where, type(error).__name__) from error
    finally:
        await admin.close()


async def partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions of every topic there is. Asking by name would create a topic on some brokers."""
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}


async def _create(
    admin: AIOKafkaAdminClient,
    topics: Iterable[ExpectedTopic],
    partitions: int,
    replication: int,
    max_message_bytes: int,
) -> tuple[set[str], dict[str, str]]:
    """Ask for the topics. Returns which were made, and what the broker refused with its reason."""
    answer = await admin.create_topics(
        [
            NewTopic(
                topic.name,
                partitions,
                replication,
                topic_configs=topic.spec.broker_config(max_message_bytes=max_message_bytes),
            )
            for topic in topics
        ]
    )
    made = set()
    refused = {}
    for name, code, message in answer.topic_errors:
        error = for_code(code)
        if code == 0:
            made.add(name)
        elif error is not TopicAlreadyExistsError:  # another process was quicker
            refused[name] = f"the broker refused to create it: {message or error.__name__}"
            if error is InvalidReplicationFactorError:
                refused[name] += f" Lower kafka.replication (it is {replication}) or add brokers"
    return made, refused


async def _wait_until_visible(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Wait a while; what is missing even then, the report will say."""
    for _ in range(round(VISIBLE_TIMEOUT_S / _PAUSE_S)):
        if names <= (await partition_counts(admin)).keys():
            return
        await asyncio.sleep(_PAUSE_S)


async def _reports(
    admin: AIOKafkaAdminClient,
    expected: list[ExpectedTopic],
    partitions: int,
    max_message_bytes: int,
) -> list[TopicReport]:
    counts = await partition_counts(admin)
    configs = await _configs(admin, [topic.name for topic in expected if topic.name in counts])
    return [
        judge(
            topic,
            counts,
            configs.get(topic.name),
            partitions=partitions,
            max_message_bytes=max_message_bytes,
        )
        for topic in expected
    ]


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """Settings by topic, without the topics about which the broker tells nothing."""
    if not names:
        return {}
    try:
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        )
    except KafkaError:
        return {}  # not supported, or not allowed; reported as not told
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4] if entry[1] is not None}
        for answer in answers
        for resource in answer.resources
        if resource[0] == 0
    }
