"""From settings to the parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from ingest.config import IngestConfig, Senders
from ingest.publisher import KafkaPublisher
from ingest.sources import networks
from ingest.spool.publisher import SpoolingPublisher
from intercom.config import IntercomConfig
from mappings.rules import RuleSet
from moebridge.settings import Settings
from moebridge.settings_source import load
from moebridge.wiring import (
    ingest_config,
    max_message_bytes,
    publisher,
    rule_sets,
    rules,
    topic_arguments,
    worker_config,
)
from moengage.brake import BrakeLimits
from moengage.budgets import Rates
from moengage.client import MoEngageConfig
from moengage.retry import RetryPolicy
from streams.app import AppConfig
from streams.delivery.config import DeliverConfig


def rules_of(name: str) -> RuleSet:
    raise AssertionError("nobody asks for rules while a worker is put together")


def settings(**changes: str) -> Settings:
    return load().settings.changed({name.replace("__", "."): value for name, value in changes.items()})


def test_the_front_door() -> None:
    config = ingest_config(
        settings(
            intercom__webhook_secrets="one,two",
            intercom__workspace_id="abc",
            intercom__data_key="new",
            intercom__data_keys="old,older",
            ingest__max_body_bytes="2000",
            ingest__max_in_flight="7",
            ingest__max_in_flight_bytes="12000000",
            ingest__allowed_sources="intercom-eu, 192.0.2.0/24",
            ingest__trusted_proxies="10.0.0.1",
            ingest__max_requests_per_source_s="50",
            ingest__answer_deadline_s="1",
            ingest__retry_after_s="9",
            ingest__config_name="mine",
            kafka__topic_prefix="eu.",
        )
    )
    assert config == IngestConfig(
        webhook_secrets=("one", "two"),
        partner_credentials=(("abc", "new"), ("abc", "old"), ("abc", "older")),
        config_name="mine",
        max_body_bytes=2000,
        answer_deadline_s=1.0,
        retry_after_s=9,
        max_in_flight=7,
        max_in_flight_bytes=12_000_000,
        allowed_sources=networks(["54.217.125.63", "54.246.173.113", "54.216.9.3", "192.0.2.0/24"]),
        trusted_proxies=networks(["10.0.0.1"]),
        max_requests_per_source_s=50,
        topic_prefix="eu.",
    )


def test_a_spool_only_where_a_folder_is_named() -> None:
    assert isinstance(publisher(settings(), CollectorRegistry()), KafkaPublisher)
    chosen = settings(ingest__spool_dir="spool", ingest__spool_max_bytes="30000000")
    registry = CollectorRegistry()
    assert isinstance(publisher(chosen, registry), SpoolingPublisher)
    assert registry.get_sample_value("moebridge_ingest_spool_events") == 0
    assert not Path("spool").exists()  # it is made at the start


def test_no_data_key_lets_nobody_in() -> None:
    assert ingest_config(settings(intercom__webhook_secrets="one")).partner_credentials == ()


def test_the_worker() -> None:
    chosen = settings(
        kafka__bootstrap_servers="a:1,b:2",
        kafka__topic_prefix="eu.",
        moengage__workspace_id="ABC",
        moengage__api_key="key",
        moengage__data_center="101",
        moengage__base_url="http://127.0.0.1:1/",
        moengage__timeout_s="3",
        moengage__real_time_action="true",
        intercom__access_token="token",
        intercom__region="eu",
        intercom__base_url="http://127.0.0.1:2/",
        intercom__api_version="2.16",
        worker__data_dir="there",
        worker__store="memory",
        worker__chunk_records="9",
        worker__session_timeout_s="7",
        worker__shutdown_s="4",
        worker__instance_id="w-1",
        worker__failpoints="route:after_outputs:2",
        delivery__max_elements="10",
        delivery__max_bytes="5000",
        delivery__linger_ms="250",
        delivery__in_flight="2",
        delivery__retry_cap_s="9",
        delivery__pause_s="8",
        delivery__max_attempts="7",
        delivery__after_refusal="park",
        delivery__brake_run="6",
        delivery__brake_share="0.25",
        delivery__brake_rest_s="5",
        moengage__users_per_minute="100",
        moengage__events_per_minute="200",
        moengage__customer_per_minute="30",
    )
    config = worker_config(chosen, rules_of)
    assert config.app == AppConfig(
        app_id="eu.moebridge",
        bootstrap_servers="a:1,b:2",
        data_dir=Path("there"),
        prefix="eu.",
        store="memory",
        chunk_records=9,
        session_timeout_s=7.0,
        instance_id="w-1",
    )
    assert config.moengage == {"default": MoEngageConfig("ABC", "key", "101", "http://127.0.0.1:1", 3.0)}
    assert config.intercom == {"default": IntercomConfig("token", "eu", "http://127.0.0.1:2", "2.16")}
    assert config.deliver == DeliverConfig(
        max_elements=10,
        max_bytes=5000,
        linger_s=0.25,
        in_flight=2,
        max_attempts=7,
        rates={"default": Rates(100, 200, 30)},
        after_refusal="park",
        brake=BrakeLimits(6, 0.25, 5.0),
        retry=RetryPolicy(cap_s=9.0, pause_s=8.0),
    )
    assert (config.shutdown_s, config.real_time_action) == (4.0, {"default"})
    assert config.failpoints == ("route:after_outputs:2",)
    assert config.rules is rules_of


def test_a_worker_without_a_name_is_no_static_member() -> None:
    chosen = settings(moengage__workspace_id="ABC", moengage__api_key="key")
    assert worker_config(chosen, rules_of).app.instance_id is None


def test_without_a_token_nobody_is_asked() -> None:
    chosen = settings(intercom__region="au", moengage__workspace_id="ABC", moengage__api_key="key")
    assert worker_config(chosen, rules_of).intercom == {}


@pytest.mark.parametrize("max_body_bytes", ["1000", "1000000", "8000000"])
def test_what_the_front_door_takes_fits_everywhere_behind_it(max_body_bytes: str) -> None:
    chosen = settings(
        ingest__max_body_bytes=max_body_bytes, moengage__workspace_id="ABC", moengage__api_key="key"
    )
    headers = 4_000
    batch = worker_config(chosen, rules_of).max_batch_bytes
    assert int(max_body_bytes) + headers <= batch <= max_message_bytes(chosen)
    assert topic_arguments(chosen)["max_message_bytes"] == max_message_bytes(chosen)


def test_rules_of_ones_own() -> None:
    Path("mine.yaml").write_text(
        "rules:\n  - when: contact\n    user: true\n    attributes: {u_n: contact.name}\n"
    )
    chosen = settings(
        mapping__path="mine.yaml", mapping__identity="email,intercom_id",
        mapping__merges="all", mapping__deletes="true",
    ).mapping  # fmt: skip
    assert len(rules(chosen).rules) == 1
    assert rules(chosen).identity == ("email", "intercom_id")
    assert (rules(chosen).merges, rules(chosen).deletes) == ("all", True)


def test_by_default_only_ids_of_intercoms_are_merged_and_nothing_is_deleted() -> None:
    chosen = rules(settings().mapping)
    assert (chosen.merges, chosen.deletes) == ("intercom_ids", False)


def test_every_configuration_has_its_own_of_each_part() -> None:
    Path("moebridge.toml").write_text(
        """
        [ingest]
        config_name = "Main"
        [intercom]
        webhook_secrets = ["one"]
        [moengage]
        workspace_id = "ABC"
        api_key = "key"
        [configurations.eu.intercom]
        webhook_secrets = ["two"]
        workspace_id = "W"
        data_key = "K"
        access_token = "token"
        region = "eu"
        [configurations.eu.moengage]
        workspace_id = "EU"
        api_key = "eu-key"
        data_center = "02"
        real_time_action = true
        [configurations.eu.mapping]
        identity = ["email"]
        """
    )
    chosen = load().settings
    front = ingest_config(chosen)
    assert front.senders == (
        Senders("Main", ("one",), ()),
        Senders("eu", ("two",), (("W", "K"),)),
    )
    worker = worker_config(chosen, rules_of)
    assert worker.configurations.names == front.configurations.names == ("Main", "eu")
    assert worker.moengage == {
        "Main": MoEngageConfig("ABC", "key", "01"),
        "eu": MoEngageConfig("EU", "eu-key", "02"),
    }
    assert worker.intercom == {"eu": IntercomConfig("token", "eu")}
    assert worker.real_time_action == {"eu"}
    sets = rule_sets(chosen)
    assert {name: one.identity for name, one in sets.items()} == {
        "Main": ("external_id", "intercom_id"),
        "eu": ("email",),
    }
