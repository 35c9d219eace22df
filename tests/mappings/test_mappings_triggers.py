"""What a rule waits for: happenings, topics, conditions, moves of a ticket."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapping_samples import TICKET, contact_row, moment, state, view

from events.rows import TicketState
from mappings.errors import InvalidRule
from mappings.happenings import DOCUMENTED_TOPICS, told_by_topic
from mappings.moment import HAPPENINGS
from mappings.rules import RuleSet, load, map_moment


def rules(tmp_path: Path, rule: str) -> RuleSet:
    (tmp_path / "own.yaml").write_text(f"rules:\n  - {{event: made, {rule}}}\n")
    return load(tmp_path)


@pytest.mark.parametrize(
    ("when", "happened", "topic", "made"),
    [
        ("{topic: 'ticket.*'}", [], "ticket.note.created", True),
        ("{topic: 'ticket.*'}", [], "conversation.read", False),
        ("{topic: [ticket.created, 'conversation.*']}", [], "conversation.read", True),
        ("{topic: ['ticket.*', '!ticket.note.*']}", [], "ticket.note.created", False),
        ("{topic: ['ticket.*', '!ticket.note.*']}", [], "ticket.created", True),
        ("{happened: tag_added, topic: contact.lead.*}", ["tag_added"], "contact.lead.tag.created", True),
        (
            "{happened: tag_added, topic: contact.lead.*}",
            ["tag_added"],
            "contact.user.tag.created",
            False,
        ),
        ("{happened: [tag_added, ticket]}", ["ticket"], "ticket.created", True),
        ("{happened: tag_added, topic: '*'}", ["ticket"], "ticket.created", False),
        ("{happened: contact, if: contact.role == 'user'}", ["contact"], "contact.user.updated", True),
        ("{happened: contact, if: contact.role == 'lead'}", ["contact"], "contact.user.updated", False),
        ("{happened: contact, if: contact.nothing}", ["contact"], "contact.user.updated", False),
        ("{happened: contact, if: '`0`'}", ["contact"], "contact.user.updated", True),
    ],
)
def test_when(tmp_path: Path, when: str, happened: list[str], topic: str, made: bool) -> None:
    what = moment(*happened, topic=topic, document={"topic": topic})
    assert bool(map_moment(rules(tmp_path, f"when: {when}"), what)) is made


def test_a_company_snapshot_is_no_event_of_its_causes_topic(tmp_path: Path) -> None:
    """It comes in the envelope of the event that caused it, which was mapped itself."""
    caused = moment("contact", topic="contact.user.updated", document={})
    assert map_moment(rules(tmp_path, "when: {topic: 'contact.*'}"), caused) == []
    assert map_moment(rules(tmp_path, "when: {happened: contact, topic: '*'}"), caused) == []
    assert map_moment(rules(tmp_path, "when: contact"), caused)


FIXED = TicketState("15", "resolved", "Fixed", "Done", 0)


@pytest.mark.parametrize(
    ("on", "previous", "made"),
    [
        ("{to: resolved}", None, True),
        ("{to: Resolved}", None, True),
        ("{to: fixed}", None, True),  # the label for staff, without case
        ("{to: Done}", None, True),  # and the one for customers
        ("{to: '3'}", None, True),
        ("{to: [submitted, '4']}", None, False),
        ("{from: looking, to: resolved}", state("2", "in_progress", "Looking"), True),
        ("{from: ['2']}", state("2", "in_progress", "Looking"), True),
        ("{from: submitted}", state("2", "in_progress", "Looking"), False),
        ("{from: submitted}", None, False),
    ],
)
def test_on(tmp_path: Path, on: str, previous: TicketState | None, made: bool) -> None:
    what = moment("ticket_state_changed", ticket=view(TICKET), previous=previous)
    for rule in (f"when: ticket_state_changed, on: {on}", f"when: ticket_state_changed, {on[1:-1]}"):
        assert bool(map_moment(rules(tmp_path, rule), what)) is made


def test_of_a_deleted_contact_only_a_rule_that_asks_for_it(tmp_path: Path) -> None:
    row = contact_row()
    row.deleted = True
    gone = moment("contact_deleted", topic="contact.deleted", row=row, document={"data": {}})
    assert map_moment(rules(tmp_path, "when: contact_deleted"), gone)
    assert map_moment(rules(tmp_path, "when: {topic: 'contact.*'}"), gone) == []
    later = moment("contact", topic="contact.user.updated", row=row, document={"data": {}})
    assert map_moment(rules(tmp_path, "when: [contact_deleted, contact]"), later) == []


@pytest.mark.parametrize(
    ("rule", "key", "problem"),
    [
        ("when: {if: contact.role}", "when", "expected 'happened' or 'topic'"),
        ("when: {topics: a}", "when.topics", "known: happened, topic, if"),
        ("when: {topic: '!a'}", "when.topic", '"*" is any topic'),
        ("when: {topic: ['*', '!']}", "when.topic", "expected a topic"),
        ("when: {happened: contact, if: contakt.role}", "when.if", "unknown name 'contakt'"),
        ("when: {happened: closed}", "when.happened", "unknown word 'closed'"),
        ("when: ticket_state_changed, on: {}", "on", "expected 'from' or 'to'"),
        ("when: ticket_state_changed, on: {at: a}", "on.at", "known: from, to"),
        ("when: ticket_state_changed, on: {to: a}, to: b", "to", "stands under 'on' already"),
        ("when: contact, on: {to: a}", "on.to", "only with when: ticket_created or ticket_state_changed"),
        ("when: ticket_created, on: {from: a}", "on.from", "only with when: ticket_state_changed"),
        ("when: {topic: 'ticket.*'}, on: {to: a}", "on.to", "only with when"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, rule: str, key: str, problem: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        rules(tmp_path, rule)
    assert (caught.value.line, caught.value.key) == (2, f"rules[0].{key}")
    assert problem in caught.value.problem


def test_topics_tell_words() -> None:
    assert told_by_topic("contact.lead.tag.deleted") == {"tag_removed"}
    assert told_by_topic("ticket.attribute.updated") == {"ticket", "ticket_attributes_changed"}
    assert told_by_topic("ticket.of.the.future") == {"ticket"}
    assert told_by_topic("conversation.read") == {"conversation"}
    assert told_by_topic("company.updated") == frozenset()
    told = frozenset().union(*map(told_by_topic, DOCUMENTED_TOPICS))
    assert told < set(HAPPENINGS)
    by_the_row = {"contact", "ticket_created", "ticket_state_changed", "partner_user", "partner_event"}
    assert set(HAPPENINGS) - told == by_the_row
