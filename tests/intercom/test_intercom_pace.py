"""The pace, against a server that counts as Intercom does."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from intercom.answers import Allowance
from intercom.pace import MAX_WAIT_S, MIN_WAIT_S, WINDOW_S, Pace

START_S = 1000.0


def out(pace: Pace, calls: int, now_s: float) -> list[float]:
    return [pace.take(now_s) for _ in range(calls)]


def test_without_a_word_of_a_limit_none_holds() -> None:
    assert out(Pace(), 1000, START_S) == [0.0] * 1000


def test_what_is_left_may_go_out_and_the_rest_waits_for_the_window() -> None:
    pace = Pace()
    pace.take(START_S)
    pace.returned(Allowance(5, 2, START_S + 4), START_S + 1)
    assert out(pace, 4, START_S + 1) == [0.0, 0.0, 3.0, 3.0]
    assert out(pace, 1, START_S + 3.5) == [0.5]
    # Two are still out, and may count in the new window.
    assert out(pace, 4, START_S + 4) == [0.0, 0.0, 0.0, WINDOW_S]


def test_others_who_call_as_the_same_app_are_seen() -> None:
    pace = Pace()
    for remaining in (9, 1):
        pace.take(START_S)
        pace.returned(Allowance(10, remaining, START_S + 4), START_S)
    assert out(pace, 2, START_S) == [0.0, 4.0]


def test_a_limit_that_is_told_late_holds_all_the_same() -> None:
    pace = Pace()
    out(pace, 2, START_S)
    pace.returned(Allowance(2, 1, START_S + 4), START_S + 5)
    assert out(pace, 2, START_S + 5) == [0.0, WINDOW_S]


def test_a_reset_that_a_clock_puts_far_away_is_waited_for_no_longer_than_clocks_may_err() -> None:
    pace = Pace()
    pace.take(START_S)
    pace.returned(Allowance(5, 0, START_S + 3600), START_S)
    assert out(pace, 1, START_S) == [MAX_WAIT_S]


def test_an_answer_that_was_overtaken_gives_nothing_back() -> None:
    pace = Pace()
    out(pace, 2, START_S)
    pace.returned(Allowance(10, 0, START_S + 4), START_S)
    pace.returned(Allowance(10, 1, START_S + 4), START_S)
    assert out(pace, 1, START_S) == [4.0]


def test_a_refusal_stops_everything_for_its_time_and_no_longer_than_a_clock_may_err() -> None:
    for told, waits in ((3.0, 3.0), (0.0, MIN_WAIT_S), (3600.0, MAX_WAIT_S)):
        pace = Pace()
        pace.take(START_S)
        pace.returned(None, START_S)
        pace.exceeded(told, START_S)
        assert out(pace, 2, START_S) == [waits, waits]
        assert out(pace, 1, START_S + waits) == [0.0]


def test_a_clock_that_is_set_back_stops_nothing_for_long() -> None:
    pace = Pace()
    pace.take(START_S)
    pace.returned(Allowance(1, 0, START_S + 4), START_S)
    assert out(pace, 1, START_S - 3600) == [0.0]


@dataclass
class Server:
    """Counts calls in windows on whole tens; ``others`` calls of each window are somebody else's."""

    limit: int
    others: int = 0
    taken: Counter[int] = field(default_factory=Counter)
    refused: int = 0

    def answer(self, now_s: float) -> tuple[Allowance, bool]:
        window = int(now_s // WINDOW_S)
        room = self.limit - self.others - self.taken[window]
        if room > 0:
            self.taken[window] += 1
        else:
            self.refused += 1
        return Allowance(self.limit, max(0, room - 1), (window + 1) * WINDOW_S), room > 0


def drive(server: Server, concurrent: int, journeys: list[tuple[float, float]], start_s: float) -> float:
    """Make calls, each with its time there and back, so many at once; returns when all are answered."""
    pace = Pace()
    order = itertools.count()
    calls = iter(journeys)
    # Workers that are free, calls that arrive, answers that come back; by time.
    events: list[tuple[float, int, str, tuple[float, float], Allowance | None]] = []

    def at(when: float, what: str, journey: tuple[float, float], told: Allowance | None = None) -> None:
        heapq.heappush(events, (when, next(order), what, journey, told))

    for journey in itertools.islice(calls, concurrent):
        at(start_s, "go", journey)
    now = start_s
    while events:
        now, _, what, journey, told = heapq.heappop(events)
        if what == "go":
            wait = pace.take(now)
            assert 0 <= wait <= max(WINDOW_S, MAX_WAIT_S)
            at(now + (wait or journey[0]), "go" if wait else "arrives", journey)
        elif what == "arrives":
            told, taken = server.answer(now)
            at(now + journey[1], "answered" if taken else "refused", journey, told)
        else:
            assert told is not None
            pace.returned(told, now)
            if what == "refused":
                pace.exceeded(told.reset_s - now, now)
                at(now, "go", journey)
            else:
                following = next(calls, None)
                if following is not None:
                    at(now, "go", following)
    assert pace.in_flight == 0
    return now


Journeys = st.lists(st.tuples(st.floats(0.01, 2), st.floats(0.01, 2)), min_size=1, max_size=80)


@given(
    limit=st.integers(1, 12), concurrent=st.integers(1, 12), journeys=Journeys, offset=st.floats(0, 10)
)
def test_alone_it_is_never_refused_and_gets_everything_answered(
    limit: int, concurrent: int, journeys: list[tuple[float, float]], offset: float
) -> None:
    server = Server(limit)
    ended = drive(server, min(concurrent, limit), journeys, START_S + offset)
    assert server.refused == 0
    assert server.taken.total() == len(journeys)
    # Slow answers and calls in flight cost some room, but never most of it.
    assert ended - START_S <= sum(map(sum, journeys)) + 4 * WINDOW_S * (1 + len(journeys) / limit)


@given(
    limit=st.integers(2, 12),
    others=st.integers(1, 11),
    concurrent=st.integers(1, 12),
    journeys=Journeys,
    offset=st.floats(0, 10),
)
def test_beside_others_a_refusal_costs_a_window_at_most(
    limit: int, others: int, concurrent: int, journeys: list[tuple[float, float]], offset: float
) -> None:
    server = Server(limit, others=min(others, limit - 1))
    ended = drive(server, concurrent, journeys, START_S + offset)
    assert server.taken.total() == len(journeys)
    windows = math.ceil((ended - START_S) / WINDOW_S) + 1
    assert server.refused <= concurrent * windows
