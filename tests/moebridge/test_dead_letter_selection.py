"""Which dead letters an operator means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_letters import BEGAN_MS, Record, delivery, of_delivery, read

from events.keys import scoped
from events.topics import CONTACTS
from moebridge.dead_letters.selection import Selection, Span
from moebridge.time_window import TimeWindow
from streams.stages.stage import dead_letter

LETTER = read(of_delivery(delivery(1, config="Shop"), reason="BadRequest: No such thing"), 3, 17)


@pytest.mark.parametrize(
    ("fits", "other"),
    [
        ({"stages": {"deliver"}}, {"stages": {"route", "contacts"}}),
        ({"reason": "no SUCH"}, {"reason": "nothing"}),
        ({"statuses": {400, 422}}, {"statuses": {413}}),
        ({"customer_id": "user-1"}, {"customer_id": "user-"}),
        ({"event_id": "notif_1"}, {"event_id": "notif_10"}),
        ({"event_name": "ticket_state_changed"}, {"event_name": "ticket"}),
        ({"kinds": {"event", "user"}}, {"kinds": {"user"}}),
        ({"configuration": "shop"}, {"configuration": "default"}),
        ({"window": TimeWindow(BEGAN_MS, BEGAN_MS + 1)}, {"window": TimeWindow(BEGAN_MS + 1)}),
        ({"window": TimeWindow(end=BEGAN_MS + 1)}, {"window": TimeWindow(end=BEGAN_MS)}),
        ({"partitions": {3}}, {"partitions": {1}}),
        ({"from_offset": 17}, {"from_offset": 18}),
        ({"to_offset": 18}, {"to_offset": 17}),
        ({"ids": {(1, 1), (3, 17)}}, {"ids": {(17, 3)}}),
    ],
)
def test_every_filter_takes_what_fits_and_nothing_else(
    fits: dict[str, Any], other: dict[str, Any]
) -> None:
    for one in (fits, other):
        for name, value in one.items():
            one[name] = frozenset(value) if isinstance(value, set) else value
    assert Selection(**fits).takes(LETTER)
    assert not Selection(**other).takes(LETTER)
    assert not Selection(**{**fits, "reason": "another"}).takes(LETTER), "all of them count"


def test_a_record_that_names_no_configuration_is_the_default_ones() -> None:
    letter = read(of_delivery(delivery(1)))
    assert Selection(configuration="Main", default_configuration="main").takes(letter)
    assert not Selection(configuration="shop", default_configuration="main").takes(letter)


def test_in_letters_of_earlier_stages_contact_and_topic_count() -> None:
    key = scoped("shop", "c1").encode()
    record = Record(CONTACTS, 0, 5, key, b"{", [("topic", b"ticket.created"), ("config", b"shop")])
    letter = read(dead_letter("contacts", "", record, "not JSON", BEGAN_MS))
    assert Selection(customer_id="c1", event_name="ticket.created", configuration="shop").takes(letter)
    assert not Selection(statuses=frozenset({400})).takes(letter)


_OFFSETS = st.integers(0, 30)
_SPANS = st.tuples(_OFFSETS, _OFFSETS).map(lambda pair: Span(min(pair), max(pair)))


@given(
    selection=st.builds(
        Selection,
        partitions=st.frozensets(st.integers(0, 2), max_size=2),
        from_offset=st.none() | _OFFSETS,
        to_offset=st.none() | _OFFSETS,
        ids=st.frozensets(st.tuples(st.integers(0, 2), _OFFSETS), max_size=3),
    ),
    partition=st.integers(0, 2),
    span=_SPANS,
)
def test_no_letter_that_is_meant_stands_outside_of_what_is_read(
    selection: Selection, partition: int, span: Span
) -> None:
    part = selection.within(partition, span)
    assert part.empty or span.first <= part.first < part.end <= span.end
    written = of_delivery(delivery(1))
    for offset in range(*span):
        if selection.takes(read(written, partition, offset)):
            assert part.first <= offset < part.end
