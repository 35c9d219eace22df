"""Which letters a run works on, where some are parked behind others."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from some_letters import Record, delivery, of_delivery, read

from events.topics import CONTACTS, DELIVERIES
from moebridge.dead_letters.choice import Choice, Job, Verdict
from moebridge.dead_letters.letter import PARKED, Letter
from moebridge.dead_letters.selection import Selection
from moebridge.dead_letters.settlements import Did, Settlement
from streams.stages.stage import dead_letter


def choice(did: Did = "redriven", **selection: Any) -> Choice:
    return Choice(Job("run", did, Selection(**selection), frozenset({DELIVERIES})))


def letter(offset: int, reason: str = PARKED, customer: str = "u1", **fields: Any) -> Letter:
    one = of_delivery(delivery(offset, customer, **fields), offset=offset, reason=reason)
    return read(one, offset=offset)


def verdicts(chosen: Choice, *letters: Letter) -> list[Verdict]:
    return [chosen.judge(one, None) for one in letters]


REFUSED = "BadRequest: refused"
LETTERS = (letter(0, REFUSED), letter(1), letter(2, REFUSED, "u2"), letter(3, customer="u2"), letter(4))


def test_what_is_parked_goes_along_with_what_it_waits_for() -> None:
    assert verdicts(choice(ids=frozenset({(0, 0)})), *LETTERS) == [
        "goes", "along", "other", "other", "along",
    ]  # fmt: skip


def test_what_is_parked_stays_where_what_it_waits_for_stays() -> None:
    assert verdicts(choice(ids=frozenset({(0, 1), (0, 2)})), *LETTERS) == [
        "other", "behind", "goes", "along", "other",
    ]  # fmt: skip


def test_an_earlier_run_that_was_cut_off_counts_for_what_it_left() -> None:
    chosen = choice(reason="refused")
    done = Settlement("redriven", 1, "before")
    assert chosen.judge(LETTERS[0], done) == "settled"
    assert verdicts(chosen, LETTERS[1], LETTERS[4]) == ["along", "along"]


def test_what_waited_for_a_discarded_one_waits_for_nothing_and_goes_when_it_is_meant() -> None:
    done = Settlement("discarded", 1, "before")
    for selection, verdict in (({"reason": "refused"}, "other"), ({"reason": "parked"}, "goes")):
        chosen = choice(**selection)
        chosen.judge(LETTERS[0], done)
        assert chosen.judge(LETTERS[1], None) == verdict


def test_a_discard_takes_what_is_meant_and_nothing_along() -> None:
    assert verdicts(choice("discarded", ids=frozenset({(0, 0)})), *LETTERS[:2]) == ["goes", "other"]
    assert verdicts(choice("discarded", ids=frozenset({(0, 1)})), *LETTERS[:2]) == ["other", "goes"]


def test_the_same_customer_id_of_two_configurations_is_two_customers() -> None:
    refused, parked = letter(0, REFUSED), letter(1, config="shop")
    assert verdicts(choice(ids=frozenset({(0, 0)})), refused, parked) == ["goes", "other"]
    same = letter(1, config="default")  # what names none belongs to the default one
    assert verdicts(choice(ids=frozenset({(0, 0)})), refused, same) == ["goes", "along"]


def test_letters_of_earlier_stages_wait_for_nobody() -> None:
    record = Record(CONTACTS, 0, 0, b"u1", b"{", [])
    poison = read(dead_letter("contacts", "", record, "not JSON", 1))
    assert verdicts(choice(reason="parked"), poison, letter(1)) == ["other", "goes"]
    assert verdicts(choice(stages=frozenset({"contacts"})), poison) == ["stuck"]


@given(
    some=st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12),
    meant=st.frozensets(st.integers(0, 11)),
    settled=st.dictionaries(st.integers(0, 11), st.sampled_from(["redriven", "discarded"])),
)
def test_no_parked_letter_overtakes_an_open_one_of_its_customer(
    some: list[tuple[int, bool]], meant: frozenset[int], settled: dict[int, Did]
) -> None:
    chosen = choice(ids=frozenset((0, offset) for offset in meant) | {(1, 0)})
    staying: set[bytes] = set()
    for offset, (customer, parked) in enumerate(some):
        one = letter(offset, PARKED if parked else REFUSED, f"user-{customer}")
        settlement = Settlement(settled[offset], 1, "r") if offset in settled else None
        verdict = chosen.judge(one, settlement)
        if settlement is not None:
            assert verdict == ("settled" if offset in meant else "other")
        elif verdict in ("goes", "along"):
            assert not (parked and one.key in staying)
            assert (verdict == "goes") == (offset in meant)
        else:
            staying.add(one.key)
