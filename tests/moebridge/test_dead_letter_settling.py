"""Redrives that are killed, that overtake one another, and that are told to stop."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from redrive_simulation import Run, World
from some_letters import delivery, of_delivery, read

from events.topics import DELIVERIES
from moebridge.dead_letters.choice import Job
from moebridge.dead_letters.letter import Letter
from moebridge.dead_letters.selection import Selection

BATCH = 3
SOURCES = frozenset({DELIVERIES})


def job(run: str, **fields: Any) -> Job:
    """A redrive of all letters, in batches of three."""
    given: dict[str, Any] = {
        "did": "redriven",
        "selection": Selection(),
        "sources": SOURCES,
        "rate": BATCH,
    }
    return Job(run=run, **{**given, **fields})


def letters(customers: list[int], copies: dict[int, int] | None = None) -> list[Letter]:
    """A letter for each of these customers; ``copies`` names those that are the same as another."""
    made = []
    for offset in range(len(customers)):
        number = (copies or {}).get(offset, offset)
        one = delivery(number, f"user-{customers[number]}")
        made.append(read(of_delivery(one, offset=number), offset=offset))
    return made


def offsets(some: list[Letter]) -> list[int]:
    return [letter.offset for letter in some]


@st.composite
def _some(draw: st.DrawFn) -> list[Letter]:
    customers = draw(st.lists(st.integers(0, 3), min_size=1, max_size=14))
    twins = draw(st.dictionaries(st.integers(1, len(customers)), st.integers(0, 3), max_size=3))
    # A copy comes after what it is a copy of, which is none itself.
    return letters(
        customers, {at: of for at, of in twins.items() if of < min(at, *twins) and at < len(customers)}
    )


@settings(max_examples=200)
@given(some=_some(), data=st.data())
def test_whatever_is_killed_or_overtaken_nothing_is_missing_and_order_holds(
    some: list[Letter], data: st.DataObject
) -> None:
    world = World(some)
    for _ in range(data.draw(st.integers(0, 60))):
        alive = [run for run in world.runs if run.alive]
        do = data.draw(st.sampled_from(["start", "kill", *["move"] * 8]))
        if do == "start" or not alive:
            Run(world, job(f"run-{len(world.runs)}"))
        else:
            run = data.draw(st.sampled_from(alive))
            run.kill() if do == "kill" else run.move()
    # What lives goes on, in turns, and at last somebody runs it again in peace.
    while alive := [run for run in world.runs if run.alive]:
        data.draw(st.sampled_from(alive)).move()
    Run(world, job("the last")).finish()

    sent = world.published
    cut_off = sum(run.lost for run in world.runs)
    assert {one.fingerprint for one in sent} == {one.fingerprint for one in some}
    assert len(sent) - len({one.fingerprint for one in sent}) <= BATCH * cut_off
    for customer in {one.key for one in some}:
        numbers = [one.source_offset for one in sent if one.key == customer]
        assert sorted(dict.fromkeys(numbers)) == list(dict.fromkeys(numbers)), "first time in order"
        last = list(dict.fromkeys(reversed(numbers)))
        assert sorted(last, reverse=True) == last, "and the last time, which is what stays"


def test_a_run_alone_sends_each_letter_once_and_again_does_nothing() -> None:
    world = World(letters([1, 2, 1, 3, 3, 1, 2]))
    one = Run(world, job("a"))
    one.finish()
    assert [len(batch) for batch in world.batches] == [3, 3, 1]
    assert offsets(world.published) == list(range(7))
    assert (one.progress.done, one.progress.next) == (7, None)
    Run(world, job("b")).finish()
    assert len(world.published) == 7


def test_a_letter_that_a_crash_wrote_twice_is_sent_once() -> None:
    world = World(letters([1, 2, 1, 1, 2], copies={2: 0, 4: 1}))
    one = Run(world, job("a"))
    one.finish()
    assert offsets(world.published) == [0, 1, 3]
    Run(world, job("b")).finish()
    assert len(world.published) == 3


def test_what_is_not_meant_or_came_from_elsewhere_stays() -> None:
    some = letters([1, 2, 1, 2])
    some[3] = read(of_delivery(delivery(3), topic="other.deliveries"), offset=3)
    world = World(some)
    Run(world, job("a", selection=Selection(customer_id="user-2"))).finish()
    assert offsets(world.published) == [1]
    Run(world, job("b", did="discarded", selection=Selection(from_offset=2))).finish()
    assert offsets(world.published) == [1]
    Run(world, job("c")).finish()
    assert offsets(world.published) == [1, 0]


def test_told_to_stop_it_ends_after_a_batch_and_says_what_comes_next() -> None:
    world = World(letters([1] * 8))
    one = Run(world, job("a"))
    while not world.batches:
        one.move()
    one.told_to_stop = True
    one.finish()
    assert offsets(world.published) == [0, 1, 2]
    assert one.progress.next is not None
    assert one.progress.next.id == "0:3"
    Run(world, job("b")).finish()
    assert offsets(world.published) == list(range(8))


def test_no_more_than_the_limit() -> None:
    world = World(letters([1] * 8))
    one = Run(world, job("a", limit=4))
    one.finish()
    assert offsets(world.published) == [0, 1, 2, 3]
    assert one.progress.done == 4


def test_the_one_that_comes_later_waits_for_the_batch_in_hand_and_the_older_one_stops() -> None:
    world = World(letters([1] * 8))
    older = Run(world, job("a"))
    while not world.batches:
        older.move()
    newer = Run(world, job("b"))
    for _ in range(4):
        newer.move()
    assert len(world.batches) == 1
    older.finish()
    assert older.progress.done == 3
    newer.finish()
    assert offsets(world.published) == list(range(8)), "none of them twice"


def test_a_batch_that_hangs_before_it_is_sent_is_sent_by_the_next_run_alone() -> None:
    world = World(letters([1] * 4))
    older = Run(world, job("a"))
    while len(world.notes) < 2:
        older.move()
    Run(world, job("b")).finish()
    older.finish()
    assert older.lost == 1
    assert offsets(world.published) == [0, 1, 2, 3]


def test_a_batch_that_hangs_after_it_was_sent_is_all_that_is_sent_twice() -> None:
    world = World(letters([1] * 4))
    older = Run(world, job("a"))
    while not world.batches:
        older.move()
    Run(world, job("b")).finish()
    older.finish()
    assert older.lost == 1
    assert offsets(world.published) == [0, 1, 2, 0, 1, 2, 3]


def test_it_goes_no_faster_than_it_was_told() -> None:
    world = World(letters([1] * 9))
    Run(world, job("a", rate=2)).finish()
    assert world.clock >= 4
    assert [len(batch) for batch in world.batches] == [2, 2, 2, 2, 1]
