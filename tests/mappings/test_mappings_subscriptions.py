"""Which webhook topics a mapping needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.elements import Element
from intercom.webhook_topics import PERMISSIONS
from mappings.file_tests import parse_tests
from mappings.happenings import DOCUMENTED_TOPICS
from mappings.rule_folder import read_rule_folder
from mappings.rules import DEFAULT_IDENTITY, RuleSet, load
from mappings.subscriptions import subscriptions
from streams.rehearsal import rehearse

CONTACTS = {
    topic
    for topic in PERMISSIONS
    if topic.startswith(("contact.", "granular.", "visitor.", "company.contact."))
    and topic != "contact.archived"  # its item is an id, not a contact
}
COMPANIES = {"company.created", "company.updated", "company.deleted"}
STATES = {"ticket.created", "ticket.state.updated", "ticket.resolved", "ticket.closed"}


def mapping(tmp_path: Path, rules: str, identity: tuple[str, ...] = DEFAULT_IDENTITY) -> RuleSet:
    (tmp_path / "own.yaml").write_text(f"rules:\n  - {rules}\n")
    return load(tmp_path, identity=identity)


def topics(rules: RuleSet) -> set[str]:
    return {one.topic for one in subscriptions(rules, PERMISSIONS)}


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ("{when: partner_event, event: e}", set()),
        ("{when: tag_added, event: e}", CONTACTS),
        ("{when: contact_archived, event: e}", CONTACTS | {"contact.archived"}),
        ("{when: ticket_state_changed, event: e}", CONTACTS | STATES),
        (
            "{when: {happened: ticket, topic: ticket.rating.provided}, event: e}",
            CONTACTS | {"ticket.rating.provided"},
        ),
        (
            "{when: intercom_event, event: e, attributes: {plan: company.plan.name}}",
            CONTACTS | COMPANIES | {"event.created"},
        ),
        (
            "{when: {topic: ['conversation.rating.*', '!company.*']}, event: e}",
            CONTACTS | {"conversation.rating.added"},
        ),
        # Events of companies are about no contact, so this rule waits for none of them.
        ("{when: {topic: 'company.*'}, event: e}", CONTACTS),
    ],
)
def test_what_rules_wait_for_and_what_they_read(tmp_path: Path, rules: str, wanted: set[str]) -> None:
    assert topics(mapping(tmp_path, rules)) == wanted


def test_a_customer_id_of_intercoms_own_reads_nothing_of_the_contact(tmp_path: Path) -> None:
    rules = mapping(tmp_path, "{when: intercom_event, event: e}", ("intercom_id",))
    assert topics(rules) == {"event.created", "contact.deleted", "contact.merged"}


def test_each_topic_tells_why(tmp_path: Path) -> None:
    rules = mapping(tmp_path, "{name: moved, when: ticket_state_changed, event: e}")
    found = {one.topic: one for one in subscriptions(rules, PERMISSIONS)}
    assert found["ticket.closed"].rules == ("moved",)
    assert (found["ticket.created"].rules, found["ticket.created"].keeps) == ((), ("ticket",))
    assert found["contact.deleted"].keeps == ("contact",)


def test_the_shipped_rules_use_all_that_is_about_somebody() -> None:
    assert topics(load()) == PERMISSIONS.keys() - {"conversation.deleted"}
    assert topics(load()) >= set(DOCUMENTED_TOPICS) - {
        "contact.unarchived", "partner.user", "partner.event"
    }  # fmt: skip


OWN = """
rules:
  - when: ticket_state_changed
    event: moved
    attributes: {from: previous.category, to: ticket.state.category, name: contact.name}
    on: {from: submitted}
"""


@pytest.mark.parametrize("own", ["", OWN])
def test_without_the_other_topics_the_same_becomes_of_all(tmp_path: Path, own: str) -> None:
    """On the payloads of the shipped rules' tests: what is not subscribed to would change nothing."""
    (tmp_path / "own.yaml").write_text(own or "extends: default\n")
    rules = load(tmp_path)
    wanted = topics(rules) | {"partner.user", "partner.event"}
    made: list[Element] = []
    for test in parse_tests(read_rule_folder(None).tests):
        everything = rehearse(rules, test.envelopes)
        subscribed = rehearse(rules, [one for one in test.envelopes if one.topic in wanted])
        assert [one.element for one in subscribed] == [one.element for one in everything], test.name
        made += [one.element for one in everything]
    assert made
