"""A contact's ids and its end: what is merged, what is deleted, in which order MoEngage hears of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline import OneStage, Pipeline, delivered, to
from records import (
    BEGAN,
    Json,
    company_updated,
    contact,
    contact_updated,
    partner,
    record_of,
    state,
    ticket,
    webhook,
)

from events.elements import Delivery
from events.envelope import Envelope
from events.keys import partition_for
from events.rows import ContactRow
from events.topics import CONTACTS, DELIVERIES
from mappings.merging import Merges
from mappings.rules import RuleSet, load
from moengage.bodies import read_merge, transition
from moengage.sandbox.store import Store
from moengage.sandbox.validation import Reader, read_deletion, read_merges
from streams.stages import customer_ids
from streams.stages.contacts import Contacts
from streams.stages.stage import Step

RULES: dict[str, RuleSet] = {
    "off": load(merges="off"),
    "intercom_ids": load(),
    "all": load(merges="all"),
    "deletes": load(deletes=True),
}


class Contact(OneStage):
    """The stage, and contacts in it."""

    def __init__(self, rules: str = "intercom_ids") -> None:
        super().__init__(Contacts(lambda _: RULES[rules]))

    def hear(self, *envelopes: Envelope, contact_id: str = "c1") -> Step:
        return self.take(*[record_of(one, contact_id) for one in envelopes])

    def row(self, contact_id: str = "c1") -> ContactRow:
        raw = self.rows.get(contact_id.encode())
        assert raw is not None
        return ContactRow.decode(raw)


def lead(at: float, contact_id: str = "c1", **fields: Any) -> Envelope:
    item = contact(contact_id, at=at, role="lead", **{"external_id": f"uuid-{contact_id}", **fields})
    return webhook("contact.lead.updated", item, at=at)


def signed_up(at: float, contact_id: str = "c1") -> Envelope:
    item = contact(contact_id, at=at, external_id=f"cust-{contact_id}")
    return webhook("contact.lead.signed_up", item, at=at)


def merged(at: float, into: str = "c1", gone: str = "c2", **fields: Any) -> Envelope:
    item = contact(into, at=at, **fields) | {"merged_from": {"type": "contact", "id": gone}}
    return webhook("contact.merged", item, at=at)


def deleted(at: float, contact_id: str = "c1") -> Envelope:
    return webhook("contact.deleted", {"type": "contact", "id": contact_id, "deleted": True}, at=at)


def ticket_of(contact_id: str, at: float) -> Envelope:
    item = ticket(
        state("submitted"), at=at, ticket_id=f"t{at}", contacts=[{"type": "contact", "id": contact_id}]
    )
    return webhook("ticket.created", item, at=at)


def handed(step: Step) -> list[str]:
    """What goes out: kind and customer, of a merge both."""
    return [
        f"merge {one.customer_id} > {one.then}"
        if one.kind == "merge"
        else f"{one.kind} {one.customer_id}"
        for one in delivered(step)
    ]


# -- a contact's id changes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("off", ["user cust-c1"]),
        ("intercom_ids", ["user cust-c1", "merge uuid-c1 > cust-c1"]),
        ("all", ["user cust-c1", "merge uuid-c1 > cust-c1"]),
    ],
)
def test_a_lead_that_signs_up(rules: str, expected: list[str]) -> None:
    stage = Contact(rules)
    assert handed(stage.hear(lead(1))) == ["user uuid-c1"]
    assert handed(stage.hear(signed_up(2))) == expected
    assert handed(stage.hear(contact_updated(at=3, external_id="cust-c1", name="A"))) == ["user cust-c1"]


def test_a_merge_is_a_body_of_its_own_with_an_id_of_its_own() -> None:
    stage = Contact()
    stage.hear(lead(1))
    user, merge = delivered(stage.hear(signed_up(2)))
    assert json.loads(merge.body) == {
        "merge_data": [{"retained_user": "cust-c1", "merged_user": "uuid-c1"}]
    }
    assert merge.event_id == user.event_id
    assert merge.delivery_id != user.delivery_id


def test_an_external_id_that_is_set_later() -> None:
    stage = Contact()
    stage.hear(contact_updated(at=1, external_id=None))
    step = stage.hear(contact_updated(at=2, external_id="cust-5"))
    assert handed(step) == ["user cust-5", "merge intercom:c1 > cust-5"]


@pytest.mark.parametrize(("rules", "merge"), [("intercom_ids", []), ("all", ["merge cust-5 > cust-6"])])
def test_an_id_of_the_customers_own_that_is_corrected(rules: str, merge: list[str]) -> None:
    stage = Contact(rules)
    stage.hear(contact_updated(at=1, external_id="cust-5"))
    assert handed(stage.hear(contact_updated(at=2, external_id="cust-6"))) == ["user cust-6", *merge]


@pytest.mark.parametrize("rules", ["intercom_ids", "all"])
def test_a_contact_that_loses_its_external_id_takes_no_user_with_it(rules: str) -> None:
    stage = Contact(rules)
    stage.hear(contact_updated(at=1, external_id="cust-5"))
    step = stage.hear(contact_updated(at=2, external_id=None))
    assert handed(step) == ["user intercom:c1"]
    back = stage.hear(contact_updated(at=3, external_id="cust-5"))
    assert handed(back) == ["user cust-5", "merge intercom:c1 > cust-5"]


def test_nothing_is_merged_before_there_is_a_user_to_merge_into() -> None:
    """A rule set that makes nothing of the change hands on nothing; the next element brings the merge."""
    stage = Contact()
    stage.hear(lead(1))
    stage.stage = Contacts(lambda _: RuleSet("none", ("external_id", "intercom_id"), ()))
    assert handed(stage.hear(signed_up(2))) == []
    stage.stage = Contacts(lambda _: RULES["intercom_ids"])
    step = stage.hear(ticket_of("c1", 3))
    assert handed(step) == ["event cust-c1", "merge uuid-c1 > cust-c1"]


def test_an_id_that_a_connectors_body_names_is_not_the_contacts() -> None:
    stage = Contact("all")
    stage.hear(contact_updated(at=1, external_id=None))
    body = {"intercom_id": "c1", "customer_id": "theirs", "u_fn": "Ada"}
    assert handed(stage.hear(partner(body, received=900))) == ["user theirs"]
    assert stage.row().customer_id == "intercom:c1"


def test_a_connectors_body_without_an_id_goes_to_the_contacts_own() -> None:
    stage = Contact()
    body = {"intercom_id": "c1", "u_fn": "Ada"}
    assert handed(stage.hear(partner(body, received=1))) == ["user intercom:c1"]
    step = stage.hear(contact_updated(at=900))
    assert handed(step) == ["user user-c1", "merge intercom:c1 > user-c1"]


# -- two contacts are merged in Intercom --------------------------------------------------------


def told(step: Step) -> list[tuple[str, str]]:
    """(contact, customer id) of every message that a contact was merged."""
    return [
        (out.key.decode(), json.loads(out.value or b"{}")["customer_id"]) for out in to(step, CONTACTS)
    ]


def test_the_contact_that_goes_tells_the_one_that_is_left() -> None:
    stage = Contact()
    stage.hear(lead(1, "c2"), contact_id="c2")
    step = stage.hear(merged(2), contact_id="c2")
    assert (told(step), handed(step)) == ([("c1", "uuid-c2")], [])
    assert told(stage.hear(merged(3, name="Again"), contact_id="c2")) == []


@pytest.mark.parametrize(
    ("rules", "external_id", "goes"),
    [
        ("off", "a-uuid", False), ("intercom_ids", "a-uuid", True), ("all", "a-uuid", True),
        ("intercom_ids", None, True),
    ],
)  # fmt: skip
def test_a_lead_that_is_merged(rules: str, external_id: str | None, goes: bool) -> None:
    stage = Contact(rules)
    stage.hear(lead(1, "c2", external_id=external_id), contact_id="c2")
    step = stage.hear(merged(2), contact_id="c2")
    assert told(step) == ([("c1", external_id or "intercom:c2")] if goes else [])
    # What comes of it later goes to the contact that is left, if anything does.
    later = stage.hear(ticket_of("c2", 3), contact_id="c2")
    assert handed(later) == [f"event {'user-c1' if goes else external_id}"]


def test_the_user_of_a_contact_under_an_id_of_the_customers_own_stays() -> None:
    stage = Contact()
    stage.hear(contact_updated("c2", at=1), contact_id="c2")
    assert told(stage.hear(merged(2), contact_id="c2")) == []
    assert handed(stage.hear(ticket_of("c2", 3), contact_id="c2")) == ["event user-c2"]


def test_a_merged_contact_is_no_user_any_more() -> None:
    """Older news of it must not change the user that it became part of; its companies let go of it."""
    stage = Contact()
    stage.hear(lead(1, "c2", companies=["k1"]), contact_id="c2")
    step = stage.hear(merged(3), contact_id="c2")
    assert [out.key for out in to(step, "intercom.companies")] == [b"k1"]
    assert handed(stage.hear(lead(9, "c2", name="Late"), contact_id="c2")) == []


def test_the_contact_that_is_left_merges_what_it_is_told() -> None:
    pipeline = Pipeline(RULES["intercom_ids"], partitions=1)
    pipeline.feed([contact_updated(at=1), lead(1, "c2"), merged(2, name="Both")])
    pipeline.run()
    assert [(one.kind, one.customer_id, one.then) for one in pipeline.deliveries()] == [
        ("user", "user-c1", ""), ("user", "uuid-c2", ""), ("user", "user-c1", ""),
        ("merge", "uuid-c2", "user-c1"),
    ]  # fmt: skip


def test_what_is_told_waits_for_the_first_element() -> None:
    row = ContactRow("c1")
    assert customer_ids.taken_in(row, "uuid-c2") == ""
    assert customer_ids.taken_in(row, "uuid-c2") == ""
    assert customer_ids.handed_on(row, "user-c1", "intercom_ids") == ["uuid-c2"]
    assert customer_ids.handed_on(row, "user-c1", "intercom_ids") == []
    assert customer_ids.taken_in(row, "uuid-c3") == "user-c1"
    assert customer_ids.taken_in(row, "user-c1") == ""


def test_a_contact_that_was_merged_itself_passes_on_what_it_took_in() -> None:
    row = ContactRow("c1")
    customer_ids.taken_in(row, "uuid-c2")
    assert customer_ids.merged_away(row, "user-c9", "intercom_ids") == ["uuid-c2"]
    assert customer_ids.taken_in(row, "uuid-c3") == "user-c9"


def test_ids_that_wait_are_bounded() -> None:
    row = ContactRow("c1")
    for number in range(60):
        customer_ids.taken_in(row, f"uuid-{number}")
    assert len(row.merging) == 50


def test_a_merge_that_does_not_name_the_contact_that_went() -> None:
    """As captured payloads do not."""
    stage = Contact()
    item = contact(at=2)
    assert handed(stage.hear(webhook("contact.merged", item, at=2))) == ["user user-c1"]


# -- a contact is deleted -----------------------------------------------------------------------


def test_a_deletion_is_handed_on_where_it_is_asked_for() -> None:
    stage = Contact("deletes")
    stage.hear(contact_updated(at=1))
    step = stage.hear(deleted(2))
    assert handed(step) == ["delete user-c1"]
    [made] = delivered(step)
    assert json.loads(made.body) == {"identity_type": "customer_id", "identity_value": "user-c1"}
    assert handed(stage.hear(deleted(3), contact_updated(at=4))) == []


def test_without_being_asked_nothing_is_deleted() -> None:
    stage = Contact("all")
    stage.hear(contact_updated(at=1))
    assert handed(stage.hear(deleted(2))) == []
    # Nor later, by an event of a contact that ended before.
    stage.stage = Contacts(lambda _: RULES["deletes"])
    assert handed(stage.hear(ticket_of("c1", 3))) == []


def test_what_was_never_delivered_is_not_deleted() -> None:
    assert handed(Contact("deletes").hear(deleted(1))) == []


def test_the_id_that_was_delivered_is_deleted_not_the_one_that_is_told() -> None:
    stage = Contact("deletes")
    stage.hear(lead(1))
    stage.stage = Contacts(lambda _: RuleSet("none", ("external_id", "intercom_id"), (), deletes=True))
    stage.hear(signed_up(2))
    assert handed(stage.hear(deleted(3))) == ["delete uuid-c1"]


def test_the_end_of_a_merged_contact_is_not_the_end_of_the_person() -> None:
    stage = Contact("deletes")
    stage.hear(lead(1, "c2"), contact_id="c2")
    stage.hear(merged(2), contact_id="c2")
    assert handed(stage.hear(deleted(3, "c2"), contact_id="c2")) == []
    assert handed(stage.hear(ticket_of("c2", 4), contact_id="c2")) == ["event user-c1"]


# -- the order in which MoEngage hears of it ----------------------------------------------------


class MoEngage:
    """Delivers what a pipeline handed on, partition by partition in any order, to the sandbox's store."""

    def __init__(self, handed_on: Iterable[Delivery], partitions: int) -> None:
        self.partitions = partitions
        self.lanes: dict[int, list[Delivery]] = {p: [] for p in range(partitions)}
        self.store = Store()
        self.merges: list[str] = []
        for one in handed_on:
            self._append(one)

    def _append(self, one: Delivery) -> None:
        self.lanes[partition_for(one.customer_id.encode(), self.partitions)].append(one)

    def run(self, draw: Any) -> None:
        while ready := [p for p, lane in self.lanes.items() if lane]:
            self._take(self.lanes[draw(st.sampled_from(ready))].pop(0))

    def _take(self, one: Delivery) -> None:
        now_ms = (BEGAN + 10_000_000) * 1000
        if one.kind == "merge" and one.then:
            self._append(one.onward())
        elif one.kind == "merge":
            merge = read_merge(one.body)
            assert self.store.user(merge.customer_id, now_ms=now_ms), "there is one to merge into"
            if self.store.user(merge.merged_id, now_ms=now_ms):
                self.merges.append(merge.merged_id)
            self.store.merge(read_merges(one.body), now_ms=now_ms)
        elif one.kind == "delete":
            self.store.delete(read_deletion(one.body), now_ms=now_ms)
        else:
            reader = Reader(now_ms, now_ms)
            self.store.take(reader.bulk(transition([one.body])), reader.dropped, now_ms=now_ms)

    @property
    def users(self) -> set[str]:
        return {user.customer_id for user in self.store.users(now_ms=0)}

    @property
    def events(self) -> list[str]:
        return [event.customer_id for event in self.store.kept_events(customer_id=None, action=None)]


def scene(*, known: bool) -> list[Envelope]:
    """A user and two leads with tickets and a company; the leads are merged into the user."""
    company: Json = {"companies": ["k1"]}
    return [
        *([contact_updated(at=1)] if known else []),
        company_updated(at=1),
        lead(1, "c2", **company),
        ticket_of("c2", 2),
        lead(2, "c3"),
        ticket_of("c3", 3),
        lead(4, "c2", name="Ana", **company),
        merged(5, gone="c2", **company),
        merged(6, gone="c3", name="All", **company),
        ticket_of("c2", 7),
        ticket_of("c1", 8),
        company_updated(at=9, name="Later"),
    ]


@given(st.data(), st.integers(1, 4), st.booleans(), st.sampled_from(["intercom_ids", "all"]))
@settings(deadline=None, max_examples=150)
def test_whatever_the_order_of_partitions_one_user_is_left_with_everything(
    data: st.DataObject, partitions: int, known: bool, merges: Merges
) -> None:
    pipeline = Pipeline(RULES[merges], partitions=partitions)
    pipeline.feed(scene(known=known))
    pipeline.run(lambda ready: data.draw(st.sampled_from(ready)), chunk=data.draw(st.integers(1, 4)))
    assert pipeline.records(DELIVERIES)
    moengage = MoEngage(pipeline.deliveries(), partitions)
    moengage.run(data.draw)
    assert moengage.users == {"user-c1"}
    assert moengage.events == ["user-c1"] * 4
    assert set(moengage.merges) <= {"uuid-c2", "uuid-c3"}


@given(st.data(), st.integers(1, 4))
@settings(deadline=None, max_examples=100)
def test_a_lead_that_signs_up_is_one_user_in_the_end(data: st.DataObject, partitions: int) -> None:
    told = [lead(1), ticket_of("c1", 2), signed_up(3), ticket_of("c1", 4), contact_updated(
        at=5, external_id="cust-c1", name="Last"
    )]  # fmt: skip
    pipeline = Pipeline(RULES["intercom_ids"], partitions=partitions)
    pipeline.feed(told)
    pipeline.run(lambda ready: data.draw(st.sampled_from(ready)), chunk=data.draw(st.integers(1, 4)))
    moengage = MoEngage(pipeline.deliveries(), partitions)
    moengage.run(data.draw)
    assert moengage.users == {"cust-c1"}
    assert moengage.events == ["cust-c1"] * 2
    assert moengage.merges == ["uuid-c1"]
    user = moengage.store.user("cust-c1", now_ms=0)
    assert user is not None
    assert user.attributes["u_n"] == "Last"
