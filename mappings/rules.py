"""The rules of an installation, and what they make of a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from events.elements import Element, EventElement, UserElement
from events.keys import IDENTITY_SOURCES
from events.times import parse_ms
from mappings.compiler import EVENT_ID_ATTRIBUTE, EVENT_TOPIC_ATTRIBUTE, compile_rule
from mappings.document import ITEM, build
from mappings.errors import MappingError
from mappings.identity import customer_id_of
from mappings.merging import Merges
from mappings.moment import CONTACT, CONTACT_DELETED, Moment
from mappings.report import Report, note
from mappings.rule import Rule
from mappings.rule_folder import RuleFolder, read_rule_folder
from mappings.safety import MAX_STRING_LENGTH, MAX_USER_ATTRIBUTES

DEFAULT_IDENTITY = ("external_id", "intercom_id")

# What has happened to a contact at any time.
_STEADY = frozenset({CONTACT})

# Plans are kept for this many different moments; a topic can be anything that a sender writes.
_PLANS_KEPT = 2048


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules for one kind of moment, and the parts of the document that they read.

    ``momentary``: one of them tells something of the user that a company snapshot would not bring again.
    """

    rules: tuple[Rule, ...]
    parts: frozenset[str]
    momentary: bool


@dataclass(frozen=True, slots=True, eq=False)
class RuleSet:
    """Compiled rules, and whether users are merged and deleted (mappings.merging).

    ``version`` is a digest of all of it, 12 hex digits.
    """

    version: str
    identity: tuple[str, ...]
    rules: tuple[Rule, ...]
    merges: Merges = "intercom_ids"
    deletes: bool = False
    _plans: dict[tuple[frozenset[str], str, bool], Plan] = field(default_factory=dict, repr=False)

    def plan(self, happened: frozenset[str], topic: str, deleted: bool) -> Plan:
        """The plan for what happened, under a topic ("" for a company snapshot).

        For a deleted contact only rules that name contact_deleted run.
        """
        key = (happened, topic, deleted)
        plan = self._plans.get(key)
        if plan is None:
            chosen = tuple(
                rule
                for rule in self.rules
                if rule.trigger.waits_for(happened, topic)
                and (not deleted or CONTACT_DELETED in rule.trigger.words & happened)
            )
            plan = Plan(
                chosen,
                frozenset[str]().union(*(rule.parts for rule in chosen)),
                any(rule.event is None and not rule.trigger.waits_for(_STEADY, "") for rule in chosen),
            )
            if len(self._plans) < _PLANS_KEPT:
                self._plans[key] = plan
        return plan

    def plan_of(self, moment: Moment) -> Plan:
        """The plan for a moment."""
        # A company snapshot, which has no document of its own, is no event of its cause's topic.
        topic = moment.envelope.topic if moment.document else ""
        return self.plan(moment.happened, topic, moment.row.deleted)


def load(
    path: Path | None = None,
    *,
    identity: Sequence[str] = DEFAULT_IDENTITY,
    merges: Merges = "intercom_ids",
    deletes: bool = False,
) -> RuleSet:
    """Read and compile the rules of a folder (*.yaml, in the order of names) or of one file.

    Without a path, the rules that come with moebridge. ``identity`` is the order in which a contact's
    customer_id is looked for (events.keys), ``merges`` which users are merged (mappings.merging),
    ``deletes`` whether a contact's end deletes its user. Raises RulesNotFound, InvalidRule, and
    MappingError for an identity that is unknown.
    """
    folder = read_rule_folder(path)
    return compile_folder(folder, identity=identity, merges=merges, deletes=deletes)


def compile_folder(
    folder: RuleFolder, *, identity: Sequence[str], merges: Merges, deletes: bool
) -> RuleSet:
    """The rules of files that were read already. Raises InvalidRule, and MappingError as ``load``."""
    for source in identity:
        if source not in IDENTITY_SOURCES:
            raise MappingError(
                f"identity: unknown source {source!r}; known: {', '.join(IDENTITY_SOURCES)}"
            )
    rules = tuple(compile_rule(entry) for entry in folder.rules)
    version = _version(folder.files, identity, merges, deletes)
    return RuleSet(version, tuple(identity), rules, merges, deletes)


def map_moment(rules: RuleSet, moment: Moment, report: Report | None = None) -> list[Element]:
    """What a moment becomes in MoEngage: at most one user, then events, in the order of the rules.

    Pure, and never raises, whatever the payload. A deleted contact becomes nothing unless a rule asks
    for contact_deleted: an event would make the user anew. An event's time is never later than the moment
    came in. What had to be changed for MoEngage is counted into ``report`` (report.CHANGES).
    """
    plan = rules.plan_of(moment)
    if not plan.rules:
        return []
    document = build(moment, plan.parts)
    customer_id = customer_id_of(moment, rules.identity)
    user: dict[str, Any] = {}
    events: list[Element] = []
    for rule in plan.rules:
        if rule.trigger.conditional and not rule.trigger.holds(moment, document):
            continue
        if rule.event is None:
            made: dict[str, Any] = {}
            rule.fill_user(made, document, report)
            user = _merged(user, made, report)
        elif rule.each is None:
            events.append(_event(rule, moment, document, customer_id, report))
        else:
            items = rule.each(document)
            for item in items if isinstance(items, list) else ():
                events.append(_event(rule, moment, {**document, ITEM: item}, customer_id, report))
    return [UserElement(customer_id, user), *events] if user else events


def _merged(user: dict[str, Any], made: dict[str, Any], report: Report | None) -> dict[str, Any]:
    """Both, the later rule's values winning, within MoEngage's limit."""
    if not user:
        return made
    both = {**user, **made}
    if len(both) > MAX_USER_ATTRIBUTES:
        note(report, "attribute_dropped_over_256", len(both) - MAX_USER_ATTRIBUTES)
        both = dict(islice(both.items(), MAX_USER_ATTRIBUTES))
    return both


def _event(
    rule: Rule, moment: Moment, document: dict[str, Any], customer_id: str, report: Report | None
) -> EventElement:
    envelope = moment.envelope
    attributes: dict[str, Any] = {
        EVENT_ID_ATTRIBUTE: envelope.event_id[:MAX_STRING_LENGTH],
        EVENT_TOPIC_ATTRIBUTE: envelope.topic[:MAX_STRING_LENGTH],
    }
    rule.fill_event(attributes, document, report)
    at = parse_ms(rule.at(document)) if rule.at is not None else None
    if at is None:
        at = moment.at or envelope.occurred_at
    if at > envelope.received_at:
        note(report, "time_clamped")
        at = envelope.received_at
    name = rule.event_name or rule.name_of_event(document, report)
    return EventElement(customer_id, name, attributes, at)


def _version(files: Mapping[str, bytes], identity: Sequence[str], merges: Merges, deletes: bool) -> str:
    digest = hashlib.sha256(f"{','.join(identity)} {merges} {deletes}".encode())
    for name, raw in files.items():
        digest.update(b"\0%s\0%d\0" % (name.encode(), len(raw)))
        digest.update(raw)
    return digest.hexdigest()[:12]
