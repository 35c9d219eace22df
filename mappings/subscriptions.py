"""Which of Intercom's webhook topics a mapping needs.

Those that a rule waits for, and those that keep what rules read: who the contact is, its companies, the
ticket's last state. A topic may bring more than it is needed for (a reply shows the ticket's state too);
what counts here is which topic tells of it at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mappings.happenings import told_by_topic
from mappings.moment import CONTACT, TICKET_CREATED, TICKET_STATE_CHANGED
from mappings.rule import Rule
from mappings.rules import RuleSet

#: What a subscription keeps up to date for other rules, in the order in which it is told.
KEPT = ("contact", "company", "ticket")

# Events of these topics are about no contact: no rule waits for them, but its companies come by them.
_COMPANIES = frozenset({"company.created", "company.updated", "company.deleted"})
# Their items hold an id and no contact (source: captured payloads, Webhook topics).
_ENDS = frozenset({"contact.archived", "contact.deleted"})
_ABOUT_NOBODY = frozenset({"conversation.deleted"})
_OF_A_CONTACT = ("contact", "visitor", "granular")
_CREATION = "ticket.created"
_STATES = frozenset({"ticket.state.updated", "ticket.resolved", "ticket.closed"})
_GONE = frozenset({"contact.deleted", "contact.merged"})


@dataclass(frozen=True, slots=True)
class Subscription:
    """A topic that is needed. ``rules`` wait for it, by name; ``keeps``: of KEPT, for all rules."""

    topic: str
    rules: tuple[str, ...]
    keeps: tuple[str, ...]


def subscriptions(rules: RuleSet, topics: Iterable[str]) -> list[Subscription]:
    """Those of ``topics`` that the rules need, in their order; none where only connectors are mapped."""
    offered = [topic for topic in topics if topic not in _ABOUT_NOBODY]
    firing = {topic: [rule for rule in rules.rules if _fires(rule, topic)] for topic in offered}
    used = [rule for rule in rules.rules if any(rule in fired for fired in firing.values())]
    if not used:
        return []
    read = _read(used, rules.identity)
    wanted = []
    for topic, fired in firing.items():
        keeps = tuple(what for what in KEPT if what in read and _keeps(topic, what))
        if topic in _GONE:  # of whom nothing may be sent any more, whatever the rules read
            keeps = ("contact",)
        if fired or keeps:
            wanted.append(Subscription(topic, tuple(_name(rule) for rule in fired), keeps))
    return wanted


def _brought_by(topic: str) -> frozenset[str]:
    """The words of HAPPENINGS that a subscription to this topic is there for."""
    words = set(told_by_topic(topic))
    if _keeps(topic, "contact"):
        words.add(CONTACT)
    if topic == _CREATION:
        words.add(TICKET_CREATED)
    if topic in _STATES:
        words.add(TICKET_STATE_CHANGED)
    return frozenset(words)


def _fires(rule: Rule, topic: str) -> bool:
    return topic not in _COMPANIES and rule.trigger.waits_for(_brought_by(topic), topic)


def _keeps(topic: str, what: str) -> bool:
    family = topic.partition(".")[0]
    if what == "company":
        return family == "company"
    if what == "ticket":
        return topic == _CREATION or topic in _STATES
    carries = family in _OF_A_CONTACT and topic not in _ENDS
    return carries or (family == "company" and topic not in _COMPANIES)


def _read(rules: Iterable[Rule], identity: tuple[str, ...]) -> set[str]:
    """Of KEPT, what the rules read. The customer id is read of the contact, unless it is Intercom's."""
    parts = frozenset[str]().union(*(rule.parts for rule in rules))
    read = {what for part, what in _PARTS.items() if part in parts}
    if identity[0] != "intercom_id":
        read.add("contact")
    if any(TICKET_STATE_CHANGED in rule.trigger.words for rule in rules):
        read.add("ticket")  # a move is told from what was known before
    return read


_PARTS: Mapping[str, str] = {
    "contact": "contact",
    "company": "company",
    "companies": "company",
    "previous": "ticket",
}


def _name(rule: Rule) -> str:
    return rule.name or rule.event_name or ("user" if rule.event is None else "event")
