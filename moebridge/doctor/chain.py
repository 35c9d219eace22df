"""Which checks there are, for the settings at hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import aiohttp

from events.topics import COMPANIES, CONTACTS, DELIVERIES, EVENTS, topic_name
from intercom.config import IntercomConfig
from moebridge.configuration_names import Named, naming
from moebridge.doctor.broker_probe import count_brokers, look_at_group, watching
from moebridge.doctor.broker_verdict import group_findings, topic_findings
from moebridge.doctor.door_probe import Door, new_event_id
from moebridge.doctor.door_verdict import (
    connector_finding,
    health_findings,
    round_trip_finding,
)
from moebridge.doctor.findings import Finding, Outcome, ok, problem, skipped
from moebridge.doctor.intercom_probe import ask_intercom, other_regions
from moebridge.doctor.intercom_verdict import intercom_finding, no_token_finding
from moebridge.doctor.mapping_probe import look_at_mapping
from moebridge.doctor.moengage_probe import ask_moengage, other_data_centers
from moebridge.doctor.moengage_verdict import moengage_finding
from moebridge.doctor.schedule import Check
from moebridge.doctor.settings_verdict import secret_findings, shared_findings
from moebridge.errors import SettingsInvalid
from moebridge.settings import ConfigurationSettings, Settings
from moebridge.settings_source import Loaded
from moebridge.site import local_url
from moebridge.topic_admin import check_topics
from moebridge.wiring import connection, intercom_config, moengage_config, topic_arguments

SETTINGS, SECRETS, MAPPING, BROKER, TOPICS = "settings", "secrets", "mapping", "broker", "topics"
MOENGAGE, INTERCOM, WORKERS = "MoEngage", "Intercom", "workers"
FRONT_DOOR, PUBLIC, CONNECTORS, ROUND_TRIP = "front door", "public address", "connectors", "round trip"

#: What a worker's stages read.
_READ = (EVENTS, CONTACTS, COMPANIES, DELIVERIES)

#: Of a check's time, what one question may take: so that its own answer is told, not the check's end.
_OF_THE_TIME = 0.8
# Of the round trip's, what finding the record may take: the same, after the question.
_TO_FIND = 0.5


def without_settings(error: SettingsInvalid) -> list[Outcome]:
    """All that can be said where the settings cannot be read."""
    rest = (SECRETS, MAPPING, MOENGAGE, INTERCOM, BROKER, TOPICS, WORKERS, FRONT_DOOR, CONNECTORS)
    findings = [problem(line.strip(), "") for line in str(error).splitlines()]
    return [
        Outcome(SETTINGS, "", tuple(findings)),
        *(Outcome(name, "", (skipped(f"needs: {SETTINGS}"),)) for name in (*rest, ROUND_TRIP)),
    ]


def checks_of(
    loaded: Loaded, session: aiohttp.ClientSession, *, url: str | None, timeout_s: float
) -> list[Check]:
    """The checks, in the order of the chain. ``url``: the front door's, where it is not as set."""
    return list(_Chain(loaded, session, url, timeout_s).checks())


@dataclass(frozen=True, slots=True)
class _Chain:
    loaded: Loaded
    session: aiohttp.ClientSession
    url: str | None
    timeout_s: float

    @property
    def _settings(self) -> Settings:
        return self.loaded.settings

    @property
    def _question_s(self) -> float:
        return self.timeout_s * _OF_THE_TIME

    def checks(self) -> Iterator[Check]:
        """In an order in which what is needed comes first."""
        configurations = self._settings.by_name()
        default = next(iter(configurations))
        yield Check(SETTINGS, self._shared)
        for name, one in configurations.items():
            yield from self._of_configuration(name, one, naming(name, default))
        yield Check(BROKER, self._broker)
        yield Check(TOPICS, self._topics, needs=(BROKER,))
        yield Check(WORKERS, self._workers, needs=(BROKER,))
        yield Check(FRONT_DOOR, self._front_door)
        if self._settings.ingest.public_url and self.url is None:
            yield Check(PUBLIC, self._public_address)
        for name, one in configurations.items():
            yield from self._through_the_door(name, one, naming(name, default))

    def _of_configuration(self, name: str, one: ConfigurationSettings, named: Named) -> Iterator[Check]:
        async def secrets() -> list[Finding]:
            return secret_findings(one, named)

        async def mapping() -> list[Finding]:
            return await asyncio.to_thread(look_at_mapping, one.mapping)

        async def moengage() -> list[Finding]:
            return [await self._moengage(one, named)]

        async def intercom() -> list[Finding]:
            return [await self._intercom(intercom_config(one.intercom), named)]

        yield Check(SECRETS, secrets, name)
        yield Check(MAPPING, mapping, name)
        yield Check(MOENGAGE, moengage, name)
        yield Check(INTERCOM, intercom, name)

    def _through_the_door(self, name: str, one: ConfigurationSettings, named: Named) -> Iterator[Check]:
        async def connectors() -> list[Finding]:
            return [await self._connectors(name, one, named)]

        async def round_trip() -> list[Finding]:
            return [await self._round_trip(name, one, named)]

        yield Check(CONNECTORS, connectors, name, needs=(FRONT_DOOR,))
        yield Check(ROUND_TRIP, round_trip, name, needs=(BROKER, FRONT_DOOR), after=(WORKERS,))

    async def _shared(self) -> list[Finding]:
        return shared_findings(self.loaded)

    async def _moengage(self, one: ConfigurationSettings, named: Named) -> Finding:
        if not one.moengage.workspace_id or not one.moengage.api_key.get_secret_value():
            return skipped(f"{named('moengage.workspace_id')} or {named('moengage.api_key')} is not set")
        config = replace(moengage_config(one.moengage), timeout_s=self._question_s / 2)
        answer, elsewhere = await ask_moengage(config, other_data_centers(config))
        return moengage_finding(config, answer, elsewhere, named)

    async def _intercom(self, config: IntercomConfig | None, named: Named) -> Finding:
        if config is None:
            return no_token_finding(named)
        config = replace(config, timeout_s=self._question_s / 2)
        told, elsewhere = await ask_intercom(config, other_regions(config))
        return intercom_finding(config, told, elsewhere, named)

    async def _broker(self) -> list[Finding]:
        servers = self._settings.kafka.bootstrap_servers
        if not servers:
            return [skipped("kafka.bootstrap_servers is not set")]
        brokers = await count_brokers(connection(self._settings))
        return [ok(f"{servers}: {'1 broker' if brokers == 1 else f'{brokers} brokers'}")]

    async def _topics(self) -> Sequence[Finding]:
        arguments = topic_arguments(self._settings)
        return topic_findings(await check_topics(connection(self._settings), **arguments))

    async def _workers(self) -> list[Finding]:
        topics = [topic_name(name, self._settings.kafka.topic_prefix) for name in _READ]
        group = await look_at_group(connection(self._settings), self._settings.app_id, topics)
        return group_findings(group)

    async def _front_door(self) -> list[Finding]:
        url = self._door_url()
        if url is None:
            return [skipped("ingest.port is 0, a free one: say where the front door is with --url")]
        return await self._health(url, public=self.url is not None)

    async def _public_address(self) -> list[Finding]:
        return await self._health(self._settings.ingest.public_url, public=True)

    async def _health(self, url: str, *, public: bool) -> list[Finding]:
        door = Door(self.session, url, timeout_s=self._question_s / 3)
        return health_findings(url, await door.health(), public=public)

    async def _connectors(self, name: str, one: ConfigurationSettings, named: Named) -> Finding:
        keys = (one.intercom.data_key, *one.intercom.data_keys)
        key = next((key.get_secret_value() for key in keys if key.get_secret_value()), "")
        if not key or not one.intercom.workspace_id:
            return skipped(f"{named('intercom.workspace_id')} or {named('intercom.data_key')} is not set")
        door = self._door(self._question_s)
        reply = await door.connector(one.intercom.workspace_id, key, name)
        return connector_finding(door.url, reply, name, named)

    async def _round_trip(self, name: str, one: ConfigurationSettings, named: Named) -> Finding:
        if not one.intercom.webhook_secrets:
            return skipped(f"{named('intercom.webhook_secrets')} is not set")
        topic = topic_name(EVENTS, self._settings.kafka.topic_prefix)
        secret = one.intercom.webhook_secrets[0].get_secret_value()
        event_id, stored = new_event_id(), None
        async with watching(connection(self._settings), topic) as watch:
            door = self._door(self.timeout_s * (1 - _TO_FIND) * _OF_THE_TIME)
            reply = await door.signed_webhook(event_id, secret, now_s=int(time.time()))
            if reply.status == 200:
                try:
                    async with asyncio.timeout(self.timeout_s * _TO_FIND * _OF_THE_TIME):
                        stored = await watch.find(event_id)
                except TimeoutError:
                    pass
        return round_trip_finding(reply, stored, name, topic, named)

    def _door_url(self) -> str | None:
        ingest = self._settings.ingest
        if self.url is None and not ingest.port:
            return None
        return self.url or local_url(ingest.host, ingest.port)

    def _door(self, timeout_s: float) -> Door:
        url = self._door_url()
        assert url is not None  # else the front door's check, which is needed, was skipped
        return Door(self.session, url, timeout_s=timeout_s)
