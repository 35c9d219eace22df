"""One dead letter: read back as it was written, and sent again as it was."""

from __future__ import annotations

import pytest
from some_letters import BEGAN_MS, Record, delivery, of_delivery, read

from events.elements import Delivery
from events.topics import CONTACTS, DEAD_LETTERS, DELIVERIES
from moebridge.dead_letters.letter import read_letter
from streams.stages.stage import dead_letter


def test_a_letter_is_read_as_the_stage_wrote_it() -> None:
    letter = read(of_delivery(delivery(1), offset=214), partition=3, offset=17)
    assert letter.id == "3:17"
    assert (letter.stage, letter.reason, letter.status) == ("deliver", "BadRequest: refused", 400)
    assert (letter.topic, letter.source_partition, letter.source_offset) == (DELIVERIES, 0, 214)
    assert (letter.failed_at, letter.request_id) == (BEGAN_MS, "req-1")
    assert (letter.whose, letter.what, letter.own["event_id"]) == (
        "user-1", "ticket_state_changed", "notif_1",
    )  # fmt: skip
    assert letter.problem == ""


def test_what_is_sent_again_is_the_record_as_it_was() -> None:
    one = delivery(1)
    again = read(of_delivery(one), partition=3, offset=17).redriven("run-1", 5)
    assert (again.topic, again.key, again.value) == (DELIVERIES, b"user-1", one.body)
    assert Delivery.from_record(again.key, again.value, again.headers).delivery_id == one.delivery_id
    added = dict(again.headers[len(one.headers()) :])
    assert list(again.headers[: len(one.headers())]) == one.headers()
    assert added == {
        "redrive.letter": b"3:17", "redrive.at": b"5", "redrive.run": b"run-1", "redrive.times": b"1",
    }  # fmt: skip


def test_refused_again_it_tells_how_often_and_names_the_last_letter_alone() -> None:
    first = read(of_delivery(delivery(1)), offset=1).redriven("run-1", 5)
    record = Record(DELIVERIES, 0, 9, first.key, first.value, first.headers)
    letter = read(of_delivery(delivery(1), at=record), offset=2)
    assert letter.redriven_before == 1
    headers = [name for name, _ in letter.redriven("run-2", 6).headers]
    assert dict(letter.redriven("run-2", 6).headers)["redrive.times"] == b"2"
    assert dict(letter.redriven("run-2", 6).headers)["redrive.letter"] == b"0:2"
    assert len(headers) == len(set(headers))


def test_a_letter_that_a_crash_wrote_twice_is_one_and_every_other_is_another() -> None:
    written = of_delivery(delivery(1), offset=214)
    letter = read(written, offset=1)
    assert read(written, offset=2).fingerprint == letter.fingerprint
    others = [
        read(of_delivery(delivery(1), offset=215)),  # redriven, and refused again
        read(of_delivery(delivery(2), offset=214)),  # the topic was made anew, and counts from 0 again
        read(of_delivery(delivery(1, "user-2"), offset=214)),
        read(of_delivery(delivery(1), topic="eu." + DELIVERIES, offset=214)),
    ]
    assert letter.fingerprint not in {other.fingerprint for other in others}


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ([], "no dead letter: header dead_letter.stage is missing"),
        ([("dead_letter.stage", b"x")], "no dead letter: header dead_letter.reason is missing"),
        (None, "no dead letter: a header cannot be read"),
    ],
)
def test_a_record_that_no_stage_wrote_is_shown_as_such(headers, problem: str) -> None:
    if headers is None:
        good = of_delivery(delivery(1)).headers
        headers = [(name, b"x" if name == "dead_letter.offset" else value) for name, value in good]
    one = read_letter(Record(DEAD_LETTERS, 0, 1, None, b"junk", headers))
    other = read_letter(Record(DEAD_LETTERS, 0, 2, None, b"junk", headers))
    assert (one.problem, one.topic, one.id) == (problem, "", "0:1")
    assert one.fingerprint != other.fingerprint


def test_a_record_without_a_key_goes_back_to_its_own_partition() -> None:
    record = Record(CONTACTS, 3, 5, None, b"{}", [("topic", b"x.y")])
    letter = read(dead_letter("contacts", "", record, "key: expected", 1))
    assert (letter.redriven("run-1", 5).partition, letter.what) == (3, "x.y")
    assert read(of_delivery(delivery(1))).redriven("run-1", 5).partition is None  # its key decides
