"""From settings to what each part is made with. Pure, but for reading the rule files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry

from events.configurations import Configurations
from events.topics import EVENTS, topic_name
from ingest.config import IngestConfig, Senders
from ingest.metrics import SpoolMetrics
from ingest.publisher import KafkaPublisher, RunningPublisher
from ingest.sources import networks
from ingest.spool.publisher import SpoolingPublisher
from ingest.spool.spool import Spool
from intercom.config import IntercomConfig
from mappings.rules import RuleSet
from moebridge.kafka_security import security
from moebridge.mapping_reload import Mappings, checked_rules, rule_files
from moebridge.settings import IntercomSettings, MappingSettings, MoEngageSettings, Settings
from moebridge.watchdog import WatchConfig
from moengage.brake import BrakeLimits
from moengage.budgets import Rates
from moengage.client import MoEngageConfig
from moengage.retry import RetryPolicy
from streams.app import AppConfig, rebalance_s
from streams.delivery.config import DeliverConfig
from streams.lag.broker import LagReader
from streams.lag.look import watched
from streams.lag.watch import LagConfig
from streams.replay.choosing import ReplayConfig
from streams.worker import WorkerConfig

#: A record's headers and a batch's frame around a body, with room to spare, in bytes.
_FRAME_BYTES = 100_000


def connection(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of aiokafka's clients."""
    return {"bootstrap_servers": settings.kafka.bootstrap_servers, **security(settings.kafka)}


def max_message_bytes(settings: Settings) -> int:
    """What every topic must take: twice the largest body, for a row holds a contact and its companies.

    Never less than the 2 MB of the default, for rows grow whatever the bodies are.
    """
    return 2 * max(1_000_000, settings.ingest.max_body_bytes)


def max_batch_bytes(settings: Settings) -> int:
    """What a batch of records may take, and one record alone."""
    return max_message_bytes(settings) - _FRAME_BYTES


def topic_arguments(settings: Settings) -> Mapping[str, Any]:
    """Keyword arguments that topic_admin's create_topics and check_topics share."""
    return {
        "prefix": settings.kafka.topic_prefix,
        "partitions": settings.kafka.partitions,
        "app_id": settings.app_id,
        "max_message_bytes": max_message_bytes(settings),
    }


def lag_config(settings: Settings) -> LagConfig:
    """How a worker looks at its lag."""
    lag = settings.lag
    return LagConfig(
        interval_s=lag.interval_s,
        window=lag.window,
        allowed_lag=lag.allowed_lag,
        cluster_name=lag.cluster_name,
    )


def lag_reader(settings: Settings) -> LagReader:
    """What looks at the workers' group."""
    group = watched(settings.app_id, settings.kafka.topic_prefix)
    return LagReader(connection(settings), group, now_ms=now_ms)


def ingest_config(settings: Settings) -> IngestConfig:
    """The front door's."""
    ingest = settings.ingest
    default = _senders(ingest.config_name, settings.intercom)
    return IngestConfig(
        webhook_secrets=default.webhook_secrets,
        partner_credentials=default.partner_credentials,
        config_name=ingest.config_name,
        others=tuple(_senders(name, one.intercom) for name, one in settings.configurations.items()),
        max_body_bytes=ingest.max_body_bytes,
        answer_deadline_s=ingest.answer_deadline_s,
        retry_after_s=ingest.retry_after_s,
        max_in_flight=ingest.max_in_flight,
        max_in_flight_bytes=ingest.max_in_flight_bytes,
        topic_prefix=settings.kafka.topic_prefix,
        allowed_sources=networks(ingest.allowed_sources),
        trusted_proxies=networks(ingest.trusted_proxies),
        max_requests_per_source_s=ingest.max_requests_per_source_s,
    )


def _senders(name: str, intercom: IntercomSettings) -> Senders:
    keys = [key.get_secret_value() for key in (intercom.data_key, *intercom.data_keys)]
    return Senders(
        name,
        webhook_secrets=tuple(secret.get_secret_value() for secret in intercom.webhook_secrets),
        partner_credentials=tuple((intercom.workspace_id, key) for key in keys if key),
    )


def publisher(settings: Settings, registry: CollectorRegistry) -> RunningPublisher:
    """What the front door publishes with. With a spool, half of the time for an answer is the disk's."""
    folder = settings.ingest.spool_dir
    if folder is None:
        return _to_broker(settings, settings.ingest.answer_deadline_s)
    return SpoolingPublisher(
        _to_broker(settings, settings.ingest.answer_deadline_s / 2),
        Spool(folder, max_bytes=settings.ingest.spool_max_bytes),
        SpoolMetrics(registry, now_ms),
    )


def now_ms() -> int:
    """The time, in ms since the epoch."""
    return time.time_ns() // 1_000_000


def _to_broker(settings: Settings, deadline_s: float) -> KafkaPublisher:
    config = ingest_config(settings)
    return KafkaPublisher(
        topic=config.events_topic,
        deadline_s=deadline_s,
        max_in_flight=config.max_in_flight,
        max_in_flight_bytes=config.max_in_flight_bytes,
        max_record_bytes=config.max_body_bytes + _FRAME_BYTES,
        **connection(settings),
    )


def rules(mapping: MappingSettings) -> RuleSet:
    """The rules of a configuration, compiled and tested. Raises MappingError with the file and line."""
    return checked_rules(rule_files(mapping), mapping)


def rule_sets(settings: Settings) -> dict[str, RuleSet]:
    """The rules of every configuration, by its name, compiled and tested. Raises MappingError."""
    return {name: rules(one.mapping) for name, one in settings.by_name().items()}


def mappings(settings: Settings) -> Mappings:
    """The same for a worker, which may have them changed while it runs. Raises MappingError."""
    return Mappings({name: one.mapping for name, one in settings.by_name().items()})


def moengage_config(moengage: MoEngageSettings) -> MoEngageConfig:
    """The client's, of a configuration."""
    return MoEngageConfig(
        workspace_id=moengage.workspace_id,
        api_key=moengage.api_key.get_secret_value(),
        data_center=moengage.data_center,
        base_url=moengage.base_url,
        timeout_s=moengage.timeout_s,
    )


def rates(moengage: MoEngageSettings) -> Rates:
    """How fast a configuration's workspace is sent to."""
    return Rates(moengage.users_per_minute, moengage.events_per_minute, moengage.customer_per_minute)


def replay_config(settings: Settings, name: str) -> ReplayConfig:
    """What a replay of the configuration of this name works with. Raises MappingError."""
    by_name = settings.by_name()
    return ReplayConfig(
        connection=connection(settings),
        prefix=settings.kafka.topic_prefix,
        app_id=settings.app_id,
        configurations=Configurations(tuple(by_name)),
        rules=rules(by_name[name].mapping),
        real_time_action=by_name[name].moengage.real_time_action,
    )


def intercom_config(intercom: IntercomSettings) -> IntercomConfig | None:
    """The enricher's, of a configuration; None without a token, for then nobody is asked."""
    token = intercom.access_token.get_secret_value()
    if not token:
        return None
    return IntercomConfig(
        access_token=token,
        region=intercom.region,
        base_url=intercom.base_url,
        api_version=intercom.api_version,
    )


def watch_config(settings: Settings) -> WatchConfig:
    """How the worker is watched."""
    worker = settings.worker
    # What is on its way to MoEngage, or gathers for it, is no standing still.
    answer_s = max(one.moengage.timeout_s for one in settings.by_name().values())
    least_s = 2 * max(answer_s, settings.delivery.linger_ms / 1000)
    stall_s = max(worker.stall_s, least_s)
    return WatchConfig(
        stall_s=stall_s,
        grace_s=stall_s / 4,
        join_s=rebalance_s(worker.shutdown_s),
        shutdown_s=worker.shutdown_s,
        connection=connection(settings),
        group=settings.app_id,
        topic=topic_name(EVENTS, settings.kafka.topic_prefix),
    )


def worker_config(settings: Settings, rules_of: Callable[[str], RuleSet]) -> WorkerConfig:
    """The worker's; ``rules_of`` gives the rules of a configuration, by its name."""
    worker, delivery = settings.worker, settings.delivery
    by_name = settings.by_name()
    asked = {name: intercom_config(one.intercom) for name, one in by_name.items()}
    return WorkerConfig(
        app=AppConfig(
            app_id=settings.app_id,
            bootstrap_servers=settings.kafka.bootstrap_servers,
            security=security(settings.kafka),
            data_dir=worker.data_dir,
            prefix=settings.kafka.topic_prefix,
            store=worker.store,
            chunk_records=worker.chunk_records,
            poll_linger_s=worker.poll_linger_ms / 1000,
            session_timeout_s=worker.session_timeout_s,
            instance_id=worker.instance_id or None,
        ),
        moengage={name: moengage_config(one.moengage) for name, one in by_name.items()},
        rules=rules_of,
        intercom={name: config for name, config in asked.items() if config is not None},
        deliver=DeliverConfig(
            max_elements=delivery.max_elements,
            max_bytes=delivery.max_bytes,
            linger_s=delivery.linger_ms / 1000,
            in_flight=delivery.in_flight,
            max_attempts=delivery.max_attempts,
            rates={name: rates(one.moengage) for name, one in by_name.items()},
            after_refusal=delivery.after_refusal,
            brake=BrakeLimits(delivery.brake_run, delivery.brake_share, delivery.brake_rest_s),
            retry=RetryPolicy(cap_s=delivery.retry_cap_s, pause_s=delivery.pause_s),
        ),
        shutdown_s=worker.shutdown_s,
        max_batch_bytes=max_batch_bytes(settings),
        real_time_action=frozenset(n for n, one in by_name.items() if one.moengage.real_time_action),
        failpoints=worker.failpoints,
    )
