"""What is noted of dead letters, and what all notes come to."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_letters import Record, delivery, of_delivery, read

from moebridge.dead_letters.settlements import Book, Note, note_on, read_note

LETTERS = [read(of_delivery(delivery(number), offset=number), offset=number) for number in range(5)]


def test_a_note_is_read_as_it_was_written_and_holds_nobodys_name() -> None:
    note = note_on(LETTERS[:2], "run-1", "redriven")
    assert Note.read(note.value()) == note
    assert json.loads(note.value()) == {
        "run": "run-1",
        "said": "redriven",
        "letters": [[letter.offset, f"{letter.fingerprint:016x}"] for letter in LETTERS[:2]],
    }


@pytest.mark.parametrize(
    "value",
    [
        None, b"", b"[]", b"{}", b'{"run":1,"said":"begun","letters":[]}',
        b'{"run":"r","said":"eaten","letters":[]}', b'{"run":"r","said":"begun","letters":[7]}',
        b'{"run":"r","said":"begun","letters":[[1,2]]}',
        b'{"run":"r","said":"begun","letters":[[1,"x"]]}',
    ],
)  # fmt: skip
def test_what_is_no_note_is_passed_over(value: bytes | None) -> None:
    assert read_note(Record("t", 0, 0, b"", value)) is None


def test_the_run_that_came_last_has_the_partition_and_an_older_one_begins_nothing_more() -> None:
    book = Book()
    book.take(Note("a", "begun"), 1)
    book.take(note_on(LETTERS[:1], "a", "begun"), 2)
    assert (book.owner, book.in_hand(but="a"), book.in_hand(but="b")) == ("a", False, True)
    book.take(Note("b", "begun"), 3)
    assert book.owner == "b"
    book.take(note_on(LETTERS[1:2], "a", "begun"), 4)
    assert not book.doubtful(LETTERS[1])
    assert book.doubtful(LETTERS[0])
    book.take(note_on(LETTERS[:1], "a", "redriven"), 5)  # what it had begun before, it did
    settlement = book.settled(LETTERS[0])
    assert settlement is not None
    assert (settlement.did, settlement.at, settlement.run) == ("redriven", 5, "a")
    assert not book.doubtful(LETTERS[0])
    assert not book.in_hand(but="b")


def test_nobody_waits_twice_for_a_run_that_is_gone() -> None:
    book = Book()
    book.take(note_on(LETTERS[:2], "a", "begun"), 1)
    book.take(Note("b", "begun"), 2)
    assert book.in_hand(but="b")
    book.take(note_on(LETTERS[2:3], "b", "begun"), 3)  # b has waited
    book.take(note_on(LETTERS[2:3], "b", "redriven"), 4)
    assert not book.in_hand(but="c")
    assert [book.doubtful(letter) for letter in LETTERS] == [True, True, False, False, False]
    assert [book.settled(letter) is not None for letter in LETTERS] == [False, False, True, False, False]


_NOTES = st.lists(
    st.builds(
        note_on,
        st.lists(st.sampled_from(LETTERS), unique_by=lambda letter: letter.offset),
        st.sampled_from("abc"),
        st.sampled_from(["begun", "redriven", "discarded"]),
    )
)


@given(notes=_NOTES)
def test_what_is_settled_stays_so_and_the_first_word_counts(notes: list[Note]) -> None:
    book = Book()
    first: dict[int, str] = {}
    for at, note in enumerate(notes):
        book.take(note, at)
        if note.said != "begun":
            for _, fingerprint in note.letters:
                first.setdefault(fingerprint, note.said)
    for letter in LETTERS:
        settlement = book.settled(letter)
        assert (None if settlement is None else settlement.did) == first.get(letter.fingerprint)
        assert settlement is None or not book.doubtful(letter)
