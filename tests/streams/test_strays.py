"""What got lost on the way is missed, and what is merely on its way is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.chunks import Place, Standing
from streams.strays import LOOKS, PATIENCE_S, Strays

HERE, THERE = Place("intercom.contacts", 0), Place("intercom.contacts", 1)
STRAY = Standing(expected=30, done=10, committed=10, out=20, stray=10)
READ_PAST = Standing(expected=30, done=30, committed=30, out=0)


def seen(
    looks: int, standing: Standing, position: int | None = 30, every_s: float = 2.0
) -> dict[Place, int]:
    strays = Strays()
    for turn in range(looks):
        lost = strays.look(turn * every_s, {HERE: standing}, {HERE: position})
    return lost


def test_a_chunk_that_does_not_arrive() -> None:
    assert seen(3, STRAY) == {}
    assert seen(4, STRAY) == {HERE: 10}


def test_records_that_were_read_and_never_handed_over() -> None:
    assert seen(3, READ_PAST, 33) == {}
    assert seen(4, READ_PAST, 33) == {HERE: 30}


def test_what_has_arrived_or_was_handed_over_is_not_missed() -> None:
    for standing, position in ((STRAY._replace(stray=None), 30), (READ_PAST, 30), (READ_PAST, None)):
        assert seen(50, standing, position) == {}


def test_a_look_is_not_enough_however_long_it_was_held_up() -> None:
    assert seen(LOOKS - 1, STRAY, every_s=3600) == {}


def test_each_partition_for_itself_and_again_if_need_be() -> None:
    strays = Strays()
    lost = [strays.look(at, {HERE: STRAY, THERE: READ_PAST}, {HERE: 30, THERE: 30}) for at in range(13)]
    assert [turn for turn, one in enumerate(lost) if one] == [5, 11]
    assert lost[5] == {HERE: 10}


@given(st.lists(st.tuples(st.floats(0.01, 3), st.integers(0, 2)), max_size=50))
def test_only_what_is_missing_at_the_same_offset_for_long(steps: list[tuple[float, int]]) -> None:
    strays = Strays()
    now_s, offset, since_s, looks = 0.0, 0, 0.0, 0
    for passes_s, moves in steps:
        now_s += passes_s
        offset += moves
        lost = strays.look(now_s, {HERE: STRAY._replace(stray=offset)}, {})
        since_s, looks = (now_s, 1) if moves or not looks else (since_s, looks + 1)
        assert lost == ({HERE: offset} if now_s - since_s >= PATIENCE_S and looks >= LOOKS else {})
        if lost:
            looks = 0
