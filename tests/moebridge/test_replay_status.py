"""What `moebridge replay status` says of what is in the notes and what is committed."""

from __future__ import annotations

from typing import Any

from moebridge.replay_status import document, last_of, standings
from streams.replay.control import Book, Counts, Note, Reached, Said

REQUEST = {"id": "a", "config": "default", "kind": "derive"}


def book(*notes: tuple[Said, dict[str, Any]]) -> Book:
    """Notes on the replay "a" of a runner or, where they say so, an operator; ten seconds apart."""
    made = Book()
    for number, (said, fields) in enumerate(notes):
        made.take(Note("a", said, **{"runner": "r", **fields}), number * 10_000)
    return made


def told(made: Book, committed: dict[int, Reached], now_ms: int) -> dict[str, Any]:
    [one] = standings(made, committed, 10)
    return document(one, made.replays[one.id], now_ms)


BEGUN: tuple[Said, dict[str, Any]] = ("begun", {"request": REQUEST, "totals": {"chosen": 100}})
RUNNING: tuple[Said, dict[str, Any]] = ("running", {"positions": {0: Reached(5, Counts(10, 5, 5))}})


def test_what_is_committed_since_the_last_note_tells_the_rate_and_the_time_left() -> None:
    one = told(book(BEGUN, RUNNING), {0: Reached(9, Counts(30, 15, 15))}, 20_000)
    assert (one["state"], one["chosen"], one["published"]["records"]) == ("running", 100, 30)
    assert one["rate"] == 2.0
    assert one["left_s"] == 35.0
    assert not one["silent"]
    assert (one["config"], one["kind"]) == ("default", "derive")


def test_a_runner_that_says_nothing_is_told_of() -> None:
    assert not told(book(BEGUN, RUNNING), {}, 100_000)["silent"]
    assert told(book(BEGUN, RUNNING), {}, 100_001)["silent"]
    paused = book(BEGUN, RUNNING, ("paused", {"runner": ""}))
    assert not told(paused, {}, 1_000_000)["silent"]


def test_one_that_does_not_run_has_no_rate_and_no_time_left() -> None:
    one = told(book(BEGUN, RUNNING, ("paused", {})), {0: Reached(9, Counts(30))}, 30_000)
    assert (one["state"], one["rate"], one["left_s"]) == ("paused", None, None)
    assert one["since"] == "1970-01-01T00:00:20Z"


def test_what_is_committed_counts_for_the_active_one_alone() -> None:
    made = book(BEGUN, RUNNING, ("cancelled", {"runner": ""}))
    assert told(made, {0: Reached(99, Counts(99))}, 0)["published"]["records"] == 10


def test_the_last_ones_the_newest_first() -> None:
    made = book(BEGUN, ("done", {}))
    made.take(Note("b", "begun", "r2", REQUEST, {"chosen": 1}), 50_000)
    made.take(Note("c", "begun", "r3", REQUEST, {"chosen": 1}), 60_000)
    assert [one.id for one in standings(made, {}, 2)] == ["c", "b"]
    assert [one.state for one in standings(made, {}, 3)] == ["refused", "starting", "done"]
    assert last_of(made) == "the last one, c, is refused since 1970-01-01T00:01:00Z"
    assert last_of(Book()) == "there was none yet"
