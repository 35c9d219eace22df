"""contacts: what becomes of an event, by what the contact's row knows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pipeline import RULES, OneStage, bodies, delivered, to, told_companies, user
from records import (
    NOW_MS,
    Json,
    Record,
    attached,
    company_in_part,
    company_list,
    contact,
    contact_updated,
    detached,
    iso,
    moved_part,
    ms,
    partner,
    record_of,
    snapshot,
    state,
    ticket,
    webhook,
)

from events.envelope import Envelope
from events.errors import InvalidRecord
from events.rows import ContactRow
from events.topics import CONTACTS, DEAD_LETTERS, DELIVERIES
from mappings.rules import load
from streams.stages import handing_on
from streams.stages.contacts import Contacts
from streams.stages.stage import Step


class Contact(OneStage):
    """The stage, and contact c1 in it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(Contacts(lambda _: RULES, **settings))

    def hear(self, *envelopes: Envelope, contact_id: str = "c1") -> Step:
        return self.take(*[record_of(one, contact_id) for one in envelopes])

    @property
    def row(self) -> ContactRow:
        raw = self.rows.get(b"c1")
        assert raw is not None
        return ContactRow.decode(raw)


@pytest.fixture
def stage() -> Contact:
    return Contact()


BROOK: Json = {"company_id": "own-k1", "name": "Brook", "plan": {"name": "Gold"}}


def names(step: Step) -> list[str]:
    """The names of the events that a step hands on."""
    return [one.name for one in delivered(step) if one.kind == "event"]


# -- users --------------------------------------------------------------------------------------


def test_a_user_is_handed_on_by_its_customer_id(stage: Contact) -> None:
    event = contact_updated(at=1)
    step = stage.hear(event)
    [out] = to(step, DELIVERIES)
    [made] = delivered(step)
    assert out.key == b"user-c1"
    assert (made.kind, made.name, made.event_id) == ("user", "", event.event_id)
    assert made.delivery_id.startswith(event.event_id)
    assert (made.received_at, made.mapping_version) == (event.received_at, RULES.version)
    assert json.loads(made.body)["customer_id"] == "user-c1"
    assert user(step)["u_n"] == "Name c1"


def test_a_chunk_has_one_version_of_the_mapping() -> None:
    """However many events it has; a changed mapping takes over at its edge."""
    in_force = iter([RULES, replace(RULES, version="next")])
    stage = OneStage(Contacts(lambda *_: next(in_force)))
    chunks = [[record_of(contact_updated(one, at=1), one) for one in names] for names in ("abc", "de")]
    versions = [[one.mapping_version for one in delivered(stage.take(*chunk))] for chunk in chunks]
    assert versions == [[RULES.version] * 3, ["next"] * 2]


def test_a_user_that_stays_as_it_was_is_not_sent_again(stage: Contact) -> None:
    stage.hear(contact_updated(at=1))
    step = stage.hear(contact_updated(at=2, workspace_id="ws2", owner_id=7))
    assert step.out == []
    assert step.counts["user_unchanged"] == 1
    assert user(stage.hear(contact_updated(at=3, name="Ada")))["u_n"] == "Ada"


def test_what_is_told_of_the_moment_alone_makes_no_later_update(stage: Contact) -> None:
    """Neither is sent again: MoEngage keeps what it was told."""
    gone = {"type": "contact", "id": "c1", "external_id": "user-c1", "archived": True}
    tag = {"type": "contact_tag", "tag": {"id": "3", "name": "VIP"}, "contact": contact(at=2)}
    stage.hear(contact_updated(at=1))
    assert user(stage.hear(webhook("contact.archived", gone, at=2)))["intercom_archived"] is True
    assert stage.hear(contact_updated(at=3)).out == []
    assert "intercom_last_tag_added" in user(
        stage.hear(webhook("contact.user.tag.created", tag | {"contact": contact(at=4)}, at=4))
    )
    assert stage.hear(contact_updated(at=5)).counts["user_unchanged"] == 1
    assert user(stage.hear(contact_updated(at=6, name="Ada")))["u_n"] == "Ada"
    assert user(stage.hear(contact_updated(at=7)))["u_n"] == "Name c1"


def test_what_the_moment_alone_changed_is_put_right_by_the_next_update(tmp_path: Path) -> None:
    rules = """
rules:
  - {when: contact, user: true, attributes: {u_n: contact.name, mood: {value: fine}}}
  - {when: contact_archived, user: true, attributes: {mood: {value: gone}}}
"""
    (tmp_path / "own.yaml").write_text(rules)
    own = load(tmp_path)
    stage = OneStage(Contacts(lambda *_: own))
    gone = webhook("contact.archived", {"type": "contact", "id": "c1", "archived": True}, at=2)
    moods = [
        user(stage.take(record_of(told)))["mood"]
        for told in (contact_updated(at=1), gone, contact_updated(at=3))
    ]
    assert moods == ["fine", "gone", "fine"]


def test_a_field_told_as_null_is_no_more_sent(stage: Contact) -> None:
    assert "u_mb" in user(stage.hear(contact_updated(at=1, phone="+47 22 33 44 55")))
    assert "u_mb" not in user(stage.hear(contact_updated(at=2, phone=None, name="Ada")))


def test_an_older_update_is_ignored(stage: Contact) -> None:
    stage.hear(contact_updated(at=5, name="New"))
    step = stage.hear(contact_updated(at=4, name="Old"))
    assert step.out == []
    assert step.counts["stale"] == 1
    assert stage.row.profile["name"] == "New"


def test_the_same_notification_counts_once(stage: Contact) -> None:
    event = contact_updated(at=1, event_id="notif_1")
    step = stage.hear(event, event)
    assert len(step.out) == 1
    assert step.counts["duplicates"] == 1
    again = stage.hear(event, contact_updated(at=9, name="Ada", event_id="notif_1"))
    assert (again.out, again.counts) == ([], {"duplicates": 2})


def test_a_chunk_writes_a_row_once_with_everything_in_it(stage: Contact) -> None:
    step = stage.hear(contact_updated(at=1), contact_updated(at=2, name="Ada"), contact_updated(at=3))
    assert [body["attributes"]["u_n"] for body in bodies(step)] == ["Name c1", "Ada", "Name c1"]
    assert stage.row.updated_at == ms(3)


def test_contacts_of_a_chunk_do_not_mix(stage: Contact) -> None:
    step = stage.take(
        record_of(contact_updated("c1", at=1), "c1"),
        record_of(contact_updated("c2", at=2), "c2"),
        record_of(contact_updated("c1", at=3, name="Ada"), "c1"),
    )
    assert [one.customer_id for one in delivered(step)] == ["user-c1", "user-c2", "user-c1"]


def test_a_lead_that_becomes_a_user_is_sent_under_its_new_id(stage: Contact) -> None:
    lead = webhook("contact.lead.created", contact(at=1, role="lead", external_id="a-uuid"), at=1)
    assert [one.customer_id for one in delivered(stage.hear(lead))] == ["a-uuid"]
    step = stage.hear(contact_updated(at=2, external_id="cust-5"))
    assert [(one.kind, one.customer_id) for one in delivered(step)] == [
        ("user", "cust-5"), ("merge", "a-uuid"),
    ]  # fmt: skip
    assert user(step)["intercom_role"] == "user"


@pytest.mark.parametrize(
    ("topic", "item"),
    [
        (
            "contact.user.tag.created",
            {"type": "contact_tag", "tag": {"id": "3"}, "contact": contact(at=2)},
        ),
        ("contact.unsubscribed", {"contact": contact(at=2), "subscription_types": {"data": []}}),
        (
            "visitor.signed_up",
            {"type": "visitor", "id": "c1", "user_id": "user-c1", "updated_at": iso(2)},
        ),
    ],
)
def test_a_contact_inside_an_item_is_taken_in(stage: Contact, topic: str, item: Json) -> None:
    step = stage.hear(webhook(topic, item, at=2))
    assert [one.customer_id for one in delivered(step)] == ["user-c1"]
    assert stage.row.updated_at == ms(2)


@pytest.mark.parametrize(
    ("topic", "holder"),
    [("ticket.contact.attached", "ticket"), ("conversation.contact.attached", "conversation")],
)
def test_another_contact_in_the_payload_leaves_this_one_alone(
    stage: Contact, topic: str, holder: str
) -> None:
    """The ticket or conversation lists both contacts, so both get the event."""
    stage.hear(contact_updated(at=1))
    listed = {"id": 215, "contacts": {"contacts": [{"id": "c1"}, {"id": "c2"}]}}
    step = stage.hear(webhook(topic, {holder: listed, "contact": contact("c2", at=5)}, at=5))
    assert stage.row.profile["email"] == "c1@example.com"
    assert bodies(step) == []


def test_a_deleted_contact_becomes_nothing_and_leaves_its_companies(stage: Contact) -> None:
    stage.hear(contact_updated(at=1, companies=["k1", "k2"]))
    gone = webhook("contact.deleted", {"type": "contact", "id": "c1", "deleted": True}, at=5)
    step = stage.hear(gone)
    assert delivered(step) == []
    assert told_companies(step) == [("k1", "c1", False), ("k2", "c1", False)]
    later = stage.hear(
        contact_updated(at=9, name="Ada"), webhook("ticket.created", ticket("submitted", at=9), at=9)
    )
    assert later.out == []


def test_a_deleted_contact_joins_no_company(stage: Contact) -> None:
    gone = {"type": "contact", "id": "c1", "deleted": True}
    stage.hear(webhook("contact.deleted", gone, at=5))
    late = attached(contact(at=1, companies=["k1"]), company_in_part(at=1), at=1)
    assert told_companies(stage.hear(late)) == []


def test_an_archived_contact_stays_known(stage: Contact) -> None:
    stage.hear(contact_updated(at=1))
    item = {"type": "contact", "id": "c1", "external_id": "user-c1", "archived": True}
    stage.hear(webhook("contact.archived", item, at=5))
    assert stage.row.profile["name"] == "Name c1"
    assert "archived" not in stage.row.profile  # nothing would say that it came back
    assert not stage.row.deleted


def test_an_event_that_nothing_is_mapped_from_is_counted(stage: Contact) -> None:
    step = stage.hear(webhook("contact.deleted", {"id": "c1", "type": "contact", "deleted": True}, at=1))
    assert (step.out, step.counts) == ([], {"unmapped": 1})


# -- companies ----------------------------------------------------------------------------------


def test_memberships_that_begin_or_end_are_told_once(stage: Contact) -> None:
    assert told_companies(stage.hear(contact_updated(at=1, companies=["k1", "k2"]))) == [
        ("k1", "c1", True), ("k2", "c1", True),
    ]  # fmt: skip
    assert told_companies(stage.hear(contact_updated(at=2, companies=["k1", "k2"], name="A"))) == []
    assert told_companies(stage.hear(contact_updated(at=3, companies=["k2", "k3"]))) == [
        ("k3", "c1", True), ("k1", "c1", False),
    ]  # fmt: skip


def test_a_list_with_more_ends_nothing(stage: Contact) -> None:
    stage.hear(contact_updated(at=1, companies=["k1"]))
    item = contact(at=2) | {"companies": company_list("k2", has_more=True)}
    assert told_companies(stage.hear(webhook("contact.user.updated", item, at=2))) == [("k2", "c1", True)]


def test_a_detached_company_is_left_though_the_list_still_shows_it(stage: Contact) -> None:
    stage.hear(attached(contact(at=1, companies=["k1"]), company_in_part(at=1), at=1))
    stage.take(snapshot(BROOK, 1))
    step = stage.hear(detached(contact(at=5, companies=["k1"]), company_in_part(at=5), at=5))
    assert told_companies(step) == [("k1", "c1", False)]
    assert user(step)["company_count"] == 0


def test_an_attached_company_is_joined_though_the_contact_is_old_news(stage: Contact) -> None:
    stage.hear(contact_updated(at=9))
    step = stage.hear(attached(contact(at=1, companies=["k1"]), company_in_part(at=10), at=10))
    assert told_companies(step) == [("k1", "c1", True)]
    assert stage.row.updated_at == ms(9)


def test_a_list_that_came_late_still_tells_of_other_companies(stage: Contact) -> None:
    """Nothing newer said anything of k1 but the list in the attachment of k2, which counts as well."""
    stage.hear(attached(contact(at=20, companies=["k1", "k2"]), company_in_part("k2", at=20), at=20))
    stage.hear(contact_updated(at=10, companies=["k1"]))
    assert {one for one, tie in stage.row.companies.items() if tie.member} == {"k1", "k2"}


def test_the_join_is_mapped_when_the_snapshot_comes(stage: Contact) -> None:
    stage.hear(contact_updated(at=1, companies=["k1"]))
    step = stage.take(snapshot(BROOK, 5))
    assert user(step)["company_name"] == "Brook"
    assert stage.take(snapshot(BROOK, 6)).counts["user_unchanged"] == 1
    assert stage.take(snapshot({"name": "Old"}, 4)).counts["stale"] == 1


def test_a_snapshot_for_somebody_who_is_no_member_is_ignored(stage: Contact) -> None:
    stage.hear(contact_updated(at=1))
    step = stage.take(snapshot(BROOK, 5))
    assert (step.out, step.counts) == ([], {"stale": 1})
    assert stage.row.companies == {}


def test_a_company_that_was_deleted_leaves_the_user(stage: Contact) -> None:
    stage.hear(contact_updated(at=1, companies=["k1"]))
    stage.take(snapshot(BROOK, 5))
    assert user(stage.take(snapshot(None, 6)))["company_count"] == 0


def test_one_company_event_makes_a_delivery_id_for_every_contact(stage: Contact) -> None:
    stage.take(
        record_of(contact_updated("c1", at=1, companies=["k1"]), "c1"),
        record_of(contact_updated("c2", at=1, companies=["k1"]), "c2"),
    )
    step = stage.take(snapshot(BROOK, 5), snapshot(BROOK, 5, contact_id="c2"))
    assert len({one.delivery_id for one in delivered(step)}) == 2
    assert len({one.event_id for one in delivered(step)}) == 1


# -- tickets ------------------------------------------------------------------------------------


def moved(
    before: str, after: str, at: float, topic: str = "ticket.state.updated", **fields: Any
) -> Envelope:
    item = ticket(state(after), at=at, parts=[moved_part(before, after, at)], **fields)
    return webhook(topic, {"ticket": item} if topic == "ticket.closed" else item, at=at)


def test_a_ticket_and_its_moves_become_events(stage: Contact) -> None:
    stage.hear(contact_updated(at=0))
    made = stage.hear(webhook("ticket.created", ticket(state("submitted"), at=1), at=1))
    assert names(made) == ["ticket_created"]
    step = stage.hear(moved("submitted", "in_progress", 61))
    [event] = bodies(step, "event")
    [action] = event["actions"]
    assert (event["customer_id"], action["action"]) == ("user-c1", "ticket_state_changed")
    told = action["attributes"]
    assert (told["state_from"], told["state_to"]) == ("submitted", "in_progress")
    assert told["seconds_in_previous_state"] == 61  # since it was made
    assert told["ticket_number"] == "42"
    assert delivered(step)[0].occurred_at == ms(61)


def test_a_move_that_is_none_is_no_event(stage: Contact) -> None:
    stage.hear(webhook("ticket.created", ticket(state("submitted"), at=1), at=1))
    step = stage.hear(moved("submitted", "submitted", 2))
    assert step.out == []
    assert step.counts["no_change"] == 1


def test_one_change_by_two_topics_is_one_event(stage: Contact) -> None:
    step = stage.hear(
        webhook("ticket.created", ticket(state("submitted"), at=1), at=1),
        moved("in_progress", "resolved", 9, "ticket.closed"),
        moved("in_progress", "resolved", 9),
    )
    assert names(step) == ["ticket_created", "ticket_state_changed"]


def test_a_move_before_its_creation_and_one_that_is_late(stage: Contact) -> None:
    step = stage.hear(
        moved("in_progress", "resolved", 9),
        moved("submitted", "in_progress", 5),
        webhook("ticket.created", ticket(state("submitted"), at=1), at=1),
    )
    assert names(step) == ["ticket_state_changed", "ticket_created"]


def test_a_ticket_that_is_reopened_says_how_often(stage: Contact) -> None:
    step = stage.hear(
        webhook("ticket.created", ticket("submitted", at=1), at=1),
        moved("submitted", "resolved", 2),
        moved("resolved", "in_progress", 3),
    )
    [*_, last] = bodies(step, "event")
    assert last["actions"][0]["attributes"]["reopened_count"] == 1


def test_states_as_strings_are_read_too(stage: Contact) -> None:
    step = stage.hear(
        webhook("ticket.created", ticket("submitted", at=1), at=1),
        webhook("ticket.state.updated", ticket("resolved", at=2), at=2),
    )
    [*_, last] = bodies(step, "event")
    assert last["actions"][0]["attributes"]["state_to"] == "resolved"


@pytest.mark.parametrize(
    ("reference", "customer"),
    [
        ({"type": "contact", "id": "c1", "external_id": "cust-9"}, "cust-9"),
        ({"id": "c1", "role": "user"}, "intercom:c1"),
    ],
)
def test_a_ticket_of_an_unknown_contact_uses_the_reference(
    stage: Contact, reference: Json, customer: str
) -> None:
    others = {"type": "contact", "id": "c7", "external_id": "cust-7"}
    item = ticket(state("submitted"), at=1, contacts=[others, reference])
    step = stage.hear(webhook("ticket.created", item, at=1))
    assert [one.customer_id for one in delivered(step)] == [customer]


def test_an_event_carries_the_company_of_the_contact(stage: Contact) -> None:
    stage.hear(contact_updated(at=1, companies=["k1"]))
    stage.take(snapshot(BROOK, 2))
    step = stage.hear(webhook("ticket.created", ticket(state("submitted"), at=3), at=3))
    [event] = bodies(step, "event")
    assert event["actions"][0]["attributes"]["company_name"] == "Brook"


def test_the_contact_beside_a_ticket_that_cannot_be_read_is_still_a_user(stage: Contact) -> None:
    item = {"ticket": {"id": None}, "contact": contact(at=2)}
    assert len(bodies(stage.hear(webhook("ticket.contact.attached", item, at=2)))) == 1


def test_campaigns_may_be_asked_to_start_at_once() -> None:
    stage = Contact(real_time_action=("default",))
    step = stage.hear(webhook("ticket.created", ticket("submitted", at=1), at=1))
    assert bodies(step, "event")[0]["actions"][0]["real_time_action"] == "true"


# -- connectors ---------------------------------------------------------------------------------


def test_a_connectors_user_goes_on_as_given(stage: Contact) -> None:
    body = {"type": "customer", "customer_id": "u-5", "intercom_id": "c1", "u_fn": "Ada", "Plan": "Pro"}
    step = stage.hear(partner(body, received=5))
    [made] = delivered(step)
    assert (made.kind, made.customer_id, made.received_at) == ("user", "u-5", ms(5))
    assert user(step)["u_fn"] == "Ada"
    assert user(step)["Plan"] == "Pro"


def test_a_connectors_event_is_an_event(stage: Contact) -> None:
    body = {"customer_id": "u-5", "u_fn": "Ada", "event_name": "asked for a call", "topic": "price"}
    step = stage.hear(partner(body, kind="events", received=5), contact_id="customer:u-5")
    assert [one.kind for one in delivered(step)] == ["user", "event"]
    assert names(step) == ["asked_for_a_call"]
    assert len({one.delivery_id for one in delivered(step)}) == 2


def test_the_same_body_within_a_minute_is_one_event(stage: Contact) -> None:
    body = {"intercom_id": "c1", "event_name": "call"}
    step = stage.hear(*[partner(body, kind="event", received=at) for at in (0, 59, 61)])
    assert len(names(step)) == 2
    assert step.counts["duplicates"] == 1


def test_an_older_body_of_a_connector_is_ignored(stage: Contact) -> None:
    def body(name: str, modified: Any) -> Envelope:
        return partner({"intercom_id": "c1", "u_fn": name, "modified_at": modified}, received=900)

    assert len(bodies(stage.hear(body("New", 1_780_000_500)))) == 1
    step = stage.hear(body("Old", "1780000400"))
    assert step.out == []
    assert step.counts["stale"] == 1
    assert len(bodies(stage.hear(body("Same time", 1_780_000_500), body("No time", None)))) == 2


# -- what cannot be used ------------------------------------------------------------------------


def test_poison_becomes_a_dead_letter_and_leaves_the_row_alone(stage: Contact) -> None:
    event = contact_updated(at=1)
    poison = [
        Record(CONTACTS, 1, 5, None, event.payload, event.headers()),
        Record(CONTACTS, 1, 6, b"c1", b"{", event.headers()),
        Record(CONTACTS, 1, 7, b"c1", b"7", event.headers()),
        Record(CONTACTS, 1, 8, b"c1", event.payload, []),
        Record(CONTACTS, 1, 9, b"c1", b"{}", [*event.headers(), ("kind", b"snapshot")]),
    ]
    step = stage.take(*poison)
    letters = to(step, DEAD_LETTERS)
    assert [dict(letter.headers)["dead_letter.offset"] for letter in letters] == [
        b"5", b"6", b"7", b"8", b"9",
    ]  # fmt: skip
    assert {dict(letter.headers)["dead_letter.stage"] for letter in letters} == {b"contacts"}
    assert {dict(letter.headers)["dead_letter.failed_at"] for letter in letters} == {b"%d" % NOW_MS}
    assert stage.rows.get(b"c1") is None
    assert len(delivered(stage.hear(event))) == 1  # it was no duplicate


def test_what_is_refused_half_way_leaves_no_trace_and_acts_when_it_comes_again(
    monkeypatch: pytest.MonkeyPatch, stage: Contact
) -> None:
    """A redrive of it must be no duplicate, and its user no user that was sent already."""
    first = contact_updated(at=1)
    poison = contact_updated(at=2, name="Ada", companies=["k1"])
    moved = ticket("resolved", at=3, parts=[moved_part("submitted", "resolved", 3)])
    last = webhook("ticket.state.updated", moved, at=3)
    without = Contact()
    without.hear(first, last)

    def refusing(rules: Any, moment: Any, changes: Any) -> Any:
        elements = map_moment(rules, moment, changes)
        if moment.envelope.event_id == poison.event_id:
            list(elements)
            raise InvalidRecord("told to")
        return elements

    map_moment = handing_on.map_moment
    monkeypatch.setattr(handing_on, "map_moment", refusing)
    step = stage.hear(first, poison, last)
    assert len(to(step, DEAD_LETTERS)) == 1
    assert told_companies(step) == []
    assert stage.row == without.row

    monkeypatch.undo()
    again = stage.hear(poison)
    assert user(again)["u_n"] == "Ada"
    assert told_companies(again) == [("k1", "c1", True)]
    assert stage.hear(poison).counts["duplicates"] == 1


def test_a_mapping_that_raises_stops_the_stage(monkeypatch: pytest.MonkeyPatch, stage: Contact) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("streams.stages.handing_on.map_moment", broken)
    with pytest.raises(ZeroDivisionError):
        stage.hear(contact_updated(at=1))
    assert stage.rows.rows == {}


def test_a_payload_deeper_than_a_row_can_be_is_poison_and_no_crash(stage: Contact) -> None:
    """Else one record stops its partition for ever."""
    event = contact_updated(at=1, custom_attributes={"deep": "HERE"})
    deep = event.payload.replace(b'"HERE"', b"[" * 300 + b"]" * 300)
    step = stage.take(Record(CONTACTS, 0, 0, b"c1", deep, event.headers()))
    assert len(to(step, DEAD_LETTERS)) == 1


@pytest.mark.parametrize("contact_part", ["x", 7, []])
def test_a_ticket_never_becomes_a_contact(stage: Contact, contact_part: Any) -> None:
    item = {**ticket("submitted", at=1), "contact": contact_part}
    stage.hear(webhook("ticket.created", item, at=1))
    assert "ticket_state" not in stage.row.profile
