"""Whose elements are put away behind a dead letter, and until when."""

from __future__ import annotations

from dataclasses import replace

from records import delivery

from events.elements import Delivery, Kind
from events.topics import DELIVERIES
from streams.chunks import Chunk, Place
from streams.delivery.element import Element
from streams.delivery.parking import Parking
from streams.state import DictRows


def element(
    customer: str, offset: int, *, run: str = "", number: int = 0, kind: Kind = "user"
) -> Element:
    """At an offset; ``number`` makes the delivery's id, which a redriven one keeps."""
    record = replace(delivery(customer, number=number or offset, kind=kind), offset=offset)
    if run:
        record = replace(record, headers=[*record.headers, ("redrive.run", run.encode())])
    made = Delivery.from_record(record.key, record.value, record.headers)
    return Element(Chunk(Place(DELIVERIES, 0), [record], 1), 0, record, made, 0.0)


def test_nobody_is_parked_unless_asked() -> None:
    parking = Parking()
    assert parking.put_away(element("a", 5), refused=True) is None
    assert not parking
    parking.load([(b"a", b'{"newest":"x","since":0}')])
    assert not parking


def test_a_customer_is_parked_from_the_refused_element_on() -> None:
    parking = Parking(active=True)
    parking.put_away(element("a", 5), refused=True)
    assert parking.stops(element("a", 6))
    assert parking.stops(element("a", 5))  # the same again, after a crash
    assert not parking.stops(element("a", 4))  # and what was delivered before it
    assert not parking.stops(element("b", 6))


def test_it_ends_when_the_newest_letter_came_back() -> None:
    parking = Parking(active=True)
    parking.put_away(element("a", 5), refused=True)
    parking.put_away(element("a", 6), refused=False)
    assert not parking.stops(element("a", 9, run="r", number=5))
    assert parking.taken(element("a", 9, run="r", number=5)) is None
    assert parking.stops(element("a", 11))
    assert parking.taken(element("a", 10, run="r", number=6)) == (b"a", None)
    assert not parking.stops(element("a", 11))


def test_what_is_redriven_behind_one_that_is_refused_again_waits_with_it() -> None:
    parking = Parking(active=True)
    parking.put_away(element("a", 5), refused=True)
    parking.put_away(element("a", 6), refused=False)
    parking.put_away(element("a", 9, run="r", number=5), refused=True)
    assert parking.stops(element("a", 10, run="r", number=6))
    assert not parking.stops(element("a", 20, run="later", number=5))


def test_a_merge_that_is_refused_parks_nobody_and_one_that_is_parked_counts() -> None:
    parking = Parking(active=True)
    assert parking.put_away(element("a", 5, kind="merge"), refused=True) is None
    parking.put_away(element("a", 6), refused=True)
    parking.put_away(element("a", 7, kind="merge"), refused=False)
    assert parking.taken(element("a", 9, run="r", number=6)) is None
    assert parking.taken(element("a", 10, run="r", number=7)) is not None


def test_rows_bring_it_back_each_to_its_workspace() -> None:
    rows, eu, default = DictRows(), Parking("eu", active=True), Parking(active=True)
    for parking in (eu, default):
        change = parking.put_away(element(f"of {parking is eu}", 5), refused=True)
        assert change is not None
        rows.apply(dict([change]))
    again = Parking("eu", active=True)
    again.load(rows.scan(b""))
    assert again.stops(element("of True", 6))
    assert not again.stops(element("of False", 6))
    again.clear()
    assert not again


def test_a_change_that_was_not_written_is_void() -> None:
    parking = Parking(active=True)
    key, row = parking.put_away(element("a", 5), refused=True) or (b"", None)
    parking.taken(element("a", 9, run="r", number=5))
    parking.reset(key, row)
    assert parking.stops(element("a", 11))
    assert parking.taken(element("a", 9, run="r", number=5)) == (key, None)
    parking.put_away(element("a", 12), refused=True)
    parking.reset(key, None)
    assert not parking.stops(element("a", 13))
