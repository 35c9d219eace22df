"""Around a stage: outputs, changelog, store, done; and what a failure in between leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from records import NOW_MS, Record

from events.topics import CONTACTS, TopicName
from streams.chunks import Chunk, Ledger, Place
from streams.errors import InjectedFailure, PublishFailed
from streams.failpoints import MOMENTS, Failpoints
from streams.metrics import Metrics
from streams.publishing import Outgoing, Publisher
from streams.runner import StageRunner
from streams.stages.stage import Step
from streams.state import DictRows, State
from streams.tables import ChunkTable
from streams.waiting import INTERCOM

HERE = Place(CONTACTS, 1)
ORDER = ["outputs", "changelog", "store", "done 2"]


class Counting:
    """A stage that counts records by key, and puts every count out unless the record is silent."""

    name = "counting"
    source: TopicName = CONTACTS

    def __init__(self, table: str | None) -> None:
        self.table = table

    def step(self, records: Sequence[Any], state: State, now_ms: int) -> Step:
        step = Step()
        for record in records:
            if record.value == b"broken":
                raise ZeroDivisionError
            if record.value == b"nothing":
                continue
            count = int(state.get(record.key) or b"0") + 1
            state.put(record.key, b"%d" % count)
            if record.value != b"silent":
                step.out.append(Outgoing("out", record.key, b"%d at %d" % (count, now_ms)))
            step.counts["counted"] += 1
        return step


class FakeTable:
    """A table's three methods, which note that they were called."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.note = note
        self.stored: dict[int, DictRows] = {}
        self.changelog: list[Mapping[bytes, bytes | None]] = []
        self.end: int | None = None

    def __len__(self) -> int:
        raise AssertionError("a Faust table's length, and so its truth, counts every row")

    def rows(self, partition: int) -> DictRows:
        return self.stored.setdefault(partition, DictRows())

    async def publish_changes(
        self, changes: Mapping[int, Mapping[bytes, bytes | None]], publisher: Publisher, now_ms: int
    ) -> Mapping[int, int]:
        self.note("changelog")
        self.changelog += map(dict, changes.values())
        return dict.fromkeys(changes, 40 + len(self.changelog))

    def write(self, partition: int, changes: Mapping[bytes, bytes | None], changelog_end: int) -> None:
        self.note("store")
        self.rows(partition).apply(changes)
        self.end = changelog_end


class Bench:
    """A runner between a fake broker, a fake table and a real ledger; ``log`` is what happened."""

    def __init__(self, *failpoints: str, table: bool = True) -> None:
        self.log: list[str] = []
        self.table = FakeTable(self.note)
        self.published: list[Outgoing] = []
        self.publish_error: Exception | None = None
        self.revoked_after = ""  # the partition is given back when this has happened
        self.ledger = Ledger(room=100)
        self.ledger.restart({HERE: 0})
        self.registry = CollectorRegistry()
        self.runner = StageRunner(
            Counting("contacts" if table else None),
            cast(ChunkTable, self.table) if table else None,
            self,
            now_ms=lambda: NOW_MS,
            metrics=Metrics(self.registry),
            failpoints=Failpoints.parse(failpoints),
        )

    def note(self, what: str) -> None:
        self.log.append(what)
        if what == self.revoked_after:
            self.ledger.give_up()
            self.ledger.forget([HERE])

    async def publish(self, records: Iterable[Outgoing], now_ms: int) -> Mapping[Place, int]:
        self.note("outputs")
        if self.publish_error is not None:
            raise self.publish_error
        self.published += records
        return {}

    def begin(self, chunk: Chunk) -> bool:
        return self.ledger.begin(chunk)

    def holds(self, chunk: Chunk) -> bool:
        return self.ledger.holds(chunk)

    async def in_group(self) -> None:
        pass

    def advance(self, chunk: Chunk, offset: int) -> None:
        self.note(f"done {offset}")
        self.ledger.advance(chunk, offset)

    def fetch(self, *values: bytes, first: int = 0) -> Chunk:
        records = [Record(CONTACTS, 1, first + n, b"c1", value) for n, value in enumerate(values)]
        chunk = self.ledger.enter(HERE, records)
        assert chunk is not None
        return chunk

    def restarted(self) -> Chunk:
        """The worker begins anew at what was committed: the same two records once more."""
        self.log.clear()
        self.ledger.restart({HERE: self.ledger.committable().get(HERE, 0)})
        return self.fetch(b"x", b"y")

    @property
    def count(self) -> bytes | None:
        return self.table.rows(1).get(b"c1")


async def test_outputs_come_before_the_changelog_before_the_store_before_the_end() -> None:
    bench = Bench()
    await bench.runner.process([bench.fetch(b"x", b"y")], bench)
    assert bench.log == ORDER
    assert [one.value for one in bench.published] == [b"1 at %d" % NOW_MS, b"2 at %d" % NOW_MS]
    assert bench.table.changelog == [{b"c1": b"2"}]  # the last value of a key is the one that counts
    assert (bench.count, bench.table.end) == (b"2", 41)
    assert bench.ledger.committable() == {HERE: 2}


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ([b"nothing", b"nothing"], ["done 2"]),
        ([b"silent", b"nothing"], ["changelog", "store", "done 2"]),
    ],
)
async def test_what_there_is_nothing_of_is_left_out(values: list[bytes], log: list[str]) -> None:
    bench = Bench()
    await bench.runner.process([bench.fetch(*values)], bench)
    assert bench.log == log


async def test_a_stage_without_a_table_only_publishes() -> None:
    bench = Bench(table=False)
    await bench.runner.process([bench.fetch(b"x", b"y")], bench)
    assert bench.log == ["outputs", "done 2"]


async def test_a_void_chunk_is_dropped_unseen() -> None:
    bench = Bench()
    chunk = bench.fetch(b"broken")
    bench.ledger.give_up()
    await bench.runner.process([chunk], bench)
    assert bench.log == []


@pytest.mark.parametrize("reached", [1, 2])
async def test_the_state_of_a_partition_that_was_given_back_is_left_alone(reached: int) -> None:
    """It is another worker's by now."""
    bench = Bench()
    bench.revoked_after = ORDER[reached - 1]
    await bench.runner.process([bench.fetch(b"x", b"y")], bench)
    assert bench.log == ORDER[:reached]
    assert bench.count is None
    assert bench.ledger.committable() == {}


async def test_rows_are_those_of_the_chunks_partition() -> None:
    bench = Bench()
    bench.table.rows(0).apply({b"c1": b"70"})
    await bench.runner.process([bench.fetch(b"x")], bench)
    assert (bench.count, bench.table.rows(0).get(b"c1")) == (b"1", b"70")


async def test_what_the_broker_does_not_confirm_is_not_written_down() -> None:
    bench = Bench()
    bench.publish_error = PublishFailed("the broker did not confirm")
    with pytest.raises(PublishFailed):
        await bench.runner.process([bench.fetch(b"x", b"y")], bench)
    assert bench.log == ["outputs"]
    assert bench.count is None
    assert bench.ledger.committable() == {}


async def test_a_stage_that_raises_leaves_its_chunk_unacknowledged() -> None:
    bench = Bench()
    with pytest.raises(ZeroDivisionError):
        await bench.runner.process([bench.fetch(b"x", b"broken")], bench)
    assert (bench.log, bench.count, bench.ledger.committable()) == ([], None, {})


@pytest.mark.parametrize(("moment", "reached"), [(moment, place) for place, moment in enumerate(MOMENTS)])
async def test_every_failpoint_leaves_the_chunk_undone(moment: str, reached: int) -> None:
    bench = Bench(f"counting:{moment}:1")
    with pytest.raises(InjectedFailure, match=moment):
        await bench.runner.process([bench.fetch(b"x", b"y")], bench)
    assert bench.log == ORDER[:reached]
    assert bench.ledger.committable() == {}
    assert not bench.ledger.idle
    await bench.runner.process([bench.restarted()], bench)
    assert bench.log == ORDER
    assert bench.ledger.committable() == {HERE: 2}


async def test_a_failpoint_waits_for_its_turn() -> None:
    bench = Bench("counting:after_outputs:2", "other:before_step:1")
    await bench.runner.process([bench.fetch(b"x", b"y")], bench)
    with pytest.raises(InjectedFailure):
        await bench.runner.process([bench.fetch(b"x", first=2)], bench)
    assert bench.ledger.committable() == {HERE: 2}


async def test_a_failpoint_may_hang_instead() -> None:
    bench = Bench("counting:after_outputs:1:hang")
    hanging = asyncio.create_task(bench.runner.process([bench.fetch(b"x")], bench))
    while "outputs" not in bench.log:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not hanging.done()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert bench.ledger.committable() == {}


async def test_who_may_be_cast_out_waits_before_outputs_and_before_the_changelog() -> None:
    """And where it was, neither goes out."""
    for turn, went_out in ((1, []), (2, ["outputs"])):
        bench = Bench()
        asked, cast_out = 0, asyncio.Event()

        async def in_group(
            bench: Bench = bench, turn: int = turn, cast_out: asyncio.Event = cast_out
        ) -> None:
            nonlocal asked
            asked += 1
            if asked == turn:
                await cast_out.wait()
                bench.ledger.give_up()

        bench.in_group = in_group  # type: ignore[method-assign]
        working = asyncio.create_task(bench.runner.process([bench.fetch(b"x")], bench))
        while asked < turn:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert bench.log == went_out
        cast_out.set()
        await working
        assert bench.log == went_out
        assert bench.table.changelog == []
        assert bench.ledger.committable() == {}


async def test_asking_intercom_is_a_known_reason_to_wait() -> None:
    bench, may_go_on = Bench(), asyncio.Event()

    async def prepare(*_: Any) -> Any:
        await may_go_on.wait()
        return bench.runner._stage.step

    bench.runner._prepare = prepare
    working = asyncio.create_task(bench.runner.process([bench.fetch(b"x")], bench))
    while bench.runner.waiting() is None:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert bench.runner.waiting() == INTERCOM
    may_go_on.set()
    await working
    assert bench.runner.waiting() is None


async def test_what_was_done_is_counted() -> None:
    bench = Bench()
    await bench.runner.process([bench.fetch(b"x", b"y")], bench)

    def metric(name: str, **labels: str) -> float | None:
        return bench.registry.get_sample_value(name, {"stage": "counting", **labels})

    assert metric("moebridge_stage_records_total") == 2
    assert metric("moebridge_stage_chunks_total") == 1
    assert metric("moebridge_stage_published_total") == 3
    assert metric("moebridge_stage_outcomes_total", outcome="counted") == 2
    assert metric("moebridge_stage_group_seconds_count") == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "contacts",
        "contacts:later:1",
        ":before_step:1",
        "contacts:before_step:0",
        "a:before_step:x",
        "a:before_step:1:later",
    ],
)
def test_a_failpoint_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="stage:moment:count"):
        Failpoints.parse([text])


async def test_without_failpoints_nothing_ever_raises() -> None:
    points = Failpoints.parse([])
    for moment in MOMENTS:
        await points.passing("contacts", moment)


async def test_small_chunks_are_worked_through_together() -> None:
    """Of several partitions and of one: two round trips, and the second chunk sees the first's rows."""
    bench = Bench()
    there = Place(CONTACTS, 2)
    bench.ledger.restart({HERE: 0, there: 0})
    elsewhere = bench.ledger.enter(there, [Record(CONTACTS, 2, 7, b"c1", b"x")])
    assert elsewhere is not None
    running = asyncio.create_task(bench.runner.run(bench))
    for chunk in (bench.fetch(b"x"), elsewhere, bench.fetch(b"y", first=1)):
        bench.runner.take(chunk)
    async with asyncio.timeout(10):
        while bench.ledger.committable() != {HERE: 2, there: 8}:  # noqa: ASYNC110
            await asyncio.sleep(0)
    running.cancel()
    assert bench.log == ["outputs", "changelog", "store", "store", "done 1", "done 8", "done 2"]
    assert bench.count == b"2"
    assert bench.table.rows(2).get(b"c1") == b"1"


async def test_a_partition_that_was_given_back_does_not_hold_up_the_others() -> None:
    bench = Bench()
    there = Place(CONTACTS, 2)
    bench.ledger.restart({HERE: 0, there: 0})
    elsewhere = bench.ledger.enter(there, [Record(CONTACTS, 2, 7, b"c1", b"x")])
    assert elsewhere is not None
    here = bench.fetch(b"x")
    note = bench.note

    def revoked(what: str) -> None:
        note(what)
        if what == "changelog":
            bench.ledger.forget([there])

    bench.table.note = revoked
    await bench.runner.process([here, elsewhere], bench)
    assert bench.count == b"1"
    assert bench.table.rows(2).get(b"c1") is None
    assert bench.ledger.committable() == {HERE: 1}


async def test_a_group_is_bounded() -> None:
    bench = Bench()
    bench.runner = StageRunner(
        Counting("contacts"), cast(ChunkTable, bench.table), bench,
        now_ms=lambda: NOW_MS, metrics=Metrics(CollectorRegistry()),
        failpoints=Failpoints(), group_records=2,
    )  # fmt: skip
    running = asyncio.create_task(bench.runner.run(bench))
    bench.runner.take(bench.fetch(b"x", b"y", b"z"))
    bench.runner.take(bench.fetch(b"x", first=3))
    bench.runner.take(bench.fetch(b"y", first=4))
    async with asyncio.timeout(10):
        while bench.ledger.committable() != {HERE: 5}:  # noqa: ASYNC110
            await asyncio.sleep(0)
    running.cancel()
    assert [entry for entry in bench.log if entry != "store"] == [
        "outputs", "changelog", "done 3", "outputs", "changelog", "done 4", "done 5",
    ]  # fmt: skip
