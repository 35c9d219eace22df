"""Delivery under anything: random answers, kills and rebalances against a simulated world.

Nothing is lost, nothing of a customer goes out of order, what comes twice was taken without an answer, or
by a worker that was killed before it could commit it, and what is done has its receipt.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from delivery_world import Move, Plan, Taken, Turn, Where, World, customer_at, play
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from virtual_time import run

from moengage.budgets import Rates

SEED = int(os.environ.get("MOEBRIDGE_TEST_FAULT_SEED", "20"))
FEW = settings(max_examples=int(os.environ.get("MOEBRIDGE_TEST_SCHEDULES", "400")))
MANY = settings(max_examples=int(os.environ.get("MOEBRIDGE_TEST_FAULT_SCHEDULES", "5000")))

PARTITIONS = 3
seconds = st.sampled_from([0.0, 0.01, 0.1, 0.5, 3.0])
elements = st.tuples(
    st.integers(0, 3), st.sampled_from(["user", "event", "user", "event", "merge", "delete", "poison"])
)
turns = st.builds(
    Turn, st.sampled_from(["ok", "ok", "429", "500", "401", "413", "lost", "timeout"]), seconds
)
moves = st.builds(
    Move,
    st.sampled_from([0.0, 0.05, 0.2, 1.0, 7.0]),
    st.sets(st.integers(0, 1), max_size=1).map(frozenset),
    st.tuples(*[st.integers(0, 1)] * PARTITIONS),
    st.booleans(),
)


@st.composite
def plans(draw: st.DrawFn, **config: Any) -> Plan:
    """A run in which anything happens."""
    logs = draw(st.tuples(*[st.lists(elements, max_size=14).map(tuple)] * PARTITIONS))
    all_of_them = [(p, at) for p, log in enumerate(logs) for at in range(len(log))]
    bad = draw(st.sets(st.sampled_from(all_of_them), max_size=4)) if all_of_them else set()
    return Plan(
        logs,
        frozenset(bad),
        tuple(draw(st.lists(turns, max_size=25))),
        tuple(draw(st.lists(moves, max_size=4))),
        tuple(draw(st.lists(st.integers(1, 7), min_size=1, max_size=3))),
        tuple(draw(st.lists(st.sampled_from([0.0, 0.05, 1.0]), min_size=1, max_size=3))),
        {
            "max_elements": draw(st.integers(1, 6)),
            "in_flight": draw(st.integers(1, 3)),
            "rates": {"default": Rates(draw(st.sampled_from([0, 60])), 0, draw(st.sampled_from([0, 2])))},
            **config,
        },
    )


def places(plan: Plan, *kinds: str) -> set[Where]:
    """Where the elements stand, all or those of some kinds; poison is none."""
    return {
        (p, at)
        for p, log in enumerate(plan.logs)
        for at, (_, kind) in enumerate(log)
        if (kind in kinds if kinds else kind != "poison")
    }


def dead(world: World) -> set[Where]:
    """Where the records stood that are among the dead letters."""
    found = set()
    for letter in world.letters:
        told = dict(letter.headers)
        found.add((int(told["dead_letter.partition"]), int(told["dead_letter.offset"])))
    return found


def check_twice(world: World, merges: set[Where]) -> None:
    """What MoEngage took twice had no answer, or its worker did not come to commit it.

    A worker that was killed when it had passed a merge on has passed it on twice.
    """
    before: dict[Where, Taken] = {}
    for one in world.taken:
        if one.where in before:
            first = before[one.where]
            if one.where in merges and world.unclean:
                continue
            assert first.ambiguous or first.life in world.unclean, f"{one.where} is sent twice"
        before[one.where] = one


def misplaced(world: World, merges: set[Where]) -> list[str]:
    """Customers whose elements did not come in order, each for the first time, and the last one last."""
    firsts: dict[str, list[Where]] = defaultdict(list)
    lasts: dict[str, Where] = {}
    for one in world.taken:
        if one.where in merges:
            continue  # these have their turn among another customer's elements
        if one.where not in firsts[one.customer]:
            firsts[one.customer].append(one.where)
        lasts[one.customer] = one.where
    return [
        name for name, places in firsts.items() if places != sorted(places) or lasts[name] != places[-1]
    ]


def lost(world: World, due: set[Where]) -> set[Where]:
    """What MoEngage should have taken, and has not."""
    return due - {one.where for one in world.taken}


def check_merges(world: World, merges: set[Where], good: set[Where]) -> None:
    """A merge comes after everything of the user that goes which was handed on before."""
    came: set[Where] = set()
    for one in world.taken:
        if one.where in merges:
            before = {
                place
                for place in good - merges
                if place < one.where
                and customer_at(world, place) == one.customer
                and place[0] == one.where[0]
            }
            assert before <= came, f"merge at {one.where}: too early"
        came.add(one.where)


def check_receipts(world: World) -> None:
    """What is done has a receipt; every one is of an answer that MoEngage gave, or of what was parked."""
    assert world.unreceipted == [], "done without a receipt"
    assert world.receipts <= world.answers, "a receipt without its answer"


def check(plan: Plan) -> World:
    """Play a plan; what holds of every one."""
    world = run(play(plan))
    assert world.failures == []
    assert world.done
    good = places(plan) - plan.bad
    assert not lost(world, good), "lost"
    assert not {one.where for one in world.taken} - good, "what is bad was taken"
    merges = places(plan, "merge")
    assert world.sent_again == [], "sent though a commit said that it was done"
    check_twice(world, merges)
    assert not misplaced(world, merges), "out of order"
    check_merges(world, merges, good)
    check_receipts(world)
    assert dead(world) >= {
        (p, at) for p, at in plan.bad if plan.logs[p][at][1] not in ("poison", "merge")
    }
    return world


def check_parked(plan: Plan, redrives: list[list[Move]]) -> World:
    """The same with customers that are parked, and everything redriven until all is well."""
    world = run(play(plan, redrives=[*redrives, []]))
    assert world.failures == []
    assert not lost(world, places(plan)), "lost"
    refused_apart = places(plan, "merge") | (places(plan, "delete") & plan.bad)  # these park nobody
    assert not misplaced(world, refused_apart), "out of order"
    check_receipts(world)
    assert all(not rows.rows for rows in world.rows), "somebody is parked for good"
    return world


@FEW
@given(plans())
def test_nothing_is_lost_nothing_is_out_of_order_and_little_comes_twice(plan: Plan) -> None:
    check(plan)


redrives = st.lists(st.lists(moves, max_size=2), min_size=1, max_size=2)


@FEW
@given(plans(after_refusal="park"), redrives)
def test_parked_customers_keep_their_order_over_dead_letters_and_redrives(
    plan: Plan, redrives: list[list[Move]]
) -> None:
    check_parked(plan, redrives)


def tell(what: str, worlds: list[World], due: Callable[[Plan], set[Where]]) -> None:
    """What the schedules of a run came to, all together."""
    tally = {
        "schedules": len(worlds),
        "elements": sum(len(log) for world in worlds for log in world.plan.logs),
        "calls": sum(world.calls for world in worlds),
        "kills and moves": sum(len(world.plan.moves) for world in worlds),
        "delivered": sum(len({one.where for one in world.taken}) for world in worlds),
        "twice": sum(len(world.taken) - len({one.where for one in world.taken}) for world in worlds),
        "lost": sum(len(lost(world, due(world.plan))) for world in worlds),
        "customers out of order": sum(
            len(misplaced(world, places(world.plan, "merge", "delete"))) for world in worlds
        ),
    }
    print(f"\n{what}, seed {SEED}: " + ", ".join(f"{name} {count}" for name, count in tally.items()))


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_thousands_of_schedules() -> None:
    worlds: list[World] = []

    @seed(SEED)
    @MANY
    @given(plans())
    def every(plan: Plan) -> None:
        worlds.append(check(plan))

    every()
    tell("anything happens", worlds, lambda plan: places(plan) - plan.bad)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_thousands_of_schedules_with_parked_customers() -> None:
    worlds: list[World] = []

    @seed(SEED)
    @MANY
    @given(plans(after_refusal="park"), redrives)
    def every(plan: Plan, redrives: list[list[Move]]) -> None:
        worlds.append(check_parked(plan, redrives))

    every()
    tell("parked customers and redrives", worlds, places)
