"""Runners that begin, pause, die, lose the broker, are resumed, cancelled, and overtake one another."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from replay_simulation import BATCH, Runner, World, record

from streams.errors import ReplayActive, ReplayInterrupted, ReplayNotActive, ReplayTakenOver
from streams.replay.chosen import Chosen
from streams.replay.control import total
from streams.replay.pace import BATCH_IS_S
from streams.replay.run import OVER_AFTER_S, PATIENCE_S

FAULTS = ["not done", "not confirmed"]


def some(count: int) -> list[Chosen]:
    return [record(0, offset) for offset in range(count)]


def names(records: list[Chosen]) -> list[str]:
    return [f"{one.place.partition}:{one.offset}" for one in records if one.outgoing]


def until_published(runner: Runner, batches: int = 1) -> None:
    while len(runner.world.batches) < batches:
        runner.move()


@st.composite
def _records(draw: st.DrawFn) -> list[Chosen]:
    next_of = [0, 0, 0]
    records = []
    for partition, gap, silent in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), min_size=1, max_size=20)
    ):
        records.append(record(partition, next_of[partition] + gap, silent=silent))
        next_of[partition] += gap + 1
    return records


@settings(max_examples=300)
@given(records=_records(), data=st.data())
def test_whatever_happens_one_runner_is_at_work_and_nothing_is_missing(
    records: list[Chosen], data: st.DataObject
) -> None:
    world = World(records)
    try:
        faults = _happens(world, data)
    finally:
        for runner in world.alive:
            runner.kill()
    # Nobody publishes once somebody after him has: neither of the same replay nor of another.
    at_work = [name for name, _ in groupby(runner for runner, _, _ in world.batches)]
    assert len(at_work) == len(set(at_work))
    book = world.book()
    assert book.active == ""
    cut_off = faults + sum(runner.killed for runner in world.runners)
    twice = 0
    for replay, known in book.replays.items():
        sent = world.published(replay)
        firsts = list(dict.fromkeys(sent))
        twice += len(sent) - len(firsts)
        assert firsts == names(records)[: len(firsts)], "in order"
        lasts = list(dict.fromkeys(reversed(sent)))[::-1]
        assert lasts == firsts, "also the last time, which is what stays"
        if known.state == "done":
            assert firsts == names(records), "nothing is missing"
            assert total(world.offsets[replay]).records == len(firsts)
            assert total(world.offsets[replay]) == total(known.positions)
        if known.state == "refused":
            assert not sent
    assert twice <= BATCH * cut_off


#: What happens next, to which one of those that it can happen to, and how many steps that one goes on.
WHATS = ["begin", "resume", "kill", "stop", "pause", "cancel", "fault", *["move"] * 9]
HAPPENINGS = st.lists(
    st.tuples(st.sampled_from(WHATS), st.integers(0, 20), st.integers(1, 20)), min_size=10, max_size=40
)


def _happens(world: World, data: st.DataObject) -> int:
    """Things happen, and then somebody goes on in peace; how many faults there were."""
    faults = 0
    for do, which, steps in data.draw(HAPPENINGS):
        replays = [note.replay for note in world.notes if note.said == "begun"]
        replay = replays[-1 - which % 2 % len(replays)] if replays else ""
        runner = world.alive[which % len(world.alive)] if world.alive else None
        if do == "begin" or not replays:
            runner = Runner(world, f"replay-{len(world.runners)}", begins=True)
        elif do == "resume":
            runner = Runner(world, replay, begins=False)
        elif do in ("pause", "cancel"):
            world.operator(replay, "paused" if do == "pause" else "cancelled")
        elif runner is not None:
            if do == "kill":
                runner.kill()
            elif do == "stop":
                runner.told_to_stop = True
            elif do == "fault":
                runner.desk.failing.append(FAULTS[which % 2])
                faults += 1
        for _ in range(steps):
            if runner is not None and runner.alive:
                runner.move()
    turns = data.draw(st.randoms(use_true_random=False))
    while alive := world.alive:
        turns.choice(alive).move()
    if active := world.book().active:
        assert Runner(world, active, begins=False).finish() == "done"
    return faults


def test_a_replay_alone_sends_each_record_once() -> None:
    world = World(some(8))
    one = Runner(world, "a", begins=True)
    assert one.finish() == "done"
    assert [len(batch) for _, _, batch in world.batches] == [3, 3, 2]
    assert world.published("a") == names(world.records)
    assert one.progress.counts.events == 8
    assert world.book().replays["a"].totals == {"chosen": 8}


def test_of_two_that_begin_at_once_the_first_in_the_log_goes_on() -> None:
    world = World(some(5))
    first, second = Runner(world, "a", begins=True), Runner(world, "b", begins=True)
    while not world.notes:  # both have looked, and found nothing
        second.move()
        first.move()
    refused, goes_on = (first, second) if world.notes[0].replay == "b" else (second, first)
    assert goes_on.finish() == "done"
    assert isinstance(refused.finish(), ReplayActive)
    assert f"replay {goes_on.replay} of configuration default is active" in str(refused.outcome)
    assert "resume --config-name default" in str(refused.outcome)
    assert {replay for _, replay, _ in world.batches} == {goes_on.replay}


def test_one_that_finds_another_active_writes_nothing() -> None:
    world = World(some(5))
    Runner(world, "a", begins=True)
    until_published(world.runners[0])
    before = len(world.notes)
    assert isinstance(Runner(world, "b", begins=True).finish(), ReplayActive)
    assert len(world.notes) == before


def test_killed_after_it_published_one_batch_comes_twice() -> None:
    world = World(some(8))
    one = Runner(world, "a", begins=True)
    until_published(one)
    one.kill()
    began = world.clock
    assert Runner(world, "a", begins=False).finish() == "done"
    assert world.published("a") == [*names(world.records)[:3], *names(world.records)]
    assert world.clock - began >= OVER_AFTER_S, "the other might have lived"


def test_paused_by_its_signal_the_next_one_need_not_wait() -> None:
    world = World(some(8))
    one = Runner(world, "a", begins=True)
    until_published(one)
    one.told_to_stop = True
    assert one.finish() == "paused"
    known = world.book().replays["a"]
    assert (known.state, known.positions[0].next) == ("paused", 3)
    began = world.clock
    assert Runner(world, "a", begins=False).finish() == "done"
    assert world.published("a") == names(world.records)
    assert world.clock - began < OVER_AFTER_S


def test_an_operator_pauses_and_cancels() -> None:
    world = World(some(20))
    one = Runner(world, "a", begins=True)
    until_published(one)
    world.operator("a", "paused")
    assert one.finish() == "paused"
    assert len(world.published("a")) <= 6, "the batch in hand at most"
    two = Runner(world, "a", begins=False)
    until_published(two, len(world.batches) + 1)
    world.operator("a", "cancelled")
    assert two.finish() == "cancelled"
    assert len(world.published("a")) < 20
    assert isinstance(Runner(world, "a", begins=False).finish(), ReplayNotActive)


def test_the_one_that_resumes_fences_the_older_one() -> None:
    world = World(some(20))
    older = Runner(world, "a", begins=True)
    until_published(older)
    newer = Runner(world, "a", begins=False)
    newer.move()
    newer.move()
    assert isinstance(older.finish(), ReplayTakenOver)
    began = world.clock
    assert newer.finish() == "done"
    assert world.published("a") == names(world.records), "none of them twice"
    assert world.clock - began < OVER_AFTER_S, "the older one said that it stopped"


def test_a_broker_that_is_away_for_a_while_is_waited_for() -> None:
    world = World(some(5))
    one = Runner(world, "a", begins=True)
    until_published(one)
    one.desk.failing = ["not done"] * 10
    assert one.finish() == "done"
    assert world.published("a") == names(world.records)


def test_a_broker_that_stays_away_ends_it_with_the_way_to_go_on() -> None:
    world = World(some(5))
    one = Runner(world, "a", begins=True)
    until_published(one)
    one.desk.failing = ["not done"] * 1000
    began = world.clock
    outcome: Any = one.finish()
    assert isinstance(outcome, ReplayInterrupted)
    assert "moebridge replay resume --config-name default" in str(outcome)
    assert world.clock - began >= PATIENCE_S
    assert Runner(world, "a", begins=False).finish() == "done"


def test_offsets_that_the_broker_has_forgotten_are_in_the_notes() -> None:
    world = World(some(8))
    one = Runner(world, "a", begins=True)
    until_published(one)
    one.told_to_stop = True
    one.finish()
    world.offsets.clear()
    Runner(world, "a", begins=False).finish()
    assert world.published("a") == names(world.records)


def test_it_stands_still_while_live_traffic_is_behind_or_nothing_is_known_of_it() -> None:
    world = World(some(12))
    one = Runner(world, "a", begins=True)
    until_published(one)
    for lag in (9, None):
        world.lag = lag
        sent = len(world.batches)
        until = world.clock + 60
        while world.clock < until:
            one.move()
        assert len(world.batches) <= sent + 1, "a batch that had its room already"
        assert one.progress.waiting.startswith("for live traffic")
    assert [note.said for note in world.notes if note.said == "running"][1:], "it says that it lives"
    world.lag = 7
    assert one.finish() == "done"
    assert world.published("a") == names(world.records)
    assert world.clock >= 120


def test_it_goes_no_faster_than_its_share() -> None:
    world = World(some(100))
    Runner(world, "a", begins=True).finish()
    # The last batch need not be over.
    assert world.clock >= (100 / BATCH - 1) * BATCH_IS_S


def test_what_was_overtaken_by_now_is_left_out_and_passed() -> None:
    world = World(some(7))
    one = Runner(world, "a", begins=True)
    until_published(one)
    world.overtaken = {(0, 1), (0, 4), (0, 6)}
    assert one.finish() == "done"
    assert world.published("a") == ["0:0", "0:1", "0:2", "0:3", "0:5"]
    assert world.offsets["a"][0].next == 7
    assert one.progress.counts.records == 5


def test_records_that_cannot_be_read_for_a_while_are_waited_for() -> None:
    world = World(some(7))
    one = Runner(world, "a", begins=True)
    until_published(one)
    world.reading_fails = 20
    assert one.finish() == "done"
    assert world.published("a") == names(world.records)


def test_records_that_stay_unreadable_end_it_with_the_way_to_go_on() -> None:
    world = World(some(7))
    one = Runner(world, "a", begins=True)
    until_published(one)
    world.reading_fails = 1000
    assert isinstance(one.finish(), ReplayInterrupted)
    world.reading_fails = 0
    assert Runner(world, "a", begins=False).finish() == "done"
    assert world.published("a") == names(world.records)
