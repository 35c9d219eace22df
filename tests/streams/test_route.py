"""route: one record for every contact and company that an event names."""

from __future__ import annotations

import pytest
from pipeline import OneStage, to
from records import NOW_MS, Record, attached, company_in_part, contact, record_of, ticket, webhook

from events.envelope import Envelope
from events.topics import COMPANIES, CONTACTS, DEAD_LETTERS, EVENTS
from streams.stages.route import Route


def arrived(envelope: Envelope, *, key: bytes = b"c1", partition: int = 2, offset: int = 70) -> Record:
    return Record(EVENTS, partition, offset, key, envelope.payload, tuple(envelope.headers()))


def test_every_contact_gets_a_record_of_its_own() -> None:
    references = [{"type": "contact", "id": "c1"}, {"id": "c2", "role": "user"}, {"id": "c1"}]
    event = webhook("ticket.created", ticket("submitted", at=1, contacts=references), at=1)
    step = OneStage(Route()).take(arrived(event))
    assert [(out.topic, out.key) for out in step.out] == [(CONTACTS, b"c1"), (CONTACTS, b"c2")]


def test_an_event_of_a_contact_and_a_company_goes_to_both() -> None:
    event = attached(contact(at=1), company_in_part(at=1), at=1)
    step = OneStage(Route()).take(arrived(event))
    assert [(out.topic, out.key) for out in step.out] == [(CONTACTS, b"c1"), (COMPANIES, b"k1")]


def test_headers_and_payload_go_on_untouched() -> None:
    event = webhook("contact.user.updated", contact(at=1), at=1)
    record = arrived(event)
    [out] = OneStage(Route()).take(record).out
    assert (out.value, out.headers) == (record.value, record.headers)
    assert Envelope.from_record(out.value, out.headers) == event
    assert out.partition is None  # the key decides


def test_the_order_of_arrival_is_kept() -> None:
    events = [webhook("contact.user.updated", contact(f"c{n % 3}", at=n), at=n) for n in range(9)]
    step = OneStage(Route()).take(*[arrived(event) for event in events])
    assert [out.value for out in step.out] == [event.payload for event in events]


def test_an_event_about_nobody_is_counted_and_goes_nowhere() -> None:
    step = OneStage(Route()).take(arrived(webhook("ping", {"type": "ping"}, at=1)))
    assert (step.out, step.counts) == ([], {"about_nobody": 1})


def test_the_prefix_of_the_installation_is_put_before_topics() -> None:
    event = attached(contact(at=1), company_in_part(at=1), at=1)
    broken = Record("eu.intercom.events", 0, 0, b"c1", b"{", event.headers())
    step = OneStage(Route("eu.")).take(arrived(event), broken)
    assert [out.topic for out in step.out] == [
        "eu.intercom.contacts", "eu.intercom.companies", "eu.moengage.dead-letters",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "drop", "reason"),
    [
        (b'{"data": ', "", "not JSON"),
        (b'{"n": NaN}', "", "not JSON"),
        (b"[]", "", "expected a JSON object"),
        (None, "", "tombstone"),
        (b"{}", "event_id", "event_id"),
    ],
)
def test_poison_becomes_a_dead_letter_and_the_chunk_goes_on(
    value: bytes | None, drop: str, reason: str
) -> None:
    event = webhook("contact.user.updated", contact(at=1), at=1)
    headers = tuple(header for header in event.headers() if header[0] != drop)
    poison = Record(EVENTS, 2, 71, b"c1", value, headers)
    step = OneStage(Route()).take(arrived(event), poison, arrived(event))
    assert len(to(step, CONTACTS)) == 2
    [letter] = to(step, DEAD_LETTERS)
    assert (letter.key, letter.value) == (b"c1", value)
    assert tuple(letter.headers[-len(headers) :]) == headers
    told = dict(letter.headers[: -len(headers)])
    assert reason.encode() in told.pop("dead_letter.reason")
    assert told == {
        "dead_letter.stage": b"route",
        "dead_letter.topic": b"intercom.events",
        "dead_letter.partition": b"2",
        "dead_letter.offset": b"71",
        "dead_letter.failed_at": b"%d" % NOW_MS,
        "dead_letter.request_id": b"",
    }
    assert step.counts["dead_lettered"] == 1


def test_an_error_of_ours_is_not_the_records_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything but invalid data stops the stage, and nothing is acknowledged (decision 0008)."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("streams.stages.route.subjects_of", broken)
    record = record_of(webhook("ping", {}, at=1))
    with pytest.raises(ZeroDivisionError):
        OneStage(Route()).take(record)
