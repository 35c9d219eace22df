"""Creating and checking topics, on either broker, and the judgement behind the reports."""

from __future__ import annotations

import dataclasses

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from events.topics import CATALOGUE
from moebridge import topic_admin
from moebridge.errors import BrokerUnreachable
from moebridge.topic_admin import check_topics, create_topics, expected_topics, judge


@pytest.fixture
def settings(topic_prefix):
    return {"prefix": topic_prefix, "partitions": 3, "app_id": f"{topic_prefix}moebridge"}


def names(reports):
    return [report.name for report in reports]


@pytest.mark.broker
async def test_created_topics_are_as_the_catalogue_says(broker, topic_prefix, settings):
    before = await check_topics(broker.connection, **settings)
    assert {report.problem for report in before} == {"missing: moebridge topics create"}
    assert {report.partitions for report in before} == {None}
    # Looking must not have made them.
    assert await check_topics(broker.connection, **settings) == before

    created = await create_topics(broker.connection, **settings, replication=1)
    assert names(created) == names(before)
    assert names(created) == [topic_prefix + name for name in CATALOGUE] + [
        f"{topic_prefix}moebridge-contacts-changelog",
        f"{topic_prefix}moebridge-companies-changelog",
        f"{topic_prefix}moebridge-parked-changelog",
    ]
    assert all(report.created and report.partitions == 3 for report in created), created
    assert {(report.problem, report.untold) for report in created} == {("", "")}

    again = await create_topics(broker.connection, **settings, replication=1)
    assert again == [dataclasses.replace(report, created=False) for report in created]
    assert await check_topics(broker.connection, **settings) == again


@pytest.mark.broker
async def test_topics_that_are_wrong_are_reported_and_left_alone(broker, topic_prefix, settings):
    def named(name):
        return topic_prefix + name

    admin = AIOKafkaAdminClient(**broker.connection)
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(named("intercom.events"), 1, 1, topic_configs={"max.message.bytes": "1000"}),
                NewTopic(named("intercom.companies"), 3, 1, topic_configs={"cleanup.policy": "compact"}),
                NewTopic(named("moebridge-contacts-changelog"), 2, 1),
            ]
        )
    finally:
        await admin.close()
    reports = {
        report.name.removeprefix(topic_prefix): report
        for report in await create_topics(broker.connection, **settings, replication=1)
    }
    events = reports["intercom.events"]
    assert events.partitions == 1
    assert not events.created
    assert "has 1 partitions, the settings say 3: set kafka.partitions to 1" in events.problem
    assert "--add-config max.message.bytes=2000000" in events.problem
    assert "cleanup.policy is compact, must be delete" in reports["intercom.companies"].problem
    changelog = reports["moebridge-contacts-changelog"]
    assert f"has 2 partitions and {topic_prefix}intercom.contacts" in changelog.problem
    assert "cleanup.policy is delete, must be compact" in changelog.problem
    assert reports["moengage.deliveries"].created
    assert reports["moengage.deliveries"].problem == ""


@pytest.mark.broker
async def test_a_refusal_of_the_broker_is_reported(broker, settings):
    reports = await create_topics(broker.connection, **settings, replication=3)
    for report in reports:
        assert "refused to create it" in report.problem
        assert "Lower kafka.replication (it is 3)" in report.problem
        assert report.partitions is None


@pytest.mark.broker
async def test_settings_that_the_broker_keeps_to_itself_are_called_so(broker, settings, monkeypatch):
    async def nothing(*_):
        return {}

    monkeypatch.setattr(topic_admin, "_configs", nothing)
    for report in await create_topics(broker.connection, **settings, replication=1):
        assert report.untold == "not told by the broker: cleanup.policy, max.message.bytes"


async def test_an_address_without_a_broker_is_named(free_port, settings):
    with pytest.raises(BrokerUnreachable, match=rf"kafka\.bootstrap_servers.*127\.0\.0\.1:{free_port}"):
        await check_topics({"bootstrap_servers": f"127.0.0.1:{free_port}"}, **settings)


def test_more_than_is_needed_is_no_problem():
    [topic] = [t for t in expected_topics("", "moebridge") if t.name == "moebridge-contacts-changelog"]
    counts = {topic.name: 4, "intercom.contacts": 4}
    config = {"cleanup.policy": "compact", "max.message.bytes": "3000000"}
    assert judge(topic, counts, config, partitions=4, max_message_bytes=2_000_000).problem == ""
    both = {**config, "cleanup.policy": "compact,delete"}
    assert "must be compact" in judge(topic, counts, both, partitions=4, max_message_bytes=1).problem
