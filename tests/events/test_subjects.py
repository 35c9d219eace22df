"""Whom an event is about, for every shape that Intercom's topics have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from events.envelope import Source, webhook_envelope
from events.subjects import Subjects, item_of, subjects_of, ticket_of

CONTACT = {"type": "contact", "id": "c1", "external_id": "u1", "companies": {"data": [{"id": "k9"}]}}
COMPANY = {"type": "company", "id": "k1", "company_id": "own-1"}
TICKET = {
    "type": "ticket",
    "id": "t1",
    "contacts": {
        "type": "contact.list",
        "contacts": [
            {"type": "contact", "id": "c1", "external_id": "u1"},
            {"id": "c2", "role": "user"},
            {"id": "c1"},
        ],
    },
}
LEGACY_TICKET = {"id": 215, "custom_attributes": {}, "contacts": {"contacts": [{"id": "c2"}]}}
CONVERSATION = {
    "type": "conversation",
    "id": "7",
    "contacts": {"contacts": [{"type": "contact", "id": "c1"}]},
}
EVENT = {
    "event_name": "paid",
    "id": "e1",
    "intercom_user_id": "c1",
    "user_id": "u1",
    "email": "a@b.example",
}


def of_webhook(topic: str, item: Any) -> Subjects:
    return subjects_of(Source.WEBHOOK, topic, {"topic": topic, "data": {"item": item}})


def of_partner(body: dict[str, Any]) -> Subjects:
    return subjects_of(Source.PARTNER, "partner.user", body)


@pytest.mark.parametrize(
    ("topic", "item", "contacts", "companies"),
    [
        ("contact.user.created", CONTACT, ["c1"], []),
        ("contact.lead.added_email", CONTACT, ["c1"], []),
        ("contact.unarchive", CONTACT, ["c1"], []),
        ("contact.merged", {**CONTACT, "merged_from": {"type": "contact", "id": "c7"}}, ["c1", "c7"], []),
        ("contact.deleted", {"id": "c1", "type": "contact", "deleted": True}, ["c1"], []),
        ("contact.archived", {"id": "c1", "external_id": "u1", "archived": True}, ["c1"], []),
        ("contact.user.tag.created", {"type": "contact_tag", "tag": {}, "contact": CONTACT}, ["c1"], []),
        ("contact.lead.tag.deleted", {"tag": {"id": "3"}, "contact": CONTACT}, ["c1"], []),
        ("contact.unsubscribed", {"contact": CONTACT, "subscription_types": {"data": []}}, ["c1"], []),
        ("granular.subscribe", {"contact": CONTACT, "subscription_types": {"data": []}}, ["c1"], []),
        ("visitor.signed_up", {"type": "visitor", "id": "c1", "user_id": "u1"}, ["c1"], []),
        ("company.created", COMPANY, [], ["k1"]),
        ("company.deleted", {"id": "k1", "type": "company", "deleted": True}, [], ["k1"]),
        ("company.contact.attached", {"company": COMPANY, "contact": CONTACT}, ["c1"], ["k1"]),
        ("company.contact.detached", {"company": COMPANY, "contact": CONTACT}, ["c1"], ["k1"]),
        ("ticket.created", TICKET, ["c1", "c2"], []),
        ("ticket.state.updated", TICKET, ["c1", "c2"], []),
        ("ticket.closed", {"type": "ticket_event", "ticket": TICKET}, ["c1", "c2"], []),
        ("ticket.note.created", {"ticket": TICKET, "ticket_part": {"id": "p"}}, ["c1", "c2"], []),
        ("ticket.contact.attached", {"ticket": LEGACY_TICKET, "contact": CONTACT}, ["c1", "c2"], []),
        ("ticket.contact.detached", {"ticket": {"id": 215}, "contact": CONTACT}, ["c1"], []),
        ("conversation.user.replied", CONVERSATION, ["c1"], []),
        ("conversation.contact.attached", {"conversation": CONVERSATION, "contact": {"id": "c3"}},
         ["c3", "c1"], []),
        ("conversation.deleted", {"type": "conversation.deleted", "conversation_id": "7"}, [], []),
        ("event.created", EVENT, ["c1"], []),
        ("ping", {"type": "ping", "message": "hello"}, [], []),
        ("admin.added_to_workspace", {"type": "admin", "id": "c1"}, [], []),
    ],
)  # fmt: skip
def test_every_topic_names_its_subjects(
    topic: str, item: dict[str, Any], contacts: list[str], companies: list[str]
) -> None:
    assert of_webhook(topic, item) == Subjects(tuple(contacts), tuple(companies))


@pytest.mark.parametrize(
    "item", [None, [], "x", {}, {"id": 7}, {"id": ""}, {"id": "x" * 257}, {"contact": []}]
)
@pytest.mark.parametrize(
    "topic", ["contact.user.updated", "company.updated", "ticket.created", "event.created"]
)
def test_a_payload_that_names_nobody_is_about_nobody(topic: str, item: Any) -> None:
    assert of_webhook(topic, item) == Subjects()


@pytest.mark.parametrize(
    "contacts", [None, {}, {"contacts": None}, {"contacts": [None, 3, {"id": 5}, {}]}]
)
def test_broken_references_are_passed_over(contacts: Any) -> None:
    assert of_webhook("ticket.created", {"id": "t1", "contacts": contacts}) == Subjects()


def test_the_topic_decides_and_not_the_type() -> None:
    assert of_webhook("contact.user.updated", {**CONTACT, "type": "company"}).contacts == ("c1",)


@pytest.mark.parametrize(
    ("body", "subject"),
    [
        ({"intercom_id": "c1", "customer_id": "u1", "u_em": "a@b.example"}, "c1"),
        ({"customer_id": "u1", "u_em": "a@b.example"}, "customer:u1"),
        ({"customer_id": 42}, "customer:42"),
        ({"u_em": " a@b.example "}, "email:a@b.example"),
        ({"intercom_id": "", "customer_id": None, "user_attributes": {"intercom_id": "c1"}}, "c1"),
        ({"intercom_id": "  ", "u_em": "a@b.example"}, "email:a@b.example"),
        ({"customer_id": True, "u_em": "a@b.example"}, "email:a@b.example"),
    ],
)
def test_a_connectors_body_is_about_whom_it_identifies(body: dict[str, Any], subject: str) -> None:
    assert of_partner(body) == Subjects(contacts=(subject,))


@pytest.mark.parametrize("body", [{}, {"u_fn": "Ada"}, {"customer_id": []}, {"user_attributes": "x"}])
def test_a_connectors_body_may_be_about_nobody(body: dict[str, Any]) -> None:
    assert of_partner(body) == Subjects()


def test_events_of_one_contact_keep_their_order() -> None:
    both = Subjects(("c1", "c2"), ("k1",))
    assert both.ordering_key("e1") == b"c1"
    assert Subjects((), ("k1",)).ordering_key("e1") == b"k1"
    assert Subjects().ordering_key("e1") == b"e1"


def test_a_ticket_is_the_item_or_inside_it() -> None:
    assert ticket_of(TICKET) is ticket_of({"ticket": TICKET}) is TICKET
    assert item_of({"data": {"item": TICKET}}) is TICKET
    assert item_of({"data": []}) == {}


def test_every_captured_webhook_is_about_somebody_but_ping(samples_dir: Path) -> None:
    about_nobody = []
    for path in sorted(samples_dir.glob("*.json")):
        body = path.read_bytes()
        envelope = webhook_envelope(body, json.loads(body), config="main", received_at=2**41)
        if subjects_of(envelope.source, envelope.topic, json.loads(body)) == Subjects():
            about_nobody.append(envelope.topic)
    assert about_nobody == ["ping"]
