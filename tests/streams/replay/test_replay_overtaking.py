"""Which users may be delivered again: those that no later one has overtaken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from some_deliveries import delivery

from events.elements import Delivery
from streams.replay.overtaking import Overtaking

NAMES = ("first", "last", "city")
users = st.builds(
    lambda who, names: delivery(
        kind="user", customer_id=who, body={"attributes": dict.fromkeys(names, 1)}
    ),
    st.sampled_from(["ann", "ben"]),
    st.frozensets(st.sampled_from(NAMES)),
)
others = st.builds(
    lambda who, kind: delivery(kind=kind, customer_id=who, then="kept" if kind == "merge" else ""),
    st.sampled_from(["ann", "ben"]),
    st.sampled_from(["event", "delete", "merge"]),
)


def names_of(one: Delivery) -> frozenset[str]:
    return frozenset(name for name in NAMES if f'"{name}"'.encode() in one.body)


@given(st.lists(users | others, max_size=12))
def test_a_user_stands_unless_a_later_one_has_all_its_attributes(told: list[Delivery]) -> None:
    overtaking = Overtaking()
    for offset, one in enumerate(told):
        overtaking.take(offset, one)
    for offset, one in enumerate(told):
        if one.kind not in ("user", "event"):
            continue
        later = [other for other in told[offset + 1 :] if other.customer_id == one.customer_id]
        gone = any(other.kind in ("delete", "merge") for other in later)
        newer = one.kind == "user" and any(
            other.kind == "user" and names_of(one) <= names_of(other) for other in later
        )
        assert overtaking.stands(offset, one) is not (gone or newer)


def test_what_comes_later_but_is_older_overtakes_nothing_and_is_overtaken() -> None:
    overtaking = Overtaking()
    user = delivery(kind="user", body={"attributes": {"city": "Oslo"}})
    overtaking.take(0, user)
    overtaking.take(1, user, overtakes=False)
    assert [overtaking.stands(at, user) for at in (0, 1)] == [True, True]
    overtaking.take(2, user)
    assert [overtaking.stands(at, user) for at in (0, 1, 2)] == [False, False, True]


def test_a_merge_at_its_second_place_leaves_the_user_that_is_kept() -> None:
    overtaking = Overtaking()
    user = delivery(kind="user", body={"attributes": {}})
    overtaking.take(0, user)
    overtaking.take(1, delivery(kind="merge"))
    assert overtaking.stands(0, user)
