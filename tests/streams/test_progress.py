"""Liveness is progress: what stands still, what waits, and what has nothing to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chunks import Place, Standing
from streams.progress import LONGEST_LOOK_S, Facts, Phase, Progress, Reach, Verdict, has_work
from streams.waiting import BROKER

HERE = Place("moengage.deliveries", 0)
THERE = Place("intercom.contacts", 3)
STALL_S, JOIN_S = 20.0, 30.0

IDLE = Standing(expected=40, done=40, committed=40, out=0)
IN_HAND = Standing(expected=40, done=20, committed=20, out=20)
UNREAD = Standing(expected=10, done=10, committed=10, out=0)
UNCOMMITTED = Standing(expected=40, done=40, committed=30, out=0)
STRAY = Standing(expected=40, done=20, committed=20, out=20, stray=20)


def working(standings: Mapping[Place, Standing], **facts: object) -> Facts:
    return replace(Facts(phase=Phase.WORKING, standings=standings), **facts)


class Watched:
    """Looks once a second; the loop beats and the consumer polls unless a test says otherwise."""

    def __init__(self) -> None:
        self.progress = Progress(STALL_S, JOIN_S)
        self.now_s = 1000.0
        self.turn = 0

    def look(self, facts: Facts, reach: Reach | None = None, *, moves: bool = True) -> Verdict:
        self.turn += 1
        self.now_s += 1.0
        if moves:
            facts = replace(facts, beats=self.turn, polls=self.turn)
        return self.progress.look(
            self.now_s, facts, Reach({HERE: 40, THERE: 40}) if reach is None else reach
        )

    def looks(
        self, times: float, facts: Facts, reach: Reach | None = None, *, moves: bool = True
    ) -> Verdict:
        for _ in range(int(times)):
            verdict = self.look(facts, reach, moves=moves)
        return verdict


@pytest.mark.parametrize(
    ("standing", "end", "expected"),
    [
        (IDLE, 40, False),
        (IDLE, None, False),
        (IDLE, 41, True),
        (IN_HAND, None, True),
        (UNCOMMITTED, 40, True),
        (UNREAD, 40, True),
        (Standing(None, None, None, 0), 0, False),
        (Standing(None, None, None, 0), 1, True),
        (Standing(7, None, None, 0), 7, False),  # all of it expired before it was read
    ],
)
def test_what_is_work(standing: Standing, end: int | None, expected: bool) -> None:
    assert has_work(standing, end) is expected


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (IN_HAND, "20 records in hand"),
        (STRAY, "20 records in hand"),
        (UNREAD, "nothing in hand, log reaches to 40"),
        (UNCOMMITTED, "done below 40, not committed"),
    ],
)
def test_work_without_progress_is_standing_still(standing: Standing, words: str) -> None:
    watched = Watched()
    assert watched.looks(STALL_S, working({HERE: standing, THERE: IDLE})).stalled == ()
    [reason] = watched.look(working({HERE: standing, THERE: IDLE})).stalled
    assert reason.startswith("moengage.deliveries[0] has stood still for 20 s")
    assert words in reason


@pytest.mark.parametrize("how", ["done", "committed"])
def test_any_progress_begins_the_time_anew(how: str) -> None:
    watched = Watched()
    for step in range(100):
        standing = IN_HAND._replace(**{how: 20 + step // 15})
        assert watched.look(working({HERE: standing})).stalled == ()


def test_fetching_alone_is_no_progress() -> None:
    """Nor is a rebalance that goes back and does the same again."""
    watched = Watched()
    for step in range(40):
        back = step % 5 == 0
        standing = Standing(20 + step, None if back else 30, None if back else 20, 5)
        verdict = watched.look(working({HERE: standing}))
    assert verdict.stalled


def test_a_log_that_was_cut_is_progress_again() -> None:
    watched = Watched()
    watched.looks(5, working({HERE: Standing(900, 900, 900, 0)}), Reach({HERE: 900}))
    for step in range(60):
        done = 100 + step // 10
        standing = Standing(800, done, done, 10)
        assert watched.look(working({HERE: standing}), Reach({HERE: 800})).stalled == ()


def test_nothing_to_do_is_never_standing_still() -> None:
    assert Watched().looks(10 * STALL_S, working({HERE: IDLE, THERE: IDLE})).stalled == ()


def test_a_known_reason_to_wait_is_none_and_is_told() -> None:
    watched = Watched()
    waiting = working({HERE: IN_HAND, THERE: IDLE}, waits={HERE: "MoEngage limits the rate"})
    verdict = watched.looks(10 * STALL_S, waiting)
    assert verdict.stalled == ()
    assert verdict.waits == {HERE: "MoEngage limits the rate"}
    # Once the reason is gone, the time begins.
    assert watched.looks(STALL_S, working({HERE: IN_HAND})).stalled == ()
    assert watched.looks(2, working({HERE: IN_HAND})).stalled


def test_a_reason_of_one_lane_is_no_other_lanes() -> None:
    watched = Watched()
    facts = working({HERE: IN_HAND, THERE: IN_HAND}, waits={HERE: "MoEngage limits the rate"})
    [reason] = watched.looks(STALL_S + 1, facts).stalled
    assert reason.startswith("intercom.contacts[3]")


@pytest.mark.parametrize("reach", [Reach(answers=False), Reach({}, frozenset({HERE}))])
def test_a_broker_that_does_not_answer_others_either_is_waited_for(reach: Reach) -> None:
    watched = Watched()
    verdict = watched.looks(10 * STALL_S, working({HERE: UNCOMMITTED}), reach)
    assert verdict.stalled == ()
    assert verdict.waits == {HERE: BROKER}
    assert verdict.broker is reach.answers
    assert watched.looks(STALL_S + 1, working({HERE: UNCOMMITTED})).stalled


def test_a_chunk_in_the_line_of_its_stage_moves_with_the_stage() -> None:
    watched = Watched()
    for turn in range(100):
        facts = working({THERE: IN_HAND}, finished={THERE.topic: turn // 10})
        assert watched.look(facts).stalled == ()
    assert watched.looks(STALL_S + 1, working({THERE: IN_HAND}, finished={THERE.topic: 9})).stalled


def test_a_chunk_that_never_came_to_the_line_does_not() -> None:
    watched = Watched()
    for turn in range(30):
        verdict = watched.look(working({THERE: STRAY}, finished={THERE.topic: turn}))
    assert verdict.stalled


def test_a_blocked_loop() -> None:
    watched = Watched()
    for phase in (Phase.STARTING, Phase.RECOVERING, Phase.WORKING):
        watched.look(Facts(phase))
        verdict = watched.looks(STALL_S + 1, Facts(phase, beats=7), moves=False)
        assert any("event loop is blocked for 20 s" in reason for reason in verdict.stalled)
        assert verdict.blocked


def test_polls_must_go_on_even_without_work() -> None:
    watched = Watched()
    watched.looks(5, working({HERE: IDLE}))
    for beat in range(int(STALL_S) + 2):
        verdict = watched.look(working({HERE: IDLE}, polls=5, beats=100 + beat), moves=False)
    assert verdict.stalled == ("the consumer has not polled for 22 s",)
    assert not verdict.blocked


def test_a_part_that_has_ended_is_found_out_at_once_but_not_while_it_is_exchanged() -> None:
    watched = Watched()
    ended = working({}, ended=("the consumer's thread",))
    assert watched.looks(2, ended).stalled == ()
    assert watched.look(working({})).stalled == ()
    assert watched.looks(3, ended).stalled == ("the consumer's thread has ended",)


def test_joining_may_take_a_rebalance_longer() -> None:
    watched = Watched()
    assert watched.looks(STALL_S + JOIN_S, Facts(Phase.JOINING)).stalled == ()
    [reason] = watched.look(Facts(Phase.JOINING)).stalled
    assert reason == "joining the group has not come to an end for 50 s"


def test_joins_that_never_come_to_work_are_one_join() -> None:
    watched = Watched()
    for generation in range(16):
        watched.looks(3, Facts(Phase.JOINING))
        verdict = watched.looks(2, Facts(Phase.RECOVERING, recovered=generation))
    assert verdict.stalled == ()
    assert watched.looks(3, Facts(Phase.JOINING)).stalled


def test_a_rebalance_every_few_seconds_is_alive_as_long_as_work_is_done_in_between() -> None:
    watched = Watched()
    for turn in range(100):
        assert watched.looks(4, Facts(Phase.JOINING)).stalled == ()
        done = turn * 10
        standing = Standing(done + 5, done, done, 5)
        assert watched.look(working({HERE: standing}), Reach({HERE: 5000})).stalled == ()


def test_and_not_when_none_is_done() -> None:
    """A partition that comes back to the same worker again and again keeps its time."""
    watched = Watched()
    for _ in range(30):
        watched.looks(4, Facts(Phase.JOINING))
        verdict = watched.looks(2, working({HERE: IN_HAND}))
    assert verdict.stalled


def test_recovery_may_take_long_while_it_moves() -> None:
    watched = Watched()
    for step in range(200):
        assert watched.look(Facts(Phase.RECOVERING, recovered=step // 10)).stalled == ()
    [reason] = watched.looks(STALL_S, Facts(Phase.RECOVERING, recovered=19)).stalled
    assert reason.startswith("the recovery of tables has stood still")


def test_a_stop_has_a_bound_of_its_own() -> None:
    stopping = Facts(Phase.STOPPING, ended=("the consumer's thread",))
    assert Watched().looks(10 * STALL_S, stopping, moves=False).stalled == ()


@given(st.floats(LONGEST_LOOK_S, 1e6))
def test_time_in_which_nobody_looked_counts_little(away_s: float) -> None:
    """A process that was stopped and goes on has not stood still: nothing of it ran."""
    watched = Watched()
    facts = working({HERE: IN_HAND})
    watched.looks(STALL_S - LONGEST_LOOK_S, facts)
    watched.now_s += away_s
    assert watched.look(facts).stalled == ()
    assert watched.looks(STALL_S, facts).stalled


STEPS = st.lists(
    st.tuples(
        st.floats(0.1, 10),  # seconds to the next look
        st.integers(0, 3),  # records done
        st.booleans(),  # whether a reason is known
        st.sampled_from([Phase.WORKING, Phase.WORKING, Phase.WORKING, Phase.JOINING]),
    ),
    max_size=60,
)


@given(STEPS)
def test_stalled_means_that_so_much_time_was_seen_without_progress_or_reason(steps: list) -> None:
    """And the other way round; counted anew here, in the plainest way."""
    progress = Progress(STALL_S, 1e9)
    now_s, done, done_before, still_s = 0.0, 0, -1, 0.0
    for turn, (passes_s, records, known, phase) in enumerate(steps):
        now_s += passes_s
        done += records
        standing = Standing(10_000, done, done, 5)
        waits = {HERE: "MoEngage limits the rate"} if known else {}
        facts = Facts(phase, beats=turn, polls=turn, standings={HERE: standing}, waits=waits)
        verdict = progress.look(now_s, facts, Reach({HERE: 20_000}))
        if phase is Phase.WORKING:
            moved, done_before = done > done_before, done
            if known:
                done_before = -1
            still_s = 0.0 if known or moved else still_s + min(passes_s, LONGEST_LOOK_S)
            assert bool(verdict.stalled) is (still_s >= STALL_S)
