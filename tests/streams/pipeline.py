"""The three pure stages with topics and tables in memory: the whole join, without a broker.

Whoever drives it decides which partition is worked on next, and how many records a chunk has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from records import NOW_MS, Json, Record

from events.configurations import ONE_CONFIGURATION, Configurations
from events.elements import Delivery
from events.envelope import Envelope
from events.keys import partition_for
from events.subjects import subjects_of
from events.topics import COMPANIES, CONTACTS, DEAD_LETTERS, DELIVERIES, EVENTS
from mappings.rules import RuleSet, load
from streams.publishing import Outgoing
from streams.stages.companies import Companies
from streams.stages.contacts import Contacts
from streams.stages.route import Route
from streams.stages.stage import Stage, Step
from streams.state import DictRows, State

RULES = load()

#: Chooses among (stage's name, partition) pairs that have something to read.
Choose = Callable[[list[tuple[str, int]]], tuple[str, int]]


class Pipeline:
    """Runs until nothing moves."""

    def __init__(
        self,
        rules: RuleSet = RULES,
        *,
        partitions: int = 2,
        configurations: Configurations = ONE_CONFIGURATION,
    ) -> None:
        self._partitions = partitions
        stages: list[Stage] = [
            Route(configurations=configurations),
            Contacts(lambda _: rules, configurations=configurations),
            Companies(configurations=configurations),
        ]
        self._stages = {stage.name: stage for stage in stages}
        self._read: dict[tuple[str, int], int] = {}
        self.log: dict[tuple[str, int], list[Record]] = {}
        self.tables: dict[tuple[str, int], DictRows] = {}

    def feed(self, envelopes: Iterable[Envelope]) -> None:
        """Put events on intercom.events, as the front door does."""
        for envelope in envelopes:
            document = json.loads(envelope.payload)
            subjects = subjects_of(envelope.source, envelope.topic, document)
            key = subjects.ordering_key(envelope.event_id)
            self._append(Outgoing(EVENTS, key, envelope.payload, envelope.headers()))

    def deliver(self, topic: str, key: str, envelope: Envelope) -> None:
        """Put an event on a topic behind route."""
        self._append(Outgoing(topic, key.encode(), envelope.payload, envelope.headers()))

    def run(self, choose: Choose = lambda ready: ready[0], *, chunk: int = 500) -> None:
        """Work on chunks until nothing is left to read."""
        for _ in range(10_000):
            ready = [
                (name, partition)
                for name, stage in self._stages.items()
                for partition in range(self._partitions)
                if self._unread(name, stage.source, partition)
            ]
            if not ready:
                return
            self._work(*choose(ready), chunk)
        raise AssertionError("the join does not come to rest")

    def records(self, topic: str) -> list[Record]:
        """Everything on a topic."""
        return [record for p in range(self._partitions) for record in self.log.get((topic, p), [])]

    def deliveries(self) -> list[Delivery]:
        """Everything that was handed on to MoEngage; in order for each customer."""
        return [
            Delivery.from_record(record.key, record.value, record.headers)
            for record in self.records(DELIVERIES)
        ]

    def users(self) -> dict[str, Json]:
        """The attributes that each customer was last given."""
        return {
            one.customer_id: json.loads(one.body)["attributes"]
            for one in self.deliveries()
            if one.kind == "user"
        }

    def events(self) -> list[tuple[str, str]]:
        """Customer and name of every event."""
        return [(one.customer_id, one.name) for one in self.deliveries() if one.kind == "event"]

    def dead_letters(self) -> list[Record]:
        """What could not be used."""
        return self.records(DEAD_LETTERS)

    def _unread(self, name: str, source: str, partition: int) -> list[Record]:
        return self.log.get((source, partition), [])[self._read.get((name, partition), 0) :]

    def _work(self, name: str, partition: int, chunk: int) -> None:
        stage = self._stages[name]
        records = self._unread(name, stage.source, partition)[:chunk]
        rows = self.tables.setdefault((name, partition), DictRows())
        state = State(rows)
        step = stage.step(records, state, NOW_MS)
        for outgoing in step.out:
            self._append(outgoing)
        rows.apply(state.changes)
        self._read[name, partition] = self._read.get((name, partition), 0) + len(records)

    def _append(self, outgoing: Outgoing) -> None:
        partition = partition_for(outgoing.key, self._partitions)
        log = self.log.setdefault((outgoing.topic, partition), [])
        log.append(
            Record(
                outgoing.topic, partition, len(log), outgoing.key, outgoing.value, tuple(outgoing.headers)
            )
        )  # fmt: skip


class OneStage:
    """One stage with its table, fed record by record."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.rows = DictRows()

    def take(self, *records: Any) -> Step:
        """One chunk."""
        state = State(self.rows)
        step = self.stage.step(records, state, NOW_MS)
        self.rows.apply(state.changes)
        return step


def to(step: Step, topic: str) -> list[Outgoing]:
    """What a step puts out to a topic."""
    return [outgoing for outgoing in step.out if outgoing.topic == topic]


def delivered(step: Step) -> list[Delivery]:
    """What a step hands on to MoEngage."""
    return [Delivery.from_record(out.key, out.value, out.headers) for out in to(step, DELIVERIES)]


def bodies(step: Step, kind: str = "user") -> list[Json]:
    """The rendered users, or events, of a step."""
    return [json.loads(one.body) for one in delivered(step) if one.kind == kind]


def user(step: Step) -> Json:
    """The attributes of the one user that a step hands on."""
    [body] = bodies(step)
    attributes: Json = body["attributes"]
    return attributes


def told_companies(step: Step) -> list[tuple[str, str, bool]]:
    """(company, contact, member) of every membership that a step reports."""
    told = []
    for outgoing in to(step, COMPANIES):
        fields = json.loads(outgoing.value or b"{}")
        told.append((outgoing.key.decode(), fields["contact_id"], fields["member"]))
    return told


def told_contacts(step: Step) -> list[tuple[str, Json | None]]:
    """(contact, company's profile) of every snapshot that a step sends."""
    return [
        (outgoing.key.decode(), json.loads(outgoing.value or b"{}")["profile"])
        for outgoing in to(step, CONTACTS)
    ]
