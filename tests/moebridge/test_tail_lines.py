"""Lines of a tail: what they tell, and that they name nobody unless asked to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_letters import BEGAN_MS

from events.masking import masked
from moebridge.tail_lines import json_line, lag, moment, short, text_line
from streams.tail.sighting import STAGES, Sighting

REFUSED = Sighting(
    "refused", BEGAN_MS + 123, "moengage.dead-letters", 1, 7,
    event_id="notif_3f2a1c44-0000", customer="ada@example.com", kind="event", name="ticket_created",
    delivery_id="notif_3f2a1c44-0000/email:ada@example.com/0", received_at=BEGAN_MS, status=400,
    request_id="req-1", reason="BadRequest: ada@example.com and Bob <bob@example.org>\x1b[2J",
    refused_by="deliver", replay="abc123abc123",
)  # fmt: skip
RECEIVED = Sighting(
    "received", BEGAN_MS, "intercom.events", 0, 3, event_id="sha256:00112233445566", config="shop",
    event_topic="partner.user", contacts=("email:ada@example.com", "c2"), received_at=BEGAN_MS, replay="",
)  # fmt: skip


def test_a_line_tells_when_what_whose_and_why() -> None:
    line = text_line(REFUSED, personal=False, colour=False)
    assert line.startswith(
        "2026-09-21T14:13:20.123Z refused    notif_3f2a1c44…   +123 ms event ticket_created "
    )
    assert f"customer {masked('ada@example.com')}" in line
    assert line.endswith(" req-1 replay abc123abc123")
    assert "\x1b" not in line
    assert text_line(REFUSED, personal=False, colour=True).count("\x1b") == 2


@pytest.mark.parametrize("one", [REFUSED, RECEIVED])
def test_nobody_is_named_unless_asked_for(one: Sighting) -> None:
    for line in (text_line(one, personal=False, colour=False), json_line(one, personal=False)):
        assert "ada@" not in line
        assert "bob@" not in line
    for line in (text_line(one, personal=True, colour=False), json_line(one, personal=True)):
        assert "ada@example.com" in line


def test_json_has_all_there_is() -> None:
    told = json.loads(json_line(REFUSED, personal=False))
    assert told["event_id"] == "notif_3f2a1c44-0000"
    assert (told["stage"], told["status"], told["lag_ms"], told["refused_by"]) == (
        "refused",
        400,
        123,
        "deliver",
    )
    assert told["record"] == {"topic": "moengage.dead-letters", "partition": 1, "offset": 7}
    assert "delivery_id" not in told
    assert json.loads(json_line(REFUSED, personal=True))["delivery_id"] == REFUSED.delivery_id
    assert json.loads(json_line(RECEIVED, personal=False))["contacts"] == [
        masked("email:ada@example.com"), masked("c2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "+0 ms"), (-3, "-3 ms"), (1500, "+1.5 s"), (90_000, "+1.5 min"), (10**17, "")]
)
def test_lags(ms: int, text: str) -> None:
    assert lag(replace(REFUSED, at=BEGAN_MS + ms)) == text


def test_times_and_ids() -> None:
    assert moment(0) is moment(10**20) is None
    assert short("sha256:00112233445566") == "sha256:0011223…"
    assert short("notif_bbbb") == "notif_bbbb"


@given(
    st.builds(
        Sighting,
        stage=st.sampled_from(STAGES), at=st.integers(-(2**63), 2**63), topic=st.text(),
        partition=st.just(0), offset=st.just(0), event_id=st.text(), event_topic=st.text(),
        contacts=st.tuples(st.text()),
        companies=st.tuples(st.text()), customer=st.text(), kind=st.text(), name=st.text(),
        received_at=st.none() | st.integers(-(2**63), 2**63), status=st.none() | st.integers(0, 10**18),
        reason=st.text(), problem=st.text(), replay=st.none() | st.text(),
    ),
    st.booleans(),
)  # fmt: skip
def test_whatever_was_seen_is_one_line(one: Any, personal: bool) -> None:
    line = text_line(one, personal=personal, colour=False)
    assert not {"Cc", "Zl", "Zp"} & {category(character) for character in line}
    assert isinstance(json.loads(json_line(one, personal=personal)), dict)
