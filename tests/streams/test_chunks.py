"""The ledger: what may be committed, and nothing beyond."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from records import Record

from streams.chunks import Chunk, Ledger, Place, Standing
from streams.errors import ChunkLost

HERE = Place("intercom.contacts", 0)
THERE = Place("intercom.contacts", 1)


def fetched(place: Place, offsets: Iterable[int]) -> list[Record]:
    return [Record(place.topic, place.partition, offset, b"k", b"v") for offset in offsets]


def entered(ledger: Ledger, *offsets: int, place: Place = HERE) -> Chunk:
    chunk = ledger.enter(place, fetched(place, offsets))
    assert chunk is not None
    return chunk


def ledger_at(offset: int | None = 0, *, room: int = 10) -> Ledger:
    ledger = Ledger(room=room)
    ledger.restart({HERE: offset, THERE: offset})
    return ledger


def test_nothing_is_committable_before_something_is_done() -> None:
    ledger = ledger_at()
    assert ledger.begin(entered(ledger, 0, 1, 2))
    assert ledger.committable() == {}


def test_what_is_done_is_committable_until_it_is_committed() -> None:
    ledger = ledger_at()
    assert ledger.finish(entered(ledger, 0, 1, 2))
    assert ledger.committable() == {HERE: 3}
    ledger.committed({HERE: 3})
    assert ledger.committable() == {}


def test_a_part_of_a_chunk_counts_as_soon_as_it_is_done() -> None:
    ledger = ledger_at()
    chunk = entered(ledger, 0, 1, 2, 3)
    assert ledger.begin(chunk)
    assert ledger.advance(chunk, 2)
    assert ledger.committable() == {HERE: 2}
    assert not ledger.idle
    assert ledger.advance(chunk, 4)
    assert ledger.committable() == {HERE: 4}
    assert ledger.idle


def test_offsets_that_compaction_or_a_transaction_left_out_are_passed_over() -> None:
    ledger = ledger_at()
    chunk = entered(ledger, 0, 3, 9)
    assert (chunk.first, chunk.end) == (0, 10)
    ledger.finish(chunk)
    assert ledger.committable() == {HERE: 10}


def test_a_lost_chunk_is_found_out_and_never_committed_over() -> None:
    ledger = ledger_at()
    entered(ledger, 0, 1)
    second = entered(ledger, 2, 3)
    with pytest.raises(ChunkLost, match=r"intercom.contacts\[0\]: offsets 2 to 3 .* 0 to 1"):
        ledger.finish(second)
    assert ledger.committable() == {}


def test_partitions_do_not_wait_for_each_other() -> None:
    ledger = ledger_at()
    entered(ledger, 0, 1)
    ledger.finish(entered(ledger, 0, 1, place=THERE))
    assert ledger.committable() == {THERE: 2}


def test_room_is_what_is_out() -> None:
    ledger = ledger_at(room=3)
    chunk = entered(ledger, 0, 1)
    assert ledger.has_room(HERE)
    second = entered(ledger, 2)
    assert not ledger.has_room(HERE)
    assert ledger.has_room(THERE)
    ledger.advance(chunk, 1)
    assert not ledger.has_room(HERE)  # a chunk takes its room until it is done
    ledger.finish(chunk)
    assert ledger.has_room(HERE)
    ledger.finish(second)
    assert not ledger.has_room(HERE)  # nor may more than that be done and not committed
    ledger.committed(ledger.committable())
    assert ledger.has_room(HERE)


def test_a_log_that_was_cut_is_read_again_from_where_it_goes_on() -> None:
    ledger = ledger_at()
    before = entered(ledger, 0, 1, 2)
    assert ledger.begin(before)
    assert not ledger.goes_back(HERE, 3)
    assert ledger.goes_back(HERE, 1)
    ledger.rewind(HERE, 1)
    assert ledger.idle
    assert ledger.advance(before, 3) is False
    after = entered(ledger, 1)
    assert ledger.finish(after)
    assert ledger.committable() == {HERE: 2}


def test_a_chunk_that_nobody_has_in_hand_is_astray_until_it_arrives() -> None:
    ledger = ledger_at()
    first, second = entered(ledger, 0, 1), entered(ledger, 2)
    assert ledger.standings()[HERE] == Standing(expected=3, done=None, committed=0, out=3, stray=0)
    ledger.arrived(first)
    assert ledger.standings()[HERE].stray is None  # it is the head's turn, whatever is behind it
    ledger.finish(first)
    assert ledger.standings()[HERE] == Standing(expected=3, done=2, committed=0, out=1, stray=2)
    assert ledger.begin(second)
    assert ledger.standings()[HERE].stray is None


def test_going_back_in_one_partition_voids_its_chunks_alone() -> None:
    ledger = ledger_at()
    lost, after, other = entered(ledger, 0, 1), entered(ledger, 2), entered(ledger, 0, place=THERE)
    assert ledger.begin(after)
    assert ledger.begin(other)
    ledger.rewind(HERE, 0)
    assert not ledger.holds(after)
    assert not ledger.begin(lost)
    assert ledger.advance(after, 3) is False  # it raises nothing: it counts for nothing
    assert ledger.holds(other)
    again = entered(ledger, 0, 1, 2)
    assert ledger.finish(again)
    assert ledger.finish(other)
    assert ledger.committable() == {HERE: 3, THERE: 1}


def test_records_that_are_out_already_are_not_handed_over_again() -> None:
    ledger = ledger_at()
    entered(ledger, 0, 1, 2)
    assert ledger.enter(HERE, fetched(HERE, [1, 2])) is None
    again = entered(ledger, 1, 2, 3, 4)
    assert (again.first, again.end) == (3, 5)


def test_a_gap_is_seen_before_it_is_entered() -> None:
    ledger = ledger_at(5)
    assert ledger.gap_before(HERE, 5) is None
    assert ledger.gap_before(HERE, 8) == 5
    ledger.skip_to(HERE, 8)
    assert ledger.gap_before(HERE, 8) is None
    assert entered(ledger, 8).first == 8


def test_a_partition_without_a_commit_begins_anywhere() -> None:
    ledger = ledger_at(None)
    assert ledger.gap_before(HERE, 70) is None
    ledger.finish(entered(ledger, 70, 71))
    assert ledger.committable() == {HERE: 72}


def test_while_partitions_are_given_back_nothing_is_begun_but_work_may_end() -> None:
    ledger = ledger_at()
    first, second = entered(ledger, 0, 1), entered(ledger, 2)
    assert ledger.begin(first)
    ledger.closed = True
    assert not ledger.begin(second)
    assert not ledger.idle
    assert ledger.finish(first)
    assert ledger.idle
    assert ledger.committable() == {HERE: 2}


def test_what_is_given_up_counts_no_more() -> None:
    ledger = ledger_at()
    chunk = entered(ledger, 0, 1)
    assert ledger.begin(chunk)
    ledger.give_up()
    assert ledger.idle
    assert not ledger.holds(chunk)
    assert not ledger.finish(chunk)
    assert ledger.committable() == {}


def test_after_a_restart_old_chunks_are_void() -> None:
    ledger = ledger_at()
    old = entered(ledger, 0, 1)
    assert ledger.begin(old)
    ledger.closed = True
    ledger.restart({HERE: 0})
    assert ledger.idle
    fresh = entered(ledger, 0, 1)
    assert not ledger.begin(old)
    assert not ledger.finish(old)
    assert ledger.committable() == {}
    assert ledger.begin(fresh)
    assert ledger.finish(fresh)
    assert ledger.committable() == {HERE: 2}


def test_a_revoked_partition_is_somebody_elses() -> None:
    ledger = ledger_at()
    chunk = entered(ledger, 0, 1)
    ledger.advance(chunk, 1)
    assert ledger.holds(chunk)
    ledger.forget([HERE])
    assert not ledger.holds(chunk)
    assert ledger.committable() == {}
    assert not ledger.begin(chunk)
    assert not ledger.finish(chunk)
    ledger.committed({HERE: 1})  # the answer to a commit may come late


def test_a_revoked_partition_keeps_nobody_waiting() -> None:
    ledger = ledger_at()
    assert ledger.begin(entered(ledger, 0, 1))
    ledger.forget([HERE])
    assert ledger.idle


def test_a_chunk_that_is_finished_twice_is_told_so() -> None:
    ledger = ledger_at()
    chunk = entered(ledger, 0, 1)
    assert ledger.finish(chunk)
    assert ledger.finish(chunk) is False


def test_progress_never_goes_back() -> None:
    ledger = ledger_at()
    chunk = entered(ledger, 0, 1, 2)
    ledger.advance(chunk, 2)
    ledger.advance(chunk, 1)
    assert ledger.committable() == {HERE: 2}


class LedgerModel(RuleBasedStateMachine):
    """A consumer that fetches, a stage that works in any order, and rebalances in between.

    ``done`` is what the stage said of records whose chunk still counted; whatever the ledger would
    commit must lie below the first record that is not in there.
    """

    PLACES = (HERE, THERE)
    ROOM = 6

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(room=self.ROOM)
        self.committed = dict.fromkeys(self.PLACES, 0)
        self.done: dict[Place, set[int]] = {place: set() for place in self.PLACES}
        self.gone: dict[Place, set[int]] = {place: set() for place in self.PLACES}
        self.chunks: list[Chunk] = []
        self.restart(set(self.PLACES))

    # What the model knows of this assignment.
    def restart(self, places: set[Place]) -> None:
        self.ledger.restart({place: self.committed[place] for place in places})
        self.position = {place: self.committed[place] for place in places}
        self.out: dict[Place, list[Chunk]] = {place: [] for place in places}
        self.begun: set[Chunk] = set()
        self.closed = False
        for place, done in self.done.items():  # what was not committed will be done once more
            done.difference_update([one for one in done if one >= self.committed[place]])

    def counts(self, chunk: Chunk) -> bool:
        return any(chunk in out for out in self.out.values())

    @rule(place=st.sampled_from(PLACES), size=st.integers(1, 5), back=st.integers(0, 3))
    def fetch(self, place: Place, size: int, back: int) -> None:
        if place not in self.position or not self.ledger.has_room(place):
            return
        position = self.position[place]
        begin = max(0, position - back)  # a fetch may bring what is out already
        assert self.ledger.gap_before(place, begin) is None
        chunk = self.ledger.enter(place, fetched(place, range(begin, begin + size)))
        if begin + size <= position:
            assert chunk is None
            return
        assert chunk is not None
        assert (chunk.first, chunk.end) == (position, begin + size)
        self.position[place] = chunk.end
        self.out[place].append(chunk)
        self.chunks.append(chunk)

    @rule(place=st.sampled_from(PLACES), gap=st.integers(1, 3))
    def retention_took_some(self, place: Place, gap: int) -> None:
        if place not in self.position:
            return
        position = self.position[place]
        assert self.ledger.gap_before(place, position + gap) == position
        self.ledger.skip_to(place, position + gap)
        self.gone[place].update(range(position, position + gap))
        self.position[place] = position + gap

    @precondition(lambda self: self.chunks)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        chunk = data.draw(st.sampled_from(self.chunks))
        assert self.ledger.holds(chunk) or not self.counts(chunk)
        counts = self.counts(chunk) and not self.closed
        if chunk.place in self.out and chunk.epoch == self.ledger.epoch and not self.counts(chunk):
            return  # done already; no stage begins it again
        assert self.ledger.begin(chunk) is counts
        if counts:
            self.begun.add(chunk)

    @precondition(lambda self: self.chunks)
    @rule(data=st.data())
    def advance(self, data: st.DataObject) -> None:
        chunk = data.draw(st.sampled_from(self.chunks))
        if chunk.epoch == self.ledger.epoch and chunk.place in self.out and not self.counts(chunk):
            return  # done already; no stage says so twice
        offset = data.draw(st.integers(chunk.first + 1, chunk.end) | st.just(chunk.end))
        before = self.ledger.committable()
        if not self.counts(chunk):
            assert self.ledger.advance(chunk, offset) is False
            assert self.ledger.committable() == before
        elif self.out[chunk.place][0] is not chunk:
            with pytest.raises(ChunkLost):
                self.ledger.advance(chunk, offset)
            assert self.ledger.committable() == before
        else:
            offset = max(offset, self.committed[chunk.place], before.get(chunk.place, 0))
            assert self.ledger.advance(chunk, offset) is True
            self.done[chunk.place].update(range(chunk.first, offset))
            if offset == chunk.end:
                self.out[chunk.place].pop(0)
                self.begun.discard(chunk)

    @rule()
    def commit(self) -> None:
        offsets = self.ledger.committable()
        self.committed.update(offsets)
        self.ledger.committed(offsets)
        assert self.ledger.committable() == {}

    @rule(keep=st.sets(st.sampled_from(PLACES)), commit=st.booleans(), forgets=st.booleans())
    def rebalance(self, keep: set[Place], commit: bool, forgets: bool) -> None:
        self.ledger.closed = True
        if commit:
            self.commit()
        self.ledger.give_up()
        if forgets:
            self.ledger.forget(set(self.PLACES) - keep)
        self.restart(keep)

    @rule()
    def close(self) -> None:
        self.ledger.closed = self.closed = True

    @invariant()
    def nothing_undone_is_committable(self) -> None:
        for place, offset in self.ledger.committable().items():
            missing = set(range(offset)) - self.done[place] - self.gone[place]
            assert not missing, f"{place} would be committed at {offset}, over {sorted(missing)}"
            assert offset > self.committed[place]

    @invariant()
    def what_is_done_at_the_head_is_committable(self) -> None:
        for place, out in self.out.items():
            upto = out[0].first if out else self.position[place]
            known = max(self.committed[place], self.ledger.committable().get(place, 0))
            assert not self.done[place] & set(range(known, upto))

    @invariant()
    def room_and_idleness_are_as_the_stage_sees_them(self) -> None:
        for place, out in self.out.items():
            waiting = sum(len(chunk.records) for chunk in out)
            known = self.committed[place]
            uncommitted = self.ledger.committable().get(place, known) - known
            assert self.ledger.has_room(place) is (waiting < self.ROOM and uncommitted < self.ROOM)
        assert self.ledger.idle is (not self.begun)


TestLedgerModel = LedgerModel.TestCase
TestLedgerModel.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)
