"""Delivery under anything: random answers, kills and rebalances against a simulated world.

Nothing is lost, nothing of a customer goes out of order, and what comes twice was taken without an
answer, or by a worker that was killed before it could commit it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

from delivery_world import Move, Plan, Taken, Turn, Where, World, customer_at, play
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual_time import run

from moengage.budgets import Rates

EXAMPLES = int(os.environ.get("MOEBRIDGE_TEST_SCHEDULES", "1000"))
CHECKED = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip

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
    places = [(p, at) for p, log in enumerate(logs) for at in range(len(log))]
    bad = draw(st.sets(st.sampled_from(places), max_size=4)) if places else set()
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


def check_order(world: World, merges: set[Where]) -> None:
    """Every customer's elements came in order, each for the first time; and the last one came last."""
    firsts: dict[str, list[Where]] = defaultdict(list)
    lasts: dict[str, Where] = {}
    for one in world.taken:
        if one.where in merges:
            continue  # these have their turn among another customer's elements
        if one.where not in firsts[one.customer]:
            firsts[one.customer].append(one.where)
        lasts[one.customer] = one.where
    for name, places in firsts.items():
        assert places == sorted(places), f"{name}: out of order"
        assert lasts[name] == max(places), f"{name}: something old came last"


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


@CHECKED
@given(plans())
def test_nothing_is_lost_nothing_is_out_of_order_and_little_comes_twice(plan: Plan) -> None:
    world = run(play(plan))
    assert world.failures == []
    assert world.done
    good = {
        (p, at)
        for p, log in enumerate(plan.logs)
        for at, (_, kind) in enumerate(log)
        if kind != "poison" and (p, at) not in plan.bad
    }
    assert good <= {one.where for one in world.taken}, "lost"
    assert not {one.where for one in world.taken} - good, "what is bad was taken"
    merges = {
        (p, at) for p, log in enumerate(plan.logs) for at, (_, kind) in enumerate(log) if kind == "merge"
    }
    assert world.sent_again == [], "sent though a commit said that it was done"
    check_twice(world, merges)
    check_order(world, merges)
    check_merges(world, merges, good)
    assert dead(world) >= {
        (p, at) for p, at in plan.bad if plan.logs[p][at][1] not in ("poison", "merge")
    }


calm = st.builds(Turn, st.sampled_from(["ok", "ok", "429", "500", "timeout"]), seconds)


@CHECKED
@given(plans(after_refusal="park"), st.lists(st.lists(moves, max_size=2), min_size=1, max_size=2))
def test_parked_customers_keep_their_order_over_dead_letters_and_redrives(
    plan: Plan, redrives: list[list[Move]]
) -> None:
    world = run(play(plan, redrives=[*redrives, []]))
    assert world.failures == []
    good = {
        (p, at) for p, log in enumerate(plan.logs) for at, (_, kind) in enumerate(log) if kind != "poison"
    }
    merges = {(p, at) for p, at in good if plan.logs[p][at][1] == "merge"}
    deletes = {(p, at) for p, at in good if plan.logs[p][at][1] == "delete"}
    assert good <= {one.where for one in world.taken}, "lost"
    refused_apart = merges | (deletes & plan.bad)  # these park nobody
    check_order(world, refused_apart)
    assert all(not rows.rows for rows in world.rows), "somebody is parked for good"
