"""Contacts that an event names and nobody knows: whom to look up, and what comes of what was found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pipeline import RULES, OneStage, bodies, delivered, told_companies, user
from records import (
    BEGAN,
    Json,
    Record,
    attached,
    company_in_part,
    contact,
    contact_updated,
    detached,
    ms,
    partner,
    record_of,
    snapshot,
    state,
    ticket,
    webhook,
)

from events.envelope import Envelope
from events.rows import ContactRow
from intercom.enrichment import Found, Wanted
from streams.stages.contacts import Contacts
from streams.stages.stage import Step
from streams.state import State

C1 = Wanted("c1", "user-c1")


class Contact(OneStage):
    """The stage; nothing is known at first."""

    def __init__(self) -> None:
        super().__init__(Contacts(lambda _: RULES))
        self.contacts = Contacts(lambda _: RULES)

    def wanted(self, *envelopes: Envelope | Record, key: str = "c1") -> dict[str, Wanted]:
        records = [one if isinstance(one, Record) else record_of(one, key) for one in envelopes]
        return self.contacts.wanted(records, State(self.rows))

    def hear(
        self, *envelopes: Envelope | Record, key: str = "c1", found: dict[str, Found] | None = None
    ) -> Step:
        records = [one if isinstance(one, Record) else record_of(one, key) for one in envelopes]
        state = State(self.rows)
        step = self.contacts.step(records, state, ms(1000), found or {})
        self.rows.apply(state.changes)
        return step

    def row(self, key: str = "c1") -> ContactRow:
        raw = self.rows.get(key.encode())
        assert raw is not None
        return ContactRow.decode(raw)


@pytest.fixture
def stage() -> Contact:
    return Contact()


def rest_contact(**fields: Any) -> Json:
    """As Intercom's REST API tells it: times in seconds, a list of ids, null for what is not."""
    return {
        "type": "contact", "id": "c1", "workspace_id": "ws1", "external_id": "user-c1", "role": "user",
        "email": "ada@example.com", "name": "Ada Brook", "phone": None, "created_at": BEGAN,
        "updated_at": BEGAN + 50, "custom_attributes": {"seats": 3}, "owner_id": None,
        "companies": {"type": "list", "data": [{"type": "company", "id": "k1"}], "has_more": False},
        **fields,
    }  # fmt: skip


def rest_company(company_id: str = "k1", **fields: Any) -> Json:
    return {
        "type": "company", "id": company_id, "company_id": f"own-{company_id}", "app_id": "ws1",
        "name": "Brook", "plan": {"type": "plan", "id": "1", "name": "Gold"}, "size": None,
        "updated_at": BEGAN + 40, "custom_attributes": {}, **fields,
    }  # fmt: skip


FOUND = Found(rest_contact(), [rest_company()])


def ticket_made(at: float = 10, ticket_id: str = "t1", **fields: Any) -> Envelope:
    return webhook(
        "ticket.created", ticket(state("submitted"), at=at, ticket_id=ticket_id, **fields), at=at
    )


# -- whom to look up ----------------------------------------------------------------------------


def test_a_ticket_names_its_contact_by_both_ids(stage: Contact) -> None:
    assert stage.wanted(ticket_made()) == {"c1": C1}


def test_a_reference_without_an_external_id_is_enough(stage: Contact) -> None:
    refers = ticket_made(contacts=[{"type": "contact", "id": "other", "external_id": "x"}, {"id": "c1"}])
    assert stage.wanted(refers) == {"c1": Wanted("c1")}


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_conversation_names_its_contact(stage: Contact, wrapped: bool) -> None:
    item: Json = {
        "type": "conversation", "id": "9",
        "contacts": {"contacts": [{"type": "contact", "id": "c1", "external_id": "user-c1"}]},
    }  # fmt: skip
    event = webhook("conversation.user.created", {"conversation": item} if wrapped else item, at=1)
    assert stage.wanted(event) == {"c1": C1}


def test_a_custom_event_names_its_contact_by_all_three(stage: Contact) -> None:
    item = {
        "event_name": "bought",
        "intercom_user_id": "c1",
        "user_id": "user-c1",
        "email": "a@b.example",
    }
    assert stage.wanted(webhook("event.created", item, at=1)) == {
        "c1": Wanted("c1", "user-c1", "a@b.example")
    }


@pytest.mark.parametrize(
    ("body", "key", "expected"),
    [
        ({"intercom_id": "c1", "customer_id": 77}, "c1", Wanted("c1", "77")),
        ({"customer_id": "abc"}, "customer:abc", Wanted(external_id="abc")),
        ({"customer_id": "a1", "u_em": "a@b.example"}, "customer:a1", Wanted(None, "a1", "a@b.example")),
        ({"user_attributes": {"u_em": "a@b.example"}}, "email:a@b.example", Wanted(email="a@b.example")),
    ],
)  # fmt: skip
def test_a_connectors_body_names_somebody(stage: Contact, body: Json, key: str, expected: Wanted) -> None:
    assert stage.wanted(partner(body, received=1), key=key) == {key: expected}


def test_several_events_of_a_contact_are_one_question(stage: Contact) -> None:
    by_id = ticket_made(contacts=[{"id": "c1"}])
    by_email = partner({"intercom_id": "c1", "u_em": "a@b.example"}, received=2)
    assert stage.wanted(by_id, by_email, ticket_made(20)) == {
        "c1": Wanted("c1", "user-c1", "a@b.example")
    }


def test_nobody_is_asked_for_a_contact_that_is_known(stage: Contact) -> None:
    stage.hear(contact_updated(at=1))
    assert stage.wanted(ticket_made()) == {}


def test_nobody_is_asked_for_a_contact_that_is_deleted(stage: Contact) -> None:
    stage.hear(webhook("contact.deleted", {"type": "contact", "id": "c1", "deleted": True}, at=1))
    assert stage.wanted(ticket_made()) == {}


def test_a_ticket_before_tells_of_an_external_id_and_not_of_a_contact(stage: Contact) -> None:
    stage.hear(ticket_made())
    assert stage.wanted(ticket_made(20)) == {"c1": C1}


@pytest.mark.parametrize(
    "bringing",
    [
        contact_updated(at=1),
        attached(contact(at=1), company_in_part(at=1), at=1),
        webhook("ticket.contact.attached", {"ticket": {"id": "t1"}, "contact": contact(at=1)}, at=1),
    ],
    ids=lambda envelope: envelope.topic,
)  # fmt: skip
def test_nobody_is_asked_for_a_contact_that_the_chunk_brings_first(
    stage: Contact, bringing: Envelope
) -> None:
    assert stage.wanted(bringing, ticket_made()) == {}
    assert stage.wanted(ticket_made(), bringing) == {"c1": C1}  # else the ticket is mapped without


def test_another_contact_in_a_payload_brings_nothing(stage: Contact) -> None:
    item = {"ticket": ticket("submitted", at=1), "contact": contact("c2", at=1)}
    assert stage.wanted(webhook("ticket.contact.attached", item, at=1)) == {"c1": C1}


def test_snapshots_and_broken_records_name_nobody(stage: Contact) -> None:
    broken = Record("intercom.contacts", 0, 0, b"c1", b"{", ticket_made().headers())
    assert stage.wanted(snapshot({"name": "Brook"}, 1), broken) == {}
    assert stage.wanted(snapshot({"name": "Brook"}, 1), broken, ticket_made()) == {"c1": C1}


# -- what was found -----------------------------------------------------------------------------


def test_an_unknown_tickets_contact_is_mapped_with_name_email_and_company(stage: Contact) -> None:
    step = stage.hear(ticket_made(), found={"c1": FOUND})
    sent = delivered(step)
    assert [(one.kind, one.name, one.customer_id) for one in sent] == [
        ("user", "", "user-c1"), ("event", "ticket_created", "user-c1"),
    ]  # fmt: skip
    told = user(step)
    assert told["u_n"] == "Ada Brook"
    assert told["u_em"] == "ada@example.com"
    assert told["intercom_id"] == "c1"
    assert (told["company_id"], told["company_name"], told["company_plan"]) == ("own-k1", "Brook", "Gold")
    assert told["seats"] == 3
    [event] = bodies(step, "event")
    assert event["actions"][0]["attributes"]["company_name"] == "Brook"
    assert told_companies(step) == [("k1", "c1", True)]
    assert step.counts["completed"] == 1


def test_without_an_answer_the_event_is_mapped_with_what_is_there(stage: Contact) -> None:
    step = stage.hear(ticket_made())
    [sent] = delivered(step)
    assert (sent.name, sent.customer_id) == ("ticket_created", "user-c1")
    assert stage.row().updated_at == 0
    assert step.counts["completed"] == 0


def test_a_contact_is_completed_once(stage: Contact) -> None:
    step = stage.hear(ticket_made(), ticket_made(20, "t2"), found={"c1": FOUND})
    assert [one.kind for one in delivered(step)] == ["user", "event", "event"]
    again = stage.hear(ticket_made(30, "t3"), found={"c1": Found(rest_contact(name="Eve"), [])})
    assert [one.kind for one in delivered(again)] == ["event"]
    assert stage.row().profile["name"] == "Ada Brook"
    assert stage.wanted(ticket_made(40)) == {}


def test_what_a_webhook_brings_first_is_not_overwritten(stage: Contact) -> None:
    step = stage.hear(contact_updated(at=60), ticket_made(), found={"c1": FOUND})
    assert user(step)["u_n"] == "Name c1"


def test_a_later_webhook_with_the_same_contact_sends_nothing_and_a_newer_one_does(stage: Contact) -> None:
    stage.hear(ticket_made(), found={"c1": FOUND})
    same = {"email": "ada@example.com", "name": "Ada Brook", "custom_attributes": {"seats": 3},
            "location": None, "companies": ["k1"]}  # fmt: skip
    assert delivered(stage.hear(contact_updated(at=55, **same))) == []
    assert user(stage.hear(contact_updated(at=60, **{**same, "name": "Ada Hill"})))["u_n"] == "Ada Hill"


def test_an_event_that_is_not_mapped_itself_still_brings_the_user(stage: Contact) -> None:
    unknown = webhook("conversation.some.topic", {"contacts": {"contacts": [{"id": "c1"}]}}, at=1)
    assert user(stage.hear(unknown, found={"c1": FOUND}))["u_em"] == "ada@example.com"


def test_a_duplicate_takes_nothing_in(stage: Contact) -> None:
    stage.hear(ticket_made())
    step = stage.hear(ticket_made(), found={"c1": FOUND})
    assert delivered(step) == []
    assert stage.row().updated_at == 0


def test_the_external_id_that_was_found_names_the_customer(stage: Contact) -> None:
    step = stage.hear(ticket_made(contacts=[{"id": "c1"}]), found={"c1": FOUND})
    assert {one.customer_id for one in delivered(step)} == {"user-c1"}


def test_a_membership_that_ends_after_the_question_ends(stage: Contact) -> None:
    stage.hear(ticket_made(), found={"c1": FOUND})
    left = detached(contact(at=61, companies=["k1"]), company_in_part(at=60), at=61)
    assert told_companies(stage.hear(left)) == [("k1", "c1", False)]


def test_a_companys_older_snapshot_does_not_replace_what_was_found(stage: Contact) -> None:
    stage.hear(ticket_made(), found={"c1": FOUND})
    assert delivered(stage.hear(snapshot({"name": "Old"}, 30))) == []
    newer = snapshot({"name": "New"}, 45)  # than the company, not than the contact
    assert user(stage.hear(newer))["company_name"] == "New"


def test_companies_with_odd_parts_are_taken_as_far_as_they_go(stage: Contact) -> None:
    odd = rest_company("k2", name=None, plan={}, updated_at="soon")
    told = user(stage.hear(ticket_made(), found={"c1": Found(rest_contact(), [odd, rest_company()])}))
    assert told["company_count"] == 2
    assert told["company_names"] == ["Brook"]
    kept = stage.row().companies["k1"].snapshot
    assert kept is not None
    assert "size" not in kept
    assert "app_id" not in kept


# -- those whom a connector names ---------------------------------------------------------------


def test_a_connectors_row_is_filled_and_its_own_id_and_words_hold(stage: Contact) -> None:
    body = {"customer_id": "abc", "u_fn": "Adele"}
    step = stage.hear(partner(body, received=60), key="customer:abc", found={"customer:abc": FOUND})
    [sent] = delivered(step)
    assert sent.customer_id == "abc"
    told = user(step)
    assert (told["u_fn"], told["u_em"], told["company_name"]) == ("Adele", "ada@example.com", "Brook")
    assert told["intercom_id"] == "c1"
    assert stage.row("customer:abc").profile["email"] == "ada@example.com"


def test_companies_do_not_hear_of_a_row_that_hears_of_no_change(stage: Contact) -> None:
    step = stage.hear(
        partner({"u_em": "ada@example.com"}, received=60),
        key="email:ada@example.com",
        found={"email:ada@example.com": FOUND},
    )
    assert user(step)["company_name"] == "Brook"
    assert told_companies(step) == []


def test_a_connectors_stale_body_still_brings_the_user(stage: Contact) -> None:
    stage.hear(partner({"intercom_id": "c1", "modified_at": BEGAN + 9}, received=60))
    stale = partner({"intercom_id": "c1", "modified_at": BEGAN + 5, "u_fn": "Old"}, received=61)
    told = user(stage.hear(stale, found={"c1": FOUND}))
    assert (told["u_em"], told["u_fn"]) == ("ada@example.com", "Ada")


def test_nothing_personal_is_put_out_to_companies(stage: Contact) -> None:
    step = stage.hear(ticket_made(), found={"c1": FOUND})
    [told] = [out for out in step.out if out.topic == "intercom.companies"]
    assert set(json.loads(told.value or b"")) == {"contact_id", "member", "at"}
