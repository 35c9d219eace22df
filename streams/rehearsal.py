"""The pure stages with topics and tables in memory: what a mapping makes of events, without a broker.

For the tests inside rule files, for previews, and to compare two mappings on the same events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from events.codec import decode_object
from events.configurations import ONE_CONFIGURATION, Configurations
from events.elements import DeleteElement, Delivery, Element, EventElement, UserElement
from events.envelope import Envelope
from events.keys import partition_for
from events.replays import Replayed
from events.rows import company_of_key
from events.subjects import subjects_of
from events.times import parse_ms
from events.topics import DEAD_LETTERS, DELIVERIES, EVENTS
from mappings.comparison import Comparison
from mappings.file_tests import differences, parse_tests
from mappings.merging import Merges
from mappings.payloads import envelopes, written
from mappings.rule_folder import RuleFolder, read_rule_folder
from mappings.rules import DEFAULT_IDENTITY, RuleSet, compile_folder
from moengage.bodies import read_merge
from streams.publishing import Headers, Outgoing
from streams.stages.companies import Companies
from streams.stages.contacts import Contacts
from streams.stages.retelling import Receipts
from streams.stages.route import Route
from streams.stages.stage import Stage
from streams.state import DictRows, State

#: Chooses among (stage's name, partition) pairs that have something to read.
Choose = Callable[[list[tuple[str, int]]], tuple[str, int]]

# Why a single event may become nothing, by outcome.
_REASONS = {
    "about_nobody": "it names no contact and no company that could be found",
    "unmapped": "no rule waits for it, or none has a value to send",
    "no_change": "the ticket's state is not known to have changed",
    "unchanged": "no contact is known to belong to the company",
}


@dataclass(frozen=True, slots=True)
class Record:
    """A record on a topic in memory, as stages read it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: Headers


class Rehearsed(NamedTuple):
    """One element, and the payload that it came of, counted from 0."""

    payload: int
    customer_id: str
    element: Element


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test of a rule file. ``difference``: lines that say what is not as expected."""

    __test__ = False  # it is a result, not a test of pytest's

    file: str
    line: int
    name: str
    passed: bool
    difference: tuple[str, ...]


class Rehearsal:
    """Route, contacts and companies over topics in memory, which are worked on until nothing moves.

    For what a replay would do: ``rules`` by configuration and ``configurations`` as the worker has them,
    its rows in ``contacts`` and ``companies`` (by their keys, as on the changelogs), and ``receipts``
    where only what is missing counts (streams.stages.retelling).
    """

    def __init__(
        self,
        rules: RuleSet | Callable[[str], RuleSet],
        *,
        partitions: int = 1,
        configurations: Configurations = ONE_CONFIGURATION,
        real_time_action: Collection[str] = (),
        contacts: Mapping[bytes, bytes] | None = None,
        companies: Mapping[bytes, bytes] | None = None,
        receipts: Receipts | None = None,
    ) -> None:
        self._partitions = partitions
        by_name = (lambda _: rules) if isinstance(rules, RuleSet) else rules
        stages: list[Stage] = [
            Route(configurations=configurations),
            Contacts(
                by_name,
                configurations=configurations,
                real_time_action=real_time_action,
                receipts=receipts,
            ),
            Companies(configurations=configurations),
        ]
        self._stages = {stage.name: stage for stage in stages}
        self._read: dict[tuple[str, int], int] = {}
        self._now_ms = 0
        self.log: dict[tuple[str, int], list[Record]] = {}
        self.tables: dict[tuple[str, int], DictRows] = {}
        #: What records came to, by stage and outcome.
        self.counts: Counter[tuple[str, str]] = Counter()
        #: Why records went to the dead letters, with the stage.
        self.refusals: list[str] = []
        for key, row in (contacts or {}).items():
            self._table("contacts", partition_for(key, partitions)).rows[key] = row
        for key, row in (companies or {}).items():
            partition = partition_for(company_of_key(key).encode(), partitions)
            self._table("companies", partition).rows[key] = row

    def feed(self, told: Iterable[Envelope]) -> None:
        """Put events on intercom.events, as the front door does. It is the latest receipt's time then."""
        for envelope in told:
            self._now_ms = max(self._now_ms, envelope.received_at)
            document = decode_object(envelope.payload)
            subjects = subjects_of(envelope.source, envelope.topic, document)
            self.deliver(EVENTS, subjects.ordering_key(envelope.event_id), envelope)

    def replay(self, told: Iterable[Envelope], replayed: Replayed) -> None:
        """Put events behind route, marked, as a replay does. It is the latest receipt's time then."""
        route = self._stages["route"]
        for number, envelope in enumerate(told):
            self._now_ms = max(self._now_ms, envelope.received_at)
            headers = (*envelope.headers(), *replayed.headers())
            record = Record(EVENTS, 0, number, b"", envelope.payload, headers)
            for outgoing in route.step([record], State(DictRows()), self._now_ms).out:
                self._append(outgoing)

    def deliver(self, topic: str, key: bytes, envelope: Envelope) -> None:
        """Put an event on any topic, also on one behind route."""
        self._append(Outgoing(topic, key, envelope.payload, envelope.headers()))

    def run(self, choose: Choose = lambda ready: ready[0], *, chunk: int = 500) -> None:
        """Work on chunks until nothing is left to read. ``choose`` decides which one is next."""
        while ready := [
            (name, partition)
            for name, stage in self._stages.items()
            for partition in range(self._partitions)
            if self._unread(name, stage, partition)
        ]:
            self._work(*choose(ready), chunk)

    def records(self, topic: str) -> list[Record]:
        """Everything on a topic; in order within a partition."""
        return [record for p in range(self._partitions) for record in self.log.get((topic, p), [])]

    def deliveries(self) -> list[Delivery]:
        """Everything that was handed on to MoEngage; in order for each customer."""
        return [
            Delivery.from_record(record.key, record.value, record.headers)
            for record in self.records(DELIVERIES)
        ]

    def forget(self) -> None:
        """Empty the topics, once everything was read; the tables stay."""
        self.log.clear()
        self._read.clear()

    def _append(self, outgoing: Outgoing) -> None:
        partition = partition_for(outgoing.key, self._partitions)
        log = self.log.setdefault((outgoing.topic, partition), [])
        headers = tuple(outgoing.headers)
        log.append(Record(outgoing.topic, partition, len(log), outgoing.key, outgoing.value, headers))
        if outgoing.topic == DEAD_LETTERS:
            letter = dict(headers)
            stage, reason = letter["dead_letter.stage"], letter["dead_letter.reason"]
            self.refusals.append(f"{stage.decode()}: {reason.decode()}")

    def _unread(self, name: str, stage: Stage, partition: int) -> list[Record]:
        return self.log.get((stage.source, partition), [])[self._read.get((name, partition), 0) :]

    def _table(self, name: str, partition: int) -> DictRows:
        return self.tables.setdefault((name, partition), DictRows())

    def _work(self, name: str, partition: int, chunk: int) -> None:
        stage = self._stages[name]
        records = self._unread(name, stage, partition)[:chunk]
        rows = self._table(name, partition)
        state = State(rows)
        step = stage.step(records, state, self._now_ms)
        for outgoing in step.out:
            self._append(outgoing)
        rows.apply(state.changes)
        self._read[name, partition] = self._read.get((name, partition), 0) + len(records)
        self.counts.update({(name, outcome): count for outcome, count in step.counts.items()})


def rehearse(rules: RuleSet, payloads: Iterable[Envelope]) -> list[Rehearsed]:
    """What MoEngage gets of each payload in turn; everything comes to rest before the next one.

    Raises InvalidData for a payload that is no JSON object.
    """
    bridge = Rehearsal(rules)
    return [
        Rehearsed(number, element.customer_id, element)
        for number, envelope in enumerate(payloads)
        for element in _elements(bridge, envelope)
    ]


def run_tests(
    path: Path | None,
    *,
    identity: Sequence[str] = DEFAULT_IDENTITY,
    merges: Merges = "intercom_ids",
    deletes: bool = False,
) -> list[TestResult]:
    """Run the tests in the rule files at ``path``; without one, those of the shipped rules.

    The shipped tests say what comes of the defaults, so they run with these. Arguments and exceptions
    are those of ``mappings.rules.load``; and it raises InvalidRule for a test that cannot be meant.
    """
    if path is None:
        identity, merges, deletes = DEFAULT_IDENTITY, "intercom_ids", False
    folder = read_rule_folder(path)
    rules = compile_folder(folder, identity=identity, merges=merges, deletes=deletes)
    return run_folder_tests(rules, folder)


def run_folder_tests(rules: RuleSet, folder: RuleFolder) -> list[TestResult]:
    """Run the tests of rule files that were read and compiled already. Raises InvalidRule."""
    results = []
    for test in parse_tests(folder.tests):
        bridge = Rehearsal(rules)
        made = [_elements(bridge, envelope) for envelope in test.envelopes]
        elements = [element for each in made[test.skipped :] for element in each]
        difference = (*differences(test.expect, elements), *bridge.refusals)
        results.append(TestResult(test.file, test.line, test.name, not difference, difference))
    return results


def result_lines(results: Sequence[TestResult]) -> list[str]:
    """The results for people: a line for every test, what differs below it, and a sum."""
    lines = []
    for one in results:
        lines.append(f"{'ok' if one.passed else 'FAILED':6} {one.file}:{one.line} {one.name}")
        lines += [f"         {line}" for line in one.difference]
    failed = sum(not one.passed for one in results)
    tests = "1 test" if len(results) == 1 else f"{len(results)} tests"
    return [*lines, f"{tests}, {failed} failed" if failed else f"{tests} passed"]


def preview(rules: RuleSet, topic: str, payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The elements of a bulk request that one event becomes, where nothing is known of its contact.

    ``payload`` is a notification as Intercom sends it, whose own topic counts where ``topic`` is "", or
    its item; with the topics partner.user and partner.event, a connector's body. Raises InvalidData.
    """
    bridge = Rehearsal(rules)
    _settle(bridge, payload, topic)
    return [orjson.loads(delivery.body) for delivery in bridge.deliveries()]


def preview_lines(rules: RuleSet, topic: str, payload: Mapping[str, Any]) -> list[str]:
    """The preview for people: every element as JSON, or what became of the event instead."""
    bridge = Rehearsal(rules)
    _settle(bridge, payload, topic)
    lines = []
    for delivery in bridge.deliveries():
        body = orjson.loads(delivery.body)
        lines += orjson.dumps(body, option=orjson.OPT_INDENT_2).decode().splitlines()
    if lines:
        return lines
    reasons = [_REASONS[outcome] for _, outcome in sorted(bridge.counts) if outcome in _REASONS]
    return ["nothing is sent", *bridge.refusals, *reasons]


def difference(
    old: RuleSet, new: RuleSet, events: Iterable[Envelope], *, examples: int = 5
) -> Comparison:
    """What two mappings make of the same events, each from empty tables on. ``events`` is read once."""
    compared = Comparison(examples_wanted=examples)
    bridges = Rehearsal(old), Rehearsal(new)
    for envelope in events:
        compared.add(envelope, *(_elements(bridge, envelope) for bridge in bridges))
    return compared


def _settle(bridge: Rehearsal, payload: Mapping[str, Any], topic: str) -> None:
    bridge.feed(envelopes([written(topic, payload)]))
    bridge.run()


def _elements(bridge: Rehearsal, envelope: Envelope) -> list[Element]:
    """What one more event becomes."""
    bridge.feed([envelope])
    bridge.run()
    made = [element_of(delivery) for delivery in bridge.deliveries()]
    bridge.forget()
    return made


def element_of(delivery: Delivery) -> Element:
    """The element that a delivery's body was rendered from; times are whole seconds there."""
    if delivery.kind == "merge":
        return read_merge(delivery.body)
    if delivery.kind == "delete":
        return DeleteElement(delivery.customer_id)
    body = orjson.loads(delivery.body)
    if delivery.kind == "user":
        return UserElement(delivery.customer_id, body["attributes"])
    [action] = body["actions"]
    at = parse_ms(action["current_time"]) or 0
    return EventElement(delivery.customer_id, action["action"], action["attributes"], at)
