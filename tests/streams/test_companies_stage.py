"""companies: what a company is now, and who must hear of it."""

from __future__ import annotations

from typing import Any

import pytest
from pipeline import OneStage, to, told_contacts
from records import (
    Record,
    attached,
    company,
    company_in_part,
    company_updated,
    contact,
    iso,
    membership,
    ms,
    record_of,
    webhook,
)

from events.envelope import Envelope
from events.joins import CompanySnapshot
from events.rows import CompanyRow, company_key, members_prefix
from events.topics import COMPANIES, CONTACTS, DEAD_LETTERS
from streams.stages.companies import Companies
from streams.stages.stage import Step


class Company(OneStage):
    """The stage, and one company's row in it."""

    def __init__(self) -> None:
        super().__init__(Companies())

    def hear(self, *envelopes: Envelope, company_id: str = "k1") -> Step:
        return self.take(*[record_of(one, company_id, topic=COMPANIES) for one in envelopes])

    @property
    def row(self) -> CompanyRow:
        raw = self.rows.get(company_key("k1"))
        assert raw is not None
        return CompanyRow.decode(raw)


@pytest.fixture
def stage() -> Company:
    """A company k1 named Brook with two members; k2 has another."""
    stage = Company()
    stage.hear(company_updated(at=10))
    stage.hear(company_updated("k2", at=10), company_id="k2")
    stage.take(membership("c1", True, 11), membership("c2", True, 11))
    stage.take(membership("c3", True, 11, company_id="k2"))
    return stage


def deleted(at: float) -> Envelope:
    return webhook("company.deleted", {"type": "company", "id": "k1", "deleted": True}, at=at)


def test_a_new_name_is_told_to_every_member_and_to_nobody_else(stage: Company) -> None:
    event = company_updated(at=20, name="River")
    step = stage.hear(event)
    told = told_contacts(step)
    assert [member for member, _ in told] == ["c1", "c2"]
    assert all(profile and profile["name"] == "River" for _, profile in told)
    envelope = Envelope.from_record(step.out[0].value, step.out[0].headers)
    assert envelope.event_id == event.event_id
    assert envelope.received_at == event.received_at
    assert CompanySnapshot.from_envelope(envelope).at == ms(20)


@pytest.mark.parametrize("change", [{}, {"last_request_at": iso(19)}, {"description": None}])
def test_what_leaves_the_company_as_it_was_is_told_to_nobody(stage: Company, change: Any) -> None:
    step = stage.hear(company_updated(at=20, **change))
    assert (step.out, step.counts) == ([], {"unchanged": 1})
    assert stage.row.updated_at == ms(20)  # what comes from before it is old news


def test_the_same_event_again_changes_nothing(stage: Company) -> None:
    event = company_updated(at=20, name="River")
    stage.hear(event)
    before = dict(stage.rows.rows)
    assert stage.hear(event).out == []
    assert stage.rows.rows == before


def test_an_older_update_is_ignored(stage: Company) -> None:
    assert stage.hear(company_updated(at=9, name="Before")).out == []
    assert stage.hear(company_updated(at=20), company_updated(at=15, name="Between")).out == []
    assert stage.row.profile["name"] == "Brook"


def test_a_payload_that_tells_a_part_keeps_the_rest(stage: Company) -> None:
    event = attached(contact("c9", at=20), company_in_part(at=20, name="River"), at=20)
    told = told_contacts(stage.hear(event))
    assert [member for member, _ in told] == ["c1", "c2"]
    assert stage.row.profile["name"] == "River"
    assert stage.row.profile["plan"]["name"] == "Gold"
    assert stage.row.profile["size"] == 40


def test_a_part_that_comes_before_the_whole_does_not_hide_the_rest() -> None:
    """A company is made and gets its contact in one second, and order is not kept (captured)."""
    stage = Company()
    stage.hear(attached(contact(at=10.2), company_in_part(at=10.2), at=10))
    stage.hear(company_updated(at=10.1))
    assert stage.row.profile["plan"]["name"] == "Gold"


def test_a_null_drops_a_field_and_is_told(stage: Company) -> None:
    step = stage.hear(company_updated(at=20, size=None, plan={}))
    assert len(told_contacts(step)) == 2
    assert not {"size", "plan", "type", "app_id"} & set(stage.row.profile)


def test_who_joins_a_known_company_gets_a_snapshot_alone(stage: Company) -> None:
    [(member, profile)] = told_contacts(stage.take(membership("c9", True, 30)))
    assert member == "c9"
    assert profile is not None
    assert profile["name"] == "Brook"


def test_who_joins_an_unknown_company_hears_of_it_once_it_is_known() -> None:
    stage = Company()
    assert stage.take(membership("c1", True, 5)).out == []
    assert told_contacts(stage.hear(company_updated(at=4)))[0][0] == "c1"


def test_who_left_hears_no_more(stage: Company) -> None:
    assert stage.take(membership("c1", False, 30)).out == []
    told = told_contacts(stage.hear(company_updated(at=40, name="River")))
    assert [member for member, _ in told] == ["c2"]


def test_an_older_membership_is_ignored(stage: Company) -> None:
    stage.take(membership("c1", False, 30))
    assert stage.take(membership("c1", True, 29)).out == []
    told = told_contacts(stage.hear(company_updated(at=40, name="River")))
    assert [member for member, _ in told] == ["c2"]
    assert told_contacts(stage.take(membership("c1", True, 31))) != []


def test_members_of_one_chunk_hear_of_a_change_in_the_same_chunk() -> None:
    stage = Company()
    step = stage.take(membership("c1", True, 5), record_of(company_updated(at=6), "k1", topic=COMPANIES))
    assert [member for member, _ in told_contacts(step)] == ["c1"]


def test_a_deleted_company_is_told_once_and_stays_so(stage: Company) -> None:
    assert told_contacts(stage.hear(deleted(20))) == [("c1", None), ("c2", None)]
    assert stage.hear(deleted(21), company_updated(at=22, name="River")).out == []
    assert told_contacts(stage.take(membership("c8", True, 30))) == [("c8", None)]


def test_a_deletion_is_the_last_word_whatever_its_time(stage: Company) -> None:
    """A notification tells whole seconds, a company milliseconds, and members drop what is older."""
    [before, *_] = stage.hear(company_updated(at=20.7, name="River")).out
    [after, *_] = stage.hear(deleted(20.9)).out
    told = [
        CompanySnapshot.from_envelope(Envelope.from_record(one.value, one.headers))
        for one in (before, after)
    ]
    assert told[1].profile is None
    assert told[1].at >= told[0].at


def test_a_company_whose_id_begins_like_anothers_has_its_own_members() -> None:
    stage = Company()
    stage.take(membership("c1", True, 1), membership("c2", True, 1, company_id="k10"))
    stage.hear(company_updated(at=5))
    assert len(list(stage.rows.scan(members_prefix("k1")))) == 1
    told = told_contacts(stage.hear(company_updated(at=6, name="River")))
    assert [member for member, _ in told] == ["c1"]


def test_no_id_reaches_into_the_members_of_another() -> None:
    stage = Company()
    stage.take(membership("c1", True, 1), membership("c2", True, 1, company_id="k1\0x"))
    told = told_contacts(stage.hear(company_updated(at=5)))
    assert [member for member, _ in told] == ["c1"]


def test_snapshots_go_to_the_topic_of_this_installation() -> None:
    stage = OneStage(Companies("eu."))
    stage.take(membership("c1", True, 1))
    [out] = stage.take(record_of(company_updated(at=5), "k1")).out
    assert out.topic == "eu.intercom.contacts"


def test_poison_becomes_a_dead_letter(stage: Company) -> None:
    good = membership("c9", True, 30)
    poison = [
        Record(COMPANIES, 1, 5, None, good.value, good.headers),
        Record(COMPANIES, 1, 6, b"k1", b'{"contact_id": 5}', good.headers),
        Record(COMPANIES, 1, 7, b"k1", b"{", company_updated(at=40).headers()),
        Record(COMPANIES, 1, 8, b"k1", good.value, [*company_updated(at=1).headers(), ("kind", b"?")]),
    ]
    step = stage.take(*poison, good)
    assert [dict(one.headers)["dead_letter.offset"] for one in to(step, DEAD_LETTERS)] == [
        b"5", b"6", b"7", b"8",
    ]  # fmt: skip
    assert len(to(step, CONTACTS)) == 1
    assert step.counts["dead_lettered"] == 4


def test_a_payload_deeper_than_a_row_can_be_is_poison_and_no_crash(stage: Company) -> None:
    """Else one record stops its partition for ever."""
    body = company_updated(at=30, custom_attributes={"deep": "HERE"})
    deep = body.payload.replace(b'"HERE"', b"[" * 300 + b"]" * 300)
    step = stage.take(Record(COMPANIES, 0, 0, b"k1", deep, body.headers()))
    assert len(to(step, DEAD_LETTERS)) == 1


def test_a_key_that_is_no_text_is_poison_and_no_crash(stage: Company) -> None:
    step = stage.take(record_of(company_updated(at=30), b"\xff", topic=COMPANIES))
    assert len(to(step, DEAD_LETTERS)) == 1


def test_a_whole_company_is_kept_as_told() -> None:
    stage = Company()
    stage.hear(company_updated(at=5))
    told = company(at=5)
    assert stage.row.profile == {
        key: value
        for key, value in told.items()
        if key not in ("type", "app_id", "custom_attributes")  # frame, and what is empty
    }
