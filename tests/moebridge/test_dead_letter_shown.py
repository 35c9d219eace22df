"""What is shown of a dead letter, and to whom."""

from __future__ import annotations

import pytest
from some_letters import BEGAN_MS, Record, delivery, of_delivery, read

from events.codec import encode
from events.topics import DEAD_LETTERS
from moebridge.dead_letters import shown
from moebridge.dead_letters.letter import read_letter
from moebridge.dead_letters.settlements import Settlement

LETTER = read(
    of_delivery(
        delivery(1, "ada@example.com", body=b'{"type":"event","name":"Ada"}', config="shop"),
        offset=214,
        headers=[("traceparent", b"00-secret-01")],
    ),
    3,
    17,
)


def test_a_list_names_nobody_unless_asked_to() -> None:
    for listed in (shown.row(LETTER, personal=False), shown.line(LETTER, None, personal=False)):
        text = encode(listed).decode()
        assert "ada" not in text.lower()
        assert shown.masked("ada@example.com") in text
    assert "ada@example.com" in shown.row(LETTER, personal=True)
    assert shown.line(LETTER, None, personal=True)["whose"] == "ada@example.com"
    assert shown.masked("ada@example.com") != shown.masked("bob@example.com")


def test_a_letter_whole() -> None:
    text = "\n".join(shown.lines(LETTER, Settlement("redriven", BEGAN_MS, "r"), "default"))
    for told in (
        "3:17, redriven 2026-09-21T", "BadRequest: refused", "400, request id req-1", "ada@example.com",
        "moengage.deliveries, partition 0, offset 214", "event ticket_state_changed", "notif_1", "shop",
        "m1", '"name": "Ada"', "traceparent",
    ):  # fmt: skip
        assert told in text, told
    assert "secret" not in text, "of a header that is not ours, the name alone"
    document = shown.whole(LETTER, None)
    assert document["body"] == {"type": "event", "name": "Ada"}
    assert document["other_headers"] == ["traceparent"]
    assert document["from"] == {"topic": "moengage.deliveries", "partition": 0, "offset": 214}


@pytest.mark.parametrize("value", [b"\xff\x1b[2J", b"{", None])
def test_a_body_that_is_no_json_is_shown_all_the_same(value: bytes | None) -> None:
    letter = read_letter(Record(DEAD_LETTERS, 0, 1, b"\xff", value, []))
    text = "\n".join(shown.lines(letter, None, "default"))
    assert "no dead letter" in text
    assert "\x1b" not in text
    assert shown.whole(letter, None)["body_text"] == (value or b"").decode(errors="replace")


def test_no_terminal_obeys_a_dead_letter() -> None:
    letter = read(of_delivery(delivery(1, name="a\x1b[31mb\rc\u202ed"), reason="x\x9b2Jy\nz"))
    for text in (*shown.row(letter, personal=True), *shown.lines(letter, None, "default")):
        assert text.isprintable(), text


@pytest.mark.parametrize("header", [b"x", b"", b"-1", b"9" * 30, "٣".encode()])
def test_a_time_that_is_none_is_not_shown(header: bytes) -> None:
    letter = read(of_delivery(delivery(1), headers=[("received_at", header)]))
    assert shown.line(letter, None, personal=False)["received_at"] is None
