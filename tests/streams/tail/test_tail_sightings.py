"""What a tail makes of records: what belongs together, what is asked for, what is remembered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import Record, company_updated, ms, record_of, snapshot
from tailing import NOW, delivery, letter, mapped, receipt, received, routed, seen, told

from events.masking import masked
from events.replays import Replayed
from streams.tail.filters import Filters
from streams.tail.records import FOLLOWED
from streams.tail.sighting import Stage
from streams.tail.tail import MOST_WAITING, Tail

ONE = delivery("notif_1", name="ticket_created")
USER = delivery("notif_1")
TWO = delivery("notif_2", "user-c2", contact="c2")
EVERYWHERE = ("received", "routed", "mapped", "delivered")


def at(*stages: Stage, **asked: Any) -> Filters:
    """Filters that ask for these stages, and for more."""
    return Filters(stages=frozenset(stages), **asked)


#: Two events: one with a user and an event, one with a user.
WAY = [
    received("notif_1"), received("notif_2", "c2"), routed("notif_1"), routed("notif_2", "c2"),
    mapped(USER), mapped(ONE), mapped(TWO),
    receipt(USER.delivery_id, ONE.delivery_id, TWO.delivery_id),
]  # fmt: skip


def test_a_receipt_is_told_delivery_by_delivery_with_what_the_deliveries_said() -> None:
    shown = seen(Filters(), WAY)
    assert [one.stage for one in shown] == ["received"] * 2 + ["routed"] * 2 + ["mapped"] * 3 + [
        "delivered"
    ] * 3
    _, event, _ = shown[-3:]
    assert (event.customer, event.kind, event.name) == ("user-c1", "event", "ticket_created")
    assert (event.event_id, event.status, event.request_id) == ("notif_1", 200, "req-1")
    assert event.lag_ms == ms(3) - ms(2)


def test_of_a_delivery_that_was_not_seen_the_receipt_tells_the_event_alone() -> None:
    [unknown] = seen(Filters(), [receipt("shop\x1fnotif_9/c9/0", config="shop")])
    assert (unknown.event_id, unknown.config, unknown.customer, unknown.lag_ms) == (
        "notif_9", "shop", "", None,
    )  # fmt: skip
    _, known = seen(Filters(), [received("notif_9", "c9"), receipt("notif_9/c9/0")])
    assert known.lag_ms == ms(3) - ms(2)  # when the event was received is known from that


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (at(customer="user-c2"), [f"{stage} notif_2" for stage in EVERYWHERE]),
        (at("delivered", customer=masked("user-c2")), ["delivered notif_2"]),
        (at("received", customer="user-c2"), ["received notif_2"]),
        (at("mapped", "delivered", contact="c2"), ["mapped notif_2", "delivered notif_2"]),
        (at("mapped", contact=masked("c2")), ["mapped notif_2"]),
        (at(names=frozenset({"ticket_created"})), [f"{stage} notif_1" for stage in EVERYWHERE]),
        (at(customer="user-c2", names=frozenset({"ticket_created"})), []),
        (at("routed", event_id="notif_2"), ["routed notif_2"]),
        (at("mapped", event_topics=("contact.*",)), ["mapped notif_1"] * 2 + ["mapped notif_2"]),
        (at(event_topics=("ticket.*", "contact.user.deleted")), []),
        (at("mapped", config="Default", event_id="notif_2"), ["mapped notif_2"]),
        (at(config="shop"), []),
        (at(company="k1"), []),
        (at(replay=""), []),
        (at("delivered", live=True, customer="user-c2"), ["delivered notif_2"]),
    ],
)
def test_what_is_asked_for_is_shown_with_the_other_stages_of_its_event(
    filters: Filters, expected: list[str]
) -> None:
    assert told(seen(filters, WAY)) == expected


def test_a_company_leads_to_its_members_and_one_member_not_to_the_others() -> None:
    cause = company_updated("k1", at=1, event_id="notif_k")
    company = record_of(cause, "k1", topic="intercom.companies")
    of_member = snapshot({"name": "Brook"}, 1, company_id="k1", contact_id="c1")
    members = [mapped(delivery(cause.event_id, f"user-c{n}", contact=f"c{n}/k1")) for n in (1, 2)]
    shown = seen(Filters(company="k1"), [record_of(cause, topic="intercom.events"), company, *members])
    assert [one.stage for one in shown] == ["received", "routed", "mapped", "mapped"]
    assert [one.kind for one in seen(Filters(company="k1"), [of_member])] == ["snapshot"]
    one_member = seen(Filters(contact="c2", stages=frozenset({"mapped"})), members)
    assert [one.customer for one in one_member] == ["user-c2"]


def test_a_replayed_element_is_told_from_a_live_one_also_when_it_is_delivered() -> None:
    mark = Replayed("abc123abc123", "moebridge_replay", frozenset())
    way = [
        routed("notif_1", replayed=mark), mapped(USER, replayed=mark), mapped(TWO),
        receipt(USER.delivery_id, TWO.delivery_id),
    ]  # fmt: skip
    expected = ["routed notif_1", "mapped notif_1", "delivered notif_1"]
    assert told(seen(Filters(replay="abc123abc123"), way)) == expected
    assert told(seen(Filters(replay=""), way)) == expected
    assert told(seen(Filters(replay="other"), way)) == []
    assert told(seen(Filters(live=True), way)) == ["mapped notif_2", "delivered notif_2"]


def test_a_refusal_is_told_once_by_the_dead_letter() -> None:
    refused = receipt(ONE.delivery_id, outcome="refused")
    *_, one = shown = seen(Filters(), [mapped(ONE), letter(mapped(ONE)), refused])
    assert told(shown) == ["mapped notif_1", "refused notif_1"]
    assert (one.reason, one.status, one.refused_by, one.customer) == (
        "BadRequest: no", 400, "deliver", "user-c1",
    )  # fmt: skip
    # Redriven, it is mapped anew, and may be refused anew.
    assert told(seen(Filters(), [letter(mapped(ONE)), mapped(ONE), receipt(ONE.delivery_id)])) == [
        "refused notif_1", "mapped notif_1", "delivered notif_1",
    ]  # fmt: skip
    assert told(seen(Filters(), [refused])) == ["refused notif_1"]


def test_letters_of_other_stages_what_is_parked_and_what_was_voided() -> None:
    bad = letter(routed("notif_1"), stage="contacts", reason="header 'v': missing")
    [one] = seen(Filters(contact="c1"), [bad])
    assert (one.stage, one.refused_by, one.contacts, one.customer) == ("refused", "contacts", ("c1",), "")
    parked = receipt(ONE.delivery_id, outcome="parked")
    assert told(seen(Filters(), [letter(mapped(ONE), reason="parked"), parked])) == ["parked notif_1"]
    assert told(seen(Filters(), [parked])) == ["parked notif_1"]
    assert told(seen(Filters(), [receipt(ONE.delivery_id, outcome="void")])) == ["voided notif_1"]


@pytest.mark.parametrize("topic", FOLLOWED)
def test_a_record_of_nobody_is_shown_as_such_unless_something_is_asked_for(topic: str) -> None:
    junk = Record(topic, 2, 7, None, b"\xffjunk", [("event_id", b"\xff")])
    [one] = seen(Filters(), [junk])
    assert (one.stage, one.partition, one.offset) == ("unreadable", 2, 7)
    assert one.problem
    assert seen(Filters(event_id="notif"), [junk]) == []


# -- whatever comes -------------------------------------------------------------------------------

_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["v", "source", "topic", "event_id", "workspace", "config", "received_at", "occurred_at",
             "kind", "name", "delivery_id", "mapping_version", "replay.id", "replay.only", "redrive.run",
             "dead_letter.stage", "dead_letter.reason", "dead_letter.failed_at"]
        ),
        st.none() | st.binary(max_size=4)
        | st.sampled_from([b"webhook", b"partner", b"9" * 30, b"1", b"user", b"snapshot", b"membership"]),
    ),
    max_size=20,
)  # fmt: skip
_VALUES = st.none() | st.binary(max_size=20) | st.sampled_from(
    [b"{}", b"[]", b'{"data":{"item":[]}}', b'{"outcome":"taken","at":1e99}',
     b'{"outcome":"taken","at":true,"status":1,"config":"","request_id":"","deliveries":{"m":["/","x"]}}']
)  # fmt: skip


@given(
    st.lists(
        st.builds(
            Record,
            topic=st.sampled_from(FOLLOWED), partition=st.just(0), offset=st.just(0),
            key=st.none() | st.binary(max_size=4), value=_VALUES, headers=_HEADERS,
            timestamp=st.integers(-1, 2**63),
        ),
        max_size=20,
    )
)  # fmt: skip
def test_nothing_on_a_topic_makes_it_fail(records: list[Any]) -> None:
    seen(Filters(), records)
    seen(Filters(contact="c", customer="u", names=frozenset({"n"}), live=True), records)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=200), st.integers(1, 8))
def test_what_is_remembered_is_bounded_by_count_and_age(moves: list[tuple[int, int]], most: int) -> None:
    tail = Tail(Filters(customer="nobody"), most_deliveries=most, most_events=most, age_ms=100)
    now = NOW
    put_at: dict[str, int] = {}
    for number, after in moves:
        now += after
        put_at.setdefault(f"notif_{number}", now)
        tail.take(mapped(delivery(f"notif_{number}")), now)
        tail.take(received(f"notif_{number}"), now)
        deliveries, events = tail.remembered
        assert max(deliveries, events) <= most
    tail.take(received("notif_last"), now + 101)
    assert tail.remembered[1] == 1


def test_what_waits_for_one_event_is_bounded_too() -> None:
    way = [*[received("notif_1")] * (MOST_WAITING + 5), mapped(USER)]
    assert len(seen(Filters(customer="user-c1"), way)) == MOST_WAITING + 1
