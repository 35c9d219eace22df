"""The notes on moebridge.replays, and what they come to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import InvalidData
from streams.replay.control import Book, Counts, Note, Reached, Said, read_note


def book(*notes: Note) -> Book:
    """All of them, a second apart."""
    made = Book()
    for number, note in enumerate(notes):
        made.take(note, number * 1000)
    return made


def note(said: Said, runner: str = "", replay: str = "a", **fields: object) -> Note:
    return Note(replay, said, runner, **fields)  # type: ignore[arg-type]


BEGUN = note("begun", "r1")
RUNNING = note("running", "r1")


@pytest.mark.parametrize(
    ("notes", "state", "active", "at_work"),
    [
        ([BEGUN], "starting", "a", False),
        ([BEGUN, RUNNING], "running", "a", True),
        ([BEGUN, RUNNING, note("paused", "r1")], "paused", "a", False),
        ([BEGUN, RUNNING, note("paused")], "paused", "a", True),
        ([BEGUN, RUNNING, note("paused"), note("running", "r1")], "paused", "a", True),
        ([BEGUN, RUNNING, note("paused", "r1"), note("resumed", "r2")], "starting", "a", False),
        ([BEGUN, RUNNING, note("resumed", "r2")], "starting", "a", True),
        ([BEGUN, RUNNING, note("resumed", "r2"), note("running", "r1")], "starting", "a", True),
        ([BEGUN, RUNNING, note("resumed", "r2"), note("running", "r2")], "running", "a", True),
        # The older one says that it stopped, or that it is done: that ends nothing.
        ([BEGUN, RUNNING, note("resumed", "r2"), note("paused", "r1")], "starting", "a", False),
        ([BEGUN, RUNNING, note("resumed", "r2"), note("done", "r1")], "starting", "a", True),
        ([BEGUN, RUNNING, note("done", "r1")], "done", "", False),
        ([BEGUN, RUNNING, note("paused"), note("done", "r1")], "done", "", False),
        ([BEGUN, RUNNING, note("cancelled")], "cancelled", "", True),
        ([BEGUN, RUNNING, note("cancelled"), note("paused", "r1")], "cancelled", "", False),
        ([BEGUN, RUNNING, note("cancelled"), note("resumed", "r2")], "cancelled", "", True),
        ([BEGUN, RUNNING, note("cancelled"), note("done", "r1")], "cancelled", "", False),
    ],
)
def test_what_notes_come_to(notes: list[Note], state: str, active: str, at_work: bool) -> None:
    made = book(*notes)
    assert (made.replays["a"].state, made.active) == (state, active)
    assert made.others_at_work("another") is at_work


def test_only_the_owner_of_the_active_replay_may_work() -> None:
    made = book(BEGUN, note("begun", "r2", "b"))
    assert made.may_work("a", "r1")
    assert not made.may_work("a", "r2")
    assert not made.may_work("b", "r2")
    assert made.replays["b"].state == "refused"
    assert made.replays["b"].behind == "a"
    made.take(note("cancelled"), 9)
    assert not made.may_work("a", "r1")
    # What was refused stays so: whoever wants it begins another.
    assert not made.may_work("b", "r2")
    made.take(note("begun", "r3", "c"), 10)
    assert made.may_work("c", "r3")


def test_a_runner_does_not_wait_for_itself_but_for_those_of_another_replay() -> None:
    made = book(BEGUN, RUNNING, note("cancelled"), note("begun", "r2", "b"))
    assert not made.others_at_work("r1")
    assert made.others_at_work("r2")


def test_positions_are_those_furthest_on_and_times_those_of_the_notes() -> None:
    ahead, behind = {0: Reached(9, Counts(3)), 1: Reached(2)}, {0: Reached(5), 2: Reached(4, Counts(1))}
    made = book(
        note("begun", "r1", request={"id": "a"}, totals={"chosen": 7}),
        note("running", "r1", positions=ahead, rate=2.5),
        note("running", "r1", positions=behind),
        note("paused", "r1"),
    )
    known = made.replays["a"]
    assert known.positions == {0: Reached(9, Counts(3)), 1: Reached(2), 2: Reached(4, Counts(1))}
    assert (known.begun_at, known.since, known.heard_at) == (0, 3000, 3000)
    assert known.totals == {"chosen": 7}


def test_what_is_known_of_no_beginning_counts_for_nothing() -> None:
    assert book(note("running", "r1"), note("paused"), note("done", "r1")) == Book()


_NAMES = st.text(st.characters(codec="utf-8"), max_size=5)
_COUNT = st.integers(0, 2**53)
_REACHED = st.builds(Reached, _COUNT, st.builds(Counts, _COUNT, _COUNT, _COUNT))


@given(
    st.builds(
        Note,
        _NAMES,
        st.sampled_from(["resumed", "running", "paused", "cancelled", "done"]),
        _NAMES,
        positions=st.dictionaries(st.integers(0, 300), _REACHED, max_size=3),
        rate=st.none() | st.integers(0, 1000).map(lambda n: n / 8),
    )
    | st.builds(Note, _NAMES, st.just("begun"), _NAMES, st.just({"a": [1]}), st.just({"b": 2}))
)
def test_a_note_is_read_as_it_was_written(one: Note) -> None:
    assert Note.read(one.value()) == one


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"[]",
        b'{"replay": "a", "said": "sung", "runner": ""}',
        b'{"replay": 1, "said": "paused", "runner": ""}',
        b'{"replay": "a", "said": "paused"}',
        b'{"replay": "a", "said": "paused", "runner": "r", "rate": "fast"}',
        b'{"replay": "a", "said": "paused", "runner": "r", "positions": {"x": {"next": 1}}}',
        b'{"replay": "a", "said": "paused", "runner": "r", "positions": {"0": {"next": "1"}}}',
        b'{"replay": "a", "said": "paused", "runner": "r", "positions": {"0": {"next": 1, "z": 1}}}',
        b'{"replay": "a", "said": "begun", "runner": "r", "request": []}',
    ],
)
def test_what_is_no_note_is_passed_over(value: bytes | None) -> None:
    with pytest.raises(InvalidData):
        Note.read(value)
    assert read_note(value) is None
