"""The rules that come with moebridge."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from mapping_samples import (
    COMPANY,
    CONTACT,
    OCCURRED_AT,
    TICKET,
    contact_row,
    moment,
    notification,
    state,
    view,
)

from events.elements import EventElement, UserElement
from events.rows import ContactRow
from events.subjects import item_of
from mappings.moment import Moment
from mappings.rules import load, map_moment
from mappings.tickets import ticket_view
from streams.stages.contact_row import take_profile

RULES = load()
SAMPLES = (
    Path(os.environ.get("MOEBRIDGE_SAMPLES") or Path(__file__).parents[3] / "shared" / "samples")
    / "webhooks"
)


def user_of(what: Moment) -> UserElement:
    element = map_moment(RULES, what)[0]
    assert isinstance(element, UserElement)
    return element


def event_of(what: Moment) -> EventElement:
    element = map_moment(RULES, what)[-1]
    assert isinstance(element, EventElement)
    return element


def test_a_contact_with_its_company() -> None:
    assert user_of(moment("contact", row=contact_row(None, COMPANY))) == UserElement(
        "cust-77",
        {
            "u_n": "Mira van Dijk",
            "u_fn": "Mira",
            "u_ln": "van Dijk",
            "u_em": "mira@brook.example",
            "u_mb": "442079460018",
            "moe_unsubscribe": True,
            "moe_hard_bounce": False,
            "intercom_id": "aa10",
            "intercom_external_id": "cust-77",
            "intercom_role": "user",
            "intercom_language": "nl",
            "intercom_country": "Netherlands",
            "intercom_city": "Utrecht",
            "intercom_created_at": "2025-02-03T04:05:06Z",
            "intercom_last_seen_at": "2025-11-23T12:13:20Z",
            "intercom_tag_count": 1,
            "company_id": "brook",
            "company_name": "Brook Ltd",
            "company_plan": "Gold",
            "company_size": 40,
            "company_monthly_spend": 99.5,
            "company_count": 1,
            "company_names": ["Brook Ltd"],
            "company_tier": "A",
            "seats_used": 12,
            "signed": "2025-01-01T08:00:00Z",
            "trial_ends_at": "2025-11-25T19:46:40Z",
            # Custom attributes whose names are taken, or kept by MoEngage.
            "intercom_company_name": "typed by hand",
            "intercom_company_plan": "own plan",
            "intercom_status": "active",
        },
    )


def test_a_ticket_that_was_made() -> None:
    event = event_of(
        moment("ticket_created", ticket=view(TICKET), topic="ticket.created", at=OCCURRED_AT - 5)
    )
    assert (event.customer_id, event.name, event.occurred_at) == (
        "cust-77",
        "ticket_created",
        OCCURRED_AT - 5,
    )
    assert event.attributes["intercom_topic"] == "ticket.created"
    assert event.attributes["state_to"] == "resolved"
    assert "state_from" not in event.attributes


def test_a_ticket_that_moved() -> None:
    row = contact_row(None, COMPANY)
    row.tickets["9001"] = state("3", "resolved", "Fixed")
    row.tickets["9001"].reopened = 2
    previous = state("2", "in_progress", "Working", "On it", since=1_763_998_000_500)
    what = moment(
        "ticket_state_changed",
        row=row,
        ticket=view(TICKET),
        previous=previous,
        document=notification("ticket.state.updated", TICKET),
        topic="ticket.state.updated",
        at=1_763_999_000_000,
    )
    assert event_of(what) == EventElement(
        "cust-77",
        "ticket_state_changed",
        {
            "intercom_event_id": "notif_1",
            "intercom_topic": "ticket.state.updated",
            "ticket_id": "9001",
            "ticket_number": "42",
            "ticket_category": "Customer",
            "ticket_type": "Billing",
            "ticket_title": "Cannot pay",
            "ticket_open": False,
            "ticket_created_at": "2025-11-24T13:13:20Z",
            "ticket_updated_at": "2025-11-24T16:00:00Z",
            "ticket_admin_assignee_id": "811",
            "state_to": "resolved",
            "state_to_label": "Fixed",
            "state_to_external_label": "Done",
            "state_from": "in_progress",
            "state_from_label": "Working",
            "state_from_external_label": "On it",
            "seconds_in_previous_state": 999,
            "reopened_count": 2,
            "company_id": "brook",
            "company_name": "Brook Ltd",
            "company_names": ["Brook Ltd"],
            "company_plan": "Gold",
            "ticket_root_cause": "card",
            "intercom_ticket_type": "own type",
            "ticket_amount": 12.5,
            "ticket_screens_count": 2,
            "ticket_screens_names": ["a.png", "b.png"],
        },
        1_763_999_000_000,
    )


@pytest.mark.parametrize("began", [0, OCCURRED_AT + 1])
def test_a_time_in_a_state_that_is_not_known_is_not_told(began: int) -> None:
    previous = state("2", "in_progress", at=OCCURRED_AT - 5000, since=began)
    event = event_of(moment("ticket_state_changed", ticket=view(TICKET), previous=previous))
    assert "seconds_in_previous_state" not in event.attributes


def test_words_of_staff_and_customers_stay_where_they_are() -> None:
    profile = {**CONTACT, "notes": {"data": [{"body": "secret"}]}}
    elements = map_moment(
        RULES,
        moment(
            "contact",
            "ticket_created",
            "ticket_state_changed",
            row=contact_row(profile, COMPANY),
            ticket=view(TICKET),
            previous=state("1", "submitted"),
            document=notification("ticket.state.updated", TICKET),
        ),
    )
    assert len(elements) == 3
    written = json.dumps([dict(element.attributes) for element in elements])
    for word in ("secret", "Staff Person", "staff@desk", "4111", "x.example"):
        assert word not in written


GUIDE: dict[str, Any] = {
    "type": "user",
    "u_fn": 3,
    "u_ln": "",
    "u_mb": 447911123456,
    "customer_id": 12345,
    "intercom_id": "aa10",
    "createdate": "2025-02-03T04:05:06.789+00:00",
    "modified_at": "1764000000",
    "Plan type": "pro",
    "seats": "12",
    "moe_unsubscribe": "true",
    "status": "live",
}
GROUPED: dict[str, Any] = {
    "customer_id": "cust-9",
    "u_em": "n@b.example",
    "user_attributes": {"tier": "A"},
    "event_attributes": {"event_name": "Ticket.Closed", "csat": 5},
}
OWN: dict[str, Any] = {
    "type": "event",
    "customer_id": "cust-9",
    "actions": [
        {"action": "seen", "attributes": {"page": "a"}, "current_time": "2025-11-01T00:00:00Z"},
        {"action": "bought", "attributes": {"sum": 5}},
    ],
}


def test_the_guides_body_about_a_user() -> None:
    user = user_of(moment("partner_user", document=GUIDE))
    assert user == UserElement(
        "12345",
        {
            "intercom_id": "aa10",
            "intercom_created_at": "2025-02-03T04:05:06Z",
            "intercom_updated_at": "2025-11-24T16:00:00Z",
            "u_fn": "3",
            "u_mb": "447911123456",
            "Plan_type": "pro",
            "seats": "12",
            "moe_unsubscribe": True,
            "intercom_status": "live",
        },
    )
    assert len(map_moment(RULES, moment("partner_user", document=GUIDE))) == 1, "no event"


def test_the_guides_body_about_an_event() -> None:
    user, event = map_moment(RULES, moment("partner_event", document=GUIDE))
    assert {"u_fn": "3", "u_mb": "447911123456"}.items() <= user.attributes.items()
    assert "seats" not in user.attributes
    assert isinstance(event, EventElement)
    assert (event.customer_id, event.name) == ("12345", "intercom_event")
    assert event.attributes["seats"] == "12"
    assert "u_fn" not in event.attributes
    named = {**GUIDE, "event_name": "trial.started"}
    assert event_of(moment("partner_event", document=named)).name == "trial_started"


@pytest.mark.parametrize("endpoint", ["partner_user", "partner_event"])
def test_a_grouped_body(endpoint: str) -> None:
    user, event = map_moment(RULES, moment(endpoint, document=GROUPED))
    assert user == UserElement("cust-9", {"u_em": "n@b.example", "tier": "A"})
    assert isinstance(event, EventElement)
    assert event.name == "Ticket_Closed"
    assert event.attributes["csat"] == 5
    assert "event_name" not in event.attributes


def test_moengages_own_bodies() -> None:
    first, second = map_moment(RULES, moment("partner_event", document=OWN))
    assert isinstance(first, EventElement)
    assert isinstance(second, EventElement)
    assert (first.name, first.attributes["page"], first.occurred_at) == ("seen", "a", 1_761_955_200_000)
    assert (second.name, second.attributes["sum"], second.occurred_at) == ("bought", 5, OCCURRED_AT)
    body = {"type": "customer", "customer_id": "cust-9", "attributes": {"u_n": "N", "tier": "A"}}
    user = user_of(moment("partner_user", document=body))
    assert user == UserElement("cust-9", {"u_n": "N", "tier": "A"})


@pytest.mark.parametrize(
    ("body", "row", "customer_id"),
    [
        ({"customer_id": "cust-9"}, contact_row(), "cust-9"),
        ({"user_attributes": {"customer_id": 907}}, contact_row(), "907"),
        ({"customer_id": "null"}, contact_row(), "cust-77"),
        ({"customer_id": ""}, ContactRow("aa10"), "intercom:aa10"),
        ({"u_em": "n@b.example"}, ContactRow("email:n@b.example"), "n@b.example"),
        ({"customer_id": "1"}, ContactRow("customer:1"), "intercom:customer:1"),
        # Intercom was asked and has told whose address it is.
        ({"u_em": "n@b.example"}, ContactRow("email:n@b.example", {"id": "aa11"}), "intercom:aa11"),
        ({"u_em": "n@b.example"}, ContactRow("email:n@b.example", CONTACT), "cust-77"),
    ],
)
def test_the_user_of_a_partners_body(body: dict[str, Any], row: ContactRow, customer_id: str) -> None:
    for element in map_moment(RULES, moment("partner_event", document=body, row=row)):
        assert element.customer_id == customer_id


def test_one_user_comes_of_a_moment() -> None:
    user = user_of(moment("contact", "partner_user", document={"customer_id": "cust-9", "u_n": "Given"}))
    assert user.customer_id == "cust-9"
    assert user.attributes["u_n"] == "Given"
    assert user.attributes["intercom_role"] == "user"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="captured payloads are not here")
def test_captured_payloads() -> None:
    users, events = {}, {}
    for path in sorted(SAMPLES.glob("*.json")):
        document = json.loads(path.read_bytes())
        item = item_of(document)
        contact = item.get("contact") or (item if item.get("type") in ("contact", "user") else {})
        if contact.get("id"):
            row = ContactRow("aa10")
            take_profile(row, contact, OCCURRED_AT)
            what = moment("contact", row=row, document=document)
            users[path.stem] = user_of(what)
        ticket = ticket_view(item) if path.stem.startswith("ticket_") else None
        if ticket:
            events[path.stem] = event_of(moment("ticket_created", ticket=ticket, document=document))
    assert users["contact_unsubscribed"].attributes["moe_unsubscribe"] is True
    assert users["visitor_signed_up"].customer_id == "fixture-user-1"
    assert users["visitor_signed_up"].attributes["intercom_country"] == "India"
    assert {event.attributes["state_to"] for event in events.values()} == {"submitted"}
    assert "John Doe" not in repr((users, events))
