"""Rows on the changelogs, deliveries, and the messages between rows: there and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from events.codec import encode
from events.elements import DeadLetter, Delivery
from events.envelope import Envelope, Source
from events.errors import InvalidData, InvalidRecord
from events.joins import CompanySnapshot, MembershipChange, MergedContact, carrying, kind_of_record
from events.rows import (
    CompanyRow,
    ContactRow,
    Membership,
    TicketState,
    company_key,
    member_key,
    members_prefix,
)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times = st.integers(0, 2**53)
profiles = st.dictionaries(
    words, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words | st.lists(words), max_size=4
)
memberships = st.builds(
    Membership, at=times, member=st.booleans(), snapshot=st.none() | profiles, snapshot_at=times
)
tickets = st.builds(
    TicketState, key=words, category=words, internal_label=words, external_label=words, at=times,
    created_sent=st.booleans(), reopened=st.integers(0, 9), announced=st.booleans(),
)  # fmt: skip
contact_rows = st.builds(
    ContactRow, contact_id=words, profile=profiles, updated_at=times, deleted=st.booleans(),
    customer_id=words, id_made_up=st.booleans(), merging=st.lists(words, max_size=3), merged_into=words,
    companies=st.dictionaries(words, memberships, max_size=3),
    tickets=st.dictionaries(words, tickets, max_size=3),
    seen=st.dictionaries(words, times, max_size=3), sent=words, partner_at=times,
)  # fmt: skip
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)

CAUSE = Envelope(
    source=Source.WEBHOOK, topic="company.updated", event_id="notif_1", workspace="ws1", config="main",
    received_at=2000, occurred_at=1000, payload=b"{}",
)  # fmt: skip


@given(contact_rows)
@settings(deadline=None, max_examples=40)
def test_a_contact_comes_back_from_its_row(row: ContactRow) -> None:
    assert ContactRow.decode(row.encode()) == row


@given(st.builds(CompanyRow, company_id=words, profile=profiles, updated_at=times, deleted=st.booleans()))
@settings(deadline=None, max_examples=40)
def test_a_company_comes_back_from_its_row(row: CompanyRow) -> None:
    assert CompanyRow.decode(row.encode()) == row


def test_the_order_of_tickets_and_seen_events_is_kept() -> None:
    """What goes first is what is dropped first."""
    row = ContactRow("c1", seen={"z": 1, "a": 2}, tickets={})
    assert list(ContactRow.decode(row.encode()).seen) == ["z", "a"]


@given(ids, ids, ids, ids)
@example("k1", "c1", "k10", "c1")
@example("k1", "c1", "k1\0x", "c1")
@settings(deadline=None)
def test_no_key_of_one_company_begins_like_the_members_of_another(
    company: str, contact: str, other: str, other_contact: str
) -> None:
    assert member_key(company, contact).startswith(members_prefix(company))
    assert not company_key(other).startswith(members_prefix(company))
    if other != company:
        assert not member_key(other, other_contact).startswith(members_prefix(company))


@given(words, st.booleans(), times)
@settings(deadline=None)
def test_a_membership_comes_back(contact_id: str, member: bool, at: int) -> None:
    change = MembershipChange(contact_id, member, at)
    value, headers = change.record(CAUSE)
    envelope = Envelope.from_record(value, headers)
    assert MembershipChange.from_envelope(envelope) == change
    assert kind_of_record(headers) == "membership"
    assert envelope == carrying(CAUSE, value)


@given(words, st.none() | profiles, times)
@settings(deadline=None, max_examples=40)
def test_a_snapshot_comes_back(company_id: str, profile: dict[str, Any] | None, at: int) -> None:
    snapshot = CompanySnapshot(company_id, profile, at)
    headers = CompanySnapshot.headers(CAUSE)
    assert CompanySnapshot.from_envelope(Envelope.from_record(snapshot.payload(), headers)) == snapshot
    assert kind_of_record(headers) == "snapshot"


@given(words.filter(bool))
@settings(deadline=None)
def test_a_merged_contact_comes_back(customer_id: str) -> None:
    value, headers = MergedContact(customer_id).record(CAUSE)
    assert MergedContact.from_envelope(Envelope.from_record(value, headers)).customer_id == customer_id
    assert kind_of_record(headers) == "merged"


@pytest.mark.parametrize("payload", [{}, {"customer_id": ""}, {"customer_id": 7}, []])
def test_what_is_no_merged_contact_is_refused(payload: Any) -> None:
    with pytest.raises(InvalidData):
        MergedContact.from_envelope(carrying(CAUSE, encode(payload)))


def test_a_record_without_a_kind_is_an_event() -> None:
    assert kind_of_record(CAUSE.headers()) == "event"
    with pytest.raises(InvalidRecord, match="kind"):
        kind_of_record([("kind", b"gossip")])


@pytest.mark.parametrize(
    "payload",
    [{}, {"contact_id": 1, "member": True, "at": 1}, {"contact_id": "c", "member": 1, "at": 1}, []],
)
def test_what_is_no_membership_is_refused(payload: Any) -> None:
    with pytest.raises(InvalidData):
        MembershipChange.from_envelope(carrying(CAUSE, encode(payload)))


@pytest.mark.parametrize(
    "payload",
    [{}, {"company_id": 1, "profile": {}, "at": 1}, {"company_id": "k", "profile": [], "at": 1}, 7],
)
def test_what_is_no_snapshot_is_refused(payload: Any) -> None:
    with pytest.raises(InvalidData):
        CompanySnapshot.from_envelope(carrying(CAUSE, encode(payload)))


DELIVERY = Delivery(
    delivery_id="notif_1/c1/0", event_id="notif_1", kind="event", name="ticket_created",
    customer_id="größe-1", mapping_version="abc", received_at=2000, occurred_at=1000,
    body=b'{"type":"event"}', config="eu",
)  # fmt: skip


def test_a_delivery_comes_back() -> None:
    key = DELIVERY.customer_id.encode()
    assert Delivery.from_record(key, DELIVERY.body, DELIVERY.headers()) == DELIVERY


def test_a_merge_goes_on_to_the_elements_of_the_other_user() -> None:
    merge = replace(DELIVERY, kind="merge", name="", customer_id="intercom:c1", then="größe-1")
    key = merge.customer_id.encode()
    assert Delivery.from_record(key, merge.body, merge.headers()) == merge
    onward = merge.onward()
    assert (onward.customer_id, onward.then, onward.delivery_id) == ("größe-1", "", merge.delivery_id)
    assert Delivery.from_record("größe-1".encode(), onward.body, onward.headers()) == onward


def test_a_delivery_from_before_there_were_configurations_belongs_to_the_default_one() -> None:
    headers = [header for header in DELIVERY.headers() if header[0] != "config"]
    assert Delivery.from_record(b"u1", b"{}", headers).config == ""


@pytest.mark.parametrize("name", [name for name, _ in DELIVERY.headers() if name != "config"])
def test_a_delivery_without_a_header_is_refused_by_its_name(name: str) -> None:
    headers = [header for header in DELIVERY.headers() if header[0] != name]
    with pytest.raises(InvalidRecord, match=name):
        Delivery.from_record(b"u1", b"{}", headers)


@pytest.mark.parametrize(("key", "value"), [(None, b"{}"), (b"", b"{}"), (b"u1", None), (b"u1", b"")])
def test_a_delivery_needs_a_customer_and_a_body(key: bytes | None, value: bytes | None) -> None:
    with pytest.raises(InvalidRecord, match="customer id"):
        Delivery.from_record(key, value, DELIVERY.headers())


def test_a_delivery_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="kind"):
        Delivery.from_record(b"u1", b"{}", [*DELIVERY.headers(), ("kind", b"parcel")])


def test_a_dead_letter_keeps_what_the_record_had() -> None:
    letter = DeadLetter(
        stage="deliver", reason="never", topic="moengage.deliveries", partition=3, offset=17,
        failed_at=5000, answer_status=400, request_id="r1",
    )  # fmt: skip
    headers = letter.headers(DELIVERY.headers())
    assert headers[-len(DELIVERY.headers()) :] == DELIVERY.headers()
    ours = {name: value for name, value in headers if name.startswith("dead_letter.")}
    assert ours == {
        "dead_letter.stage": b"deliver",
        "dead_letter.reason": b"never",
        "dead_letter.topic": b"moengage.deliveries",
        "dead_letter.partition": b"3",
        "dead_letter.offset": b"17",
        "dead_letter.failed_at": b"5000",
        "dead_letter.answer_status": b"400",
        "dead_letter.request_id": b"r1",
    }
