"""The rules of an installation, and what they make of a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice
from pathlib import Path
from typing import Any

from events.elements import Element, EventElement, UserElement
from events.keys import IDENTITY_SOURCES
from events.times import parse_ms
from mappings.compiler import EVENT_ID_ATTRIBUTE, EVENT_TOPIC_ATTRIBUTE, compile_file
from mappings.document import ITEM, build
from mappings.errors import MappingError
from mappings.identity import customer_id_of
from mappings.moment import HAPPENINGS, Moment
from mappings.rule import Rule
from mappings.rule_files import parse, read_folder
from mappings.safety import MAX_STRING_LENGTH, MAX_USER_ATTRIBUTES, safe_name

#: The rules that come with moebridge.
DEFAULT_RULES = Path(__file__).with_name("default")

DEFAULT_IDENTITY = ("external_id", "intercom_id")


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules for one set of things that happened, and the parts of the document that they read."""

    rules: tuple[Rule, ...]
    parts: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class RuleSet:
    """Compiled rules. ``version`` is a digest of the rule files and the identity, 12 hex digits."""

    version: str
    identity: tuple[str, ...]
    rules: tuple[Rule, ...]
    plans: Mapping[frozenset[str], Plan]


def load(path: Path | None = None, *, identity: Sequence[str] = DEFAULT_IDENTITY) -> RuleSet:
    """Read and compile the rules of a folder (*.yaml, in the order of names) or of one file.

    Without a path, the rules that come with moebridge. ``identity`` is the order in which a contact's
    customer_id is looked for (events.keys). Raises RulesNotFound, InvalidRule, and MappingError for an
    identity that is unknown.
    """
    for source in identity:
        if source not in IDENTITY_SOURCES:
            raise MappingError(
                f"identity: unknown source {source!r}; known: {', '.join(IDENTITY_SOURCES)}"
            )
    files = read_folder(DEFAULT_RULES if path is None else path)
    rules = tuple(rule for name, raw in files.items() for rule in compile_file(parse(name, raw)))
    return RuleSet(_version(files, identity), tuple(identity), rules, _plans(rules))


def map_moment(rules: RuleSet, moment: Moment) -> list[Element]:
    """What a moment becomes in MoEngage: at most one user, then events, in the order of the rules.

    Pure, and never raises, whatever the payload. A deleted contact becomes nothing: an event would make
    the user anew. An event's time is never later than the moment came in.
    """
    plan = rules.plans.get(moment.happened)
    if plan is None:
        plan = rules.plans[moment.happened.intersection(HAPPENINGS)]
    if not plan.rules or moment.row.deleted:
        return []
    document = build(moment, plan.parts)
    customer_id = customer_id_of(moment, rules.identity)
    user: dict[str, Any] = {}
    events: list[Element] = []
    for rule in plan.rules:
        if not rule.applies(moment):
            continue
        if rule.name is None:
            made: dict[str, Any] = {}
            rule.fill_user(made, document)
            user = _merged(user, made)
        elif rule.each is None:
            events.append(_event(rule, moment, document, customer_id))
        else:
            items = rule.each(document)
            for item in items if isinstance(items, list) else ():
                events.append(_event(rule, moment, {**document, ITEM: item}, customer_id))
    return [UserElement(customer_id, user), *events] if user else events


def _merged(user: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Both, the later rule's values winning, within MoEngage's limit."""
    if not user:
        return made
    return dict(islice({**user, **made}.items(), MAX_USER_ATTRIBUTES))


def _event(rule: Rule, moment: Moment, document: dict[str, Any], customer_id: str) -> EventElement:
    assert rule.name is not None
    envelope = moment.envelope
    attributes: dict[str, Any] = {
        EVENT_ID_ATTRIBUTE: envelope.event_id[:MAX_STRING_LENGTH],
        EVENT_TOPIC_ATTRIBUTE: envelope.topic[:MAX_STRING_LENGTH],
    }
    rule.fill_event(attributes, document)
    at = parse_ms(rule.at(document)) if rule.at is not None else None
    if at is None:
        at = moment.at or envelope.occurred_at
    name = rule.name.value(document)
    return EventElement(customer_id, safe_name(name), attributes, min(at, envelope.received_at))


def _version(files: Mapping[str, bytes], identity: Sequence[str]) -> str:
    digest = hashlib.sha256(",".join(identity).encode())
    for name, raw in files.items():
        digest.update(b"\0%s\0%d\0" % (name.encode(), len(raw)))
        digest.update(raw)
    return digest.hexdigest()[:12]


def _plans(rules: tuple[Rule, ...]) -> dict[frozenset[str], Plan]:
    """A plan for every combination of what can happen: five words, 32 plans."""
    sets = chain.from_iterable(combinations(HAPPENINGS, n) for n in range(len(HAPPENINGS) + 1))
    plans = {}
    for words in map(frozenset, sets):
        chosen = tuple(rule for rule in rules if not rule.when.isdisjoint(words))
        plans[words] = Plan(chosen, frozenset[str]().union(*(rule.parts for rule in chosen)))
    return plans
