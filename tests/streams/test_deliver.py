"""deliver: what goes out in which batch, what waits for what, and what is acknowledged when."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from records import NOW_MS, Record, delivery

from events.configurations import Configurations
from events.elements import Delivery
from events.topics import DELIVERIES
from moengage.answers import Answer, Verdict
from moengage.bodies import transition
from moengage.delivery import RetryPolicy
from streams.chunks import Chunk, Ledger, Place
from streams.deliver import Deliver, DeliverConfig
from streams.errors import InjectedFailure, PublishFailed
from streams.failpoints import Failpoints
from streams.metrics import Metrics
from streams.publishing import Outgoing

ACCEPTED = Answer(Verdict.ACCEPTED, 200, request_id="r1")
AT_ONCE = RetryPolicy(base_s=0, cap_s=0, pause_s=0)
FOR_EVER = 3600.0


class Bench:
    """A Deliver between a fake MoEngage, a fake broker and a real ledger; ``log`` is what happened.

    ``call 0 1`` is a request with elements 0 and 1, ``letter 3`` a confirmed dead letter of the record
    at offset 3, ``done 0:2`` that partition 0 is done below offset 2.
    """

    def __init__(self, *failpoints: str, **limits: Any) -> None:
        self.log: list[str] = []
        self.letters: list[Outgoing] = []
        self.passed_on: list[Outgoing] = []
        self.answers: list[Answer] = []  # the next answers; then every request is accepted
        self.bad: set[int] = set()  # elements that MoEngage refuses, however they come
        self.gates: dict[int, asyncio.Event] = {}  # requests that begin with these elements wait
        self.publish_error: Exception | None = None
        self.failures: list[BaseException] = []
        self.moved = asyncio.Event()
        self.ledger = Ledger(room=1000)
        self.ledger.restart({Place(DELIVERIES, p): 0 for p in range(3)})
        self.registry = CollectorRegistry()
        config = DeliverConfig(**{"linger_s": FOR_EVER, "retry": AT_ONCE, **limits})
        self.deliver = Deliver(
            {"default": self, "eu": Eu(self)}, self, self, config,
            configurations=Configurations(("default", "eu")),
            prefix="eu.", now_ms=lambda: NOW_MS, metrics=Metrics(self.registry),
            failpoints=Failpoints.parse(failpoints), fail=self._fail,
        )  # fmt: skip

    # MoEngage
    async def transition(self, bodies: Sequence[bytes]) -> Answer:
        return await self._called("call", [json.loads(body)["number"] for body in bodies])

    async def merge(self, body: bytes) -> Answer:
        return await self._called("merge", [json.loads(body)["number"]])

    async def delete(self, body: bytes) -> Answer:
        return await self._called("delete", [json.loads(body)["number"]])

    async def _called(self, name: str, numbers: list[int]) -> Answer:
        self._note(f"{name} " + " ".join(map(str, numbers)))
        if numbers[0] in self.gates:
            await self.gates[numbers[0]].wait()
        if self.answers:
            return self.answers.pop(0)
        if self.bad.intersection(numbers):
            return Answer(Verdict.BISECT, 400, message="bad attribute", request_id="r2")
        return ACCEPTED

    # the broker
    async def publish(self, records: Iterable[Outgoing], now_ms: int) -> Mapping[Place, int]:
        await asyncio.sleep(0)
        if self.publish_error is not None:
            raise self.publish_error
        for one in records:
            if one.topic == "eu.moengage.deliveries":
                self.passed_on.append(one)
                self._note(f"passed on to {one.key.decode()}")
                continue
            self.letters.append(one)
            self._note(f"letter {dict(one.headers)['dead_letter.offset'].decode()}")
        return {}

    # the consumer
    def begin(self, chunk: Chunk) -> bool:
        return self.ledger.begin(chunk)

    def holds(self, chunk: Chunk) -> bool:
        return self.ledger.holds(chunk)

    async def in_group(self) -> None:
        pass

    def advance(self, chunk: Chunk, offset: int) -> None:
        assert self.ledger.advance(chunk, offset)
        self._note(f"done {chunk.place.partition}:{offset}")

    def _fail(self, error: BaseException) -> None:
        self.failures.append(error)
        self._note("failed")

    def _note(self, what: str) -> None:
        self.log.append(what)
        self.moved.set()

    # the test
    def take(self, *records: Record, partition: int = 0) -> Chunk:
        place = Place(DELIVERIES, partition)
        chunk = self.ledger.enter(place, [replace(one, partition=partition) for one in records])
        assert chunk is not None
        self.deliver.take(chunk)
        return chunk

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self.moved.clear()
                await self.moved.wait()

    async def settled(self) -> None:
        """Let everything run that can run without waiting for time or for a gate."""
        for _ in range(50):
            await asyncio.sleep(0)

    @property
    def calls(self) -> list[str]:
        return [what.removeprefix("call ") for what in self.log if what.startswith("call")]

    def done(self, partition: int = 0) -> int:
        return self.ledger.committable().get(Place(DELIVERIES, partition), 0)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@dataclass(frozen=True, slots=True)
class Eu:
    """Another MoEngage workspace, that of the configuration eu, which takes everything."""

    bench: Bench

    async def transition(self, bodies: Sequence[bytes]) -> Answer:
        numbers = " ".join(str(json.loads(body)["number"]) for body in bodies)
        self.bench._note(f"call eu: {numbers}")
        return ACCEPTED


@asynccontextmanager
async def running(*failpoints: str, **limits: Any) -> AsyncIterator[Bench]:
    bench = Bench(*failpoints, **limits)
    try:
        yield bench
    finally:
        await bench.deliver.drop()


def numbered(first: int, count: int) -> list[Record]:
    return [delivery(number=n, offset=n) for n in range(first, first + count)]


def poison(offset: int) -> Record:
    return replace(delivery(number=offset, offset=offset), headers=[("kind", b"user")])


# -- batches ------------------------------------------------------------------------------------


async def test_full_batches_go_out_in_order_one_after_the_other() -> None:
    async with running(max_elements=2) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*numbered(0, 5))
        await bench.settled()
        assert bench.log == ["call 0 1"]
        bench.gates[0].set()
        await bench.until(lambda: bench.done() == 4)
        assert bench.log == ["call 0 1", "done 0:2", "call 2 3", "done 0:4"]


async def test_a_batch_waits_no_longer_than_it_may_linger() -> None:
    async with running(linger_s=0.02) as bench:
        bench.take(*numbered(0, 2))
        await bench.settled()
        bench.take(*numbered(2, 1))
        await bench.until(lambda: bench.done() == 3)
        assert bench.calls == ["0 1 2"]


async def test_a_body_is_no_larger_than_allowed() -> None:
    async with running(max_bytes=400) as bench:
        records = numbered(0, 20)
        bench.take(*records)
        bench.deliver.drain()
        await bench.until(lambda: bench.done() == 20)
        sizes = [
            len(transition([records[int(number)].value or b"" for number in call.split()]))
            for call in bench.calls
        ]
        assert " ".join(bench.calls).split() == [str(n) for n in range(20)]
        assert max(sizes) <= 400
        assert min(sizes[:-1]) > 300  # and as large as it can be


async def test_an_element_too_large_for_any_batch_is_tried_alone() -> None:
    async with running(max_bytes=300) as bench:
        large = delivery(body=json.dumps({"number": 1, "x": "x" * 400}).encode(), offset=1)
        bench.take(*numbered(0, 1), large, *numbered(2, 1))
        bench.deliver.drain()
        await bench.until(lambda: bench.done() == 3)
        assert bench.calls == ["0", "1", "2"]


async def test_partitions_do_not_wait_for_each_other() -> None:
    async with running(max_elements=1) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*numbered(0, 2))
        bench.take(delivery(number=100, offset=0), delivery(number=101, offset=1), partition=1)
        await bench.until(lambda: bench.done(1) == 2)
        assert bench.calls == ["0", "100", "101"]
        assert bench.done(0) == 0


async def test_a_batch_of_two_chunks_counts_for_both() -> None:
    async with running(max_elements=4) as bench:
        bench.take(*numbered(0, 3))
        bench.take(*numbered(3, 3))
        await bench.until(lambda: bench.done() == 4)
        assert bench.log == ["call 0 1 2 3", "done 0:3", "done 0:4"]
        assert not bench.ledger.idle  # two of the second chunk wait for company


# -- several configurations -----------------------------------------------------------------------


async def test_every_delivery_goes_to_the_workspace_of_its_configuration_in_order() -> None:
    async with running(max_elements=3) as bench:
        configs = ["default", "eu", "eu", "", "DEFAULT", "eu"]
        bench.take(*(delivery(number=n, offset=n, config=one) for n, one in enumerate(configs)))
        bench.deliver.drain()
        await bench.until(lambda: bench.done() == 6)
        assert bench.log == [
            "call 0", "done 0:1", "call eu: 1 2", "done 0:3",
            "call 3 4", "done 0:5", "call eu: 5", "done 0:6",
        ]  # fmt: skip


async def test_a_delivery_of_a_configuration_that_is_gone_is_a_dead_letter_in_its_turn() -> None:
    async with running(max_elements=2) as bench:
        bench.take(delivery(offset=0), delivery(number=1, offset=1, config="us"), *numbered(2, 2))
        await bench.until(lambda: bench.done() == 4)
        assert bench.log == ["call 0", "done 0:1", "letter 1", "done 0:2", "call 2 3", "done 0:4"]
        [letter] = bench.letters
        assert b"no configuration 'us'" in dict(letter.headers)["dead_letter.reason"]


# -- what is acknowledged when ------------------------------------------------------------------


async def test_nothing_is_done_before_moengage_took_it() -> None:
    async with running(max_elements=2) as bench:
        bench.answers = [
            Answer(Verdict.AGAIN, 503),
            Answer(Verdict.WAIT, 429, wait_s=0),
            Answer(Verdict.PAUSE, 401, message="who are you"),
            Answer(Verdict.AGAIN, 0, ambiguous=True),
        ]
        bench.take(*numbered(0, 2))
        await bench.until(lambda: bench.done() == 2)
        assert bench.log == ["call 0 1"] * 5 + ["done 0:2"]


async def test_what_is_refused_is_a_dead_letter_before_it_is_done() -> None:
    async with running(max_elements=3) as bench:
        bench.bad = {1}
        bench.take(*numbered(0, 3))
        await bench.until(lambda: bench.done() == 3)
        assert bench.log == [
            "call 0 1 2",
            "call 0",
            "call 1 2",
            "call 1",
            "call 2",
            "letter 1",
            "done 0:3",
        ]
        [letter] = bench.letters
        assert (letter.topic, letter.key, letter.value) == (
            "eu.moengage.dead-letters", b"user-c1", numbered(1, 1)[0].value,
        )  # fmt: skip
        told = dict(letter.headers)
        assert told["dead_letter.stage"] == b"deliver"
        assert told["dead_letter.reason"] == b"bad attribute"
        assert (told["dead_letter.answer_status"], told["dead_letter.request_id"]) == (b"400", b"r2")
        assert told["delivery_id"] == b"notif_1/user-c1/0"


async def test_a_record_that_is_no_delivery_is_a_dead_letter_in_its_turn() -> None:
    async with running(max_elements=2) as bench:
        bench.take(delivery(number=0, offset=0), poison(1), *numbered(2, 2))
        await bench.until(lambda: bench.done() == 4)
        assert bench.log == ["call 0", "done 0:1", "letter 1", "done 0:2", "call 2 3", "done 0:4"]
        assert b"missing" in dict(bench.letters[0].headers)["dead_letter.reason"]


async def test_a_chunk_of_nothing_but_poison_is_done() -> None:
    async with running() as bench:
        bench.take(poison(0), poison(1))
        await bench.until(lambda: bench.done() == 2)
        assert bench.calls == []
        assert bench.ledger.idle


async def test_a_dead_letter_that_is_not_confirmed_stops_delivery() -> None:
    async with running(max_elements=2) as bench:
        bench.bad = {1}
        bench.publish_error = PublishFailed("the broker did not confirm")
        bench.take(*numbered(0, 4))
        await bench.until(lambda: bool(bench.failures))
        await bench.settled()
        assert bench.failures == [bench.publish_error]
        assert bench.calls == ["0 1", "0", "1"]
        assert bench.done() == 0


async def test_poison_that_cannot_be_put_away_stops_delivery() -> None:
    async with running() as bench:
        bench.publish_error = PublishFailed("the broker did not confirm")
        bench.take(poison(0), *numbered(1, 1))
        await bench.until(lambda: bool(bench.failures))
        assert bench.done() == 0


@pytest.mark.parametrize(("failpoint", "calls"), [("before_step", []), ("after_outputs", ["0 1"])])
async def test_a_failure_in_between_leaves_everything_undone(failpoint: str, calls: list[str]) -> None:
    async with running(f"deliver:{failpoint}:1", max_elements=2) as bench:
        bench.take(*numbered(0, 2))
        await bench.until(lambda: bool(bench.failures))
        assert isinstance(bench.failures[0], InjectedFailure)
        assert bench.calls == calls
        assert bench.done() == 0


# -- merges and deletes -------------------------------------------------------------------------


async def test_a_merge_and_a_delete_are_calls_of_their_own_in_their_turn() -> None:
    async with running(max_elements=10) as bench:
        bench.take(
            *numbered(0, 2), delivery(kind="merge", number=2, offset=2),
            delivery(kind="delete", number=3, offset=3), *numbered(4, 1),
        )  # fmt: skip
        bench.deliver.drain()
        await bench.until(lambda: bench.done() == 5)
        assert bench.log == [
            "call 0 1", "done 0:2", "merge 2", "done 0:3", "delete 3", "done 0:4", "call 4", "done 0:5",
        ]  # fmt: skip
        count = "moebridge_delivery_elements_total"
        assert bench.metric(count, kind="merge", outcome="delivered") == 1
        assert bench.metric(count, kind="delete", outcome="delivered") == 1


async def test_a_merge_is_passed_on_to_the_user_that_is_kept() -> None:
    async with running(max_elements=10) as bench:
        bench.take(*numbered(0, 2), delivery("uuid-c1", kind="merge", then="cust-1", number=2, offset=2))
        bench.deliver.drain()
        await bench.until(lambda: bench.done() == 3)
        assert bench.log == ["call 0 1", "done 0:2", "passed on to cust-1", "done 0:3"]
        [record] = bench.passed_on
        onward = Delivery.from_record(record.key, record.value, record.headers)
        assert (onward.kind, onward.customer_id, onward.then) == ("merge", "cust-1", "")
        outcome = {"kind": "merge", "outcome": "passed_on"}
        assert bench.metric("moebridge_delivery_elements_total", **outcome) == 1


async def test_a_merge_that_cannot_be_passed_on_stops_delivery() -> None:
    async with running() as bench:
        bench.publish_error = PublishFailed("the broker did not confirm")
        bench.take(delivery("uuid-c1", kind="merge", then="cust-1", offset=0), *numbered(1, 1))
        await bench.until(lambda: bool(bench.failures))
        assert bench.done() == 0


async def test_a_merge_that_is_refused_is_a_dead_letter() -> None:
    async with running() as bench:
        bench.bad = {0}
        bench.take(delivery(kind="merge", number=0, offset=0))
        await bench.until(lambda: bench.done() == 1)
        assert bench.log == ["merge 0", "letter 0", "done 0:1"]


async def test_a_merge_waits_out_an_outage_like_any_element() -> None:
    async with running(max_elements=1) as bench:
        bench.answers = [Answer(Verdict.AGAIN, 503), Answer(Verdict.PAUSE, 401)]
        bench.take(delivery(kind="merge", number=0, offset=0), *numbered(1, 1))
        await bench.until(lambda: bench.done() == 2)
        assert bench.log == ["merge 0"] * 3 + ["done 0:1", "call 1", "done 0:2"]


# -- giving partitions back ---------------------------------------------------------------------


async def test_draining_sends_what_waits() -> None:
    async with running() as bench:
        bench.take(*numbered(0, 3))
        await bench.settled()
        assert bench.log == []
        bench.deliver.drain()
        await bench.until(lambda: bench.done() == 3)
        assert bench.calls == ["0 1 2"]
        assert bench.ledger.idle


async def test_draining_does_not_overtake_a_chunk_that_waits() -> None:
    async with running(max_elements=10) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*numbered(0, 10))
        bench.take(*numbered(10, 3))
        await bench.settled()
        bench.deliver.drain()
        bench.gates[0].set()
        await bench.until(lambda: bench.done() == 13)
        assert bench.calls == ["0 1 2 3 4 5 6 7 8 9", "10 11 12"]


async def test_dropping_ends_every_lane_whatever_it_is_at() -> None:
    async with running(max_elements=2) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*numbered(0, 2))
        bench.take(*numbered(0, 1), partition=1)
        await bench.settled()
        await bench.deliver.drop()
        bench.gates[0].set()
        await bench.settled()
        assert (bench.log, bench.failures) == (["call 0 1"], [])


async def test_after_dropping_delivery_begins_anew() -> None:
    async with running(max_elements=2) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*numbered(0, 3))
        bench.deliver.drain()
        await bench.settled()
        await bench.deliver.drop()
        bench.ledger.restart({Place(DELIVERIES, 0): 0})
        bench.gates[0].set()
        bench.take(*numbered(0, 3))
        await bench.until(lambda: bench.done() == 2)
        await bench.settled()
        assert bench.calls == ["0 1", "0 1"]  # and the third lingers again


async def test_a_void_chunk_is_not_taken() -> None:
    async with running(max_elements=1) as bench:
        place = Place(DELIVERIES, 0)
        chunk = bench.ledger.enter(place, numbered(0, 2))
        assert chunk is not None
        bench.ledger.give_up()
        bench.deliver.take(chunk)
        await bench.settled()
        assert bench.log == []


# -- what is counted and said -------------------------------------------------------------------


async def test_outcomes_are_counted() -> None:
    async with running(max_elements=2) as bench:
        bench.bad = {1}
        bench.answers = [Answer(Verdict.AGAIN, 0, ambiguous=True)]
        bench.take(*numbered(0, 2))
        await bench.until(lambda: bench.done() == 2)
        count = "moebridge_delivery_elements_total"
        assert bench.metric(count, kind="user", outcome="delivered") == 1
        assert bench.metric(count, kind="user", outcome="refused") == 1
        assert bench.metric("moebridge_delivery_ambiguous_total") == 1
        assert bench.metric("moebridge_delivery_answers_total", verdict="again", status="0") == 1
        assert bench.metric("moebridge_end_to_end_seconds_count") == 1
        assert bench.metric("moebridge_event_to_accepted_seconds_count") == 1
        assert bench.metric("moebridge_stage_records_total", stage="deliver") == 2


async def test_a_pause_is_said_once_and_without_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "streams.deliver")
    async with running(max_elements=1) as bench:
        refused = Answer(Verdict.PAUSE, 401, message="key and workspace do not fit")
        bench.answers = [refused] * 3
        bench.gates[0] = asyncio.Event()
        bench.gates[0].set()
        bench.take(*numbered(0, 1))
        await bench.until(lambda: bench.done() == 1)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "key and workspace do not fit" in caplog.text
    assert "user-c1" not in caplog.text


async def test_the_gauge_is_up_while_everything_waits() -> None:
    async with running(max_elements=1) as bench:
        bench.deliver.observe(Answer(Verdict.PAUSE, 403), 1)
        assert bench.metric("moebridge_delivery_paused") == 1
        bench.deliver.observe(ACCEPTED, 1)
        assert bench.metric("moebridge_delivery_paused") == 0


# -- whatever comes -----------------------------------------------------------------------------


@st.composite
def loads(draw: st.DrawFn) -> tuple[list[list[Record]], set[int], set[int], dict[str, Any], int]:
    """Chunks of one partition, which elements are bad or poison, limits, and passing faults."""
    sizes = draw(st.lists(st.integers(1, 7), min_size=1, max_size=5))
    total = sum(sizes)
    bad = draw(st.sets(st.integers(0, total - 1), max_size=4))
    broken = draw(st.sets(st.integers(0, total - 1), max_size=4))
    chunks, first = [], 0
    for size in sizes:
        offsets = range(first, first + size)
        chunks.append([poison(n) if n in broken else delivery(number=n, offset=n) for n in offsets])
        first += size
    limits = {"max_elements": draw(st.integers(1, 9)), "max_bytes": draw(st.integers(100, 900))}
    return chunks, bad, broken, limits, draw(st.integers(0, 4))


@given(loads())
@settings(deadline=None, max_examples=50)
def test_everything_is_delivered_once_and_in_order_or_put_away(
    load: tuple[list[list[Record]], set[int], set[int], dict[str, Any], int],
) -> None:
    chunks, bad, broken, limits, faults = load
    total = sum(map(len, chunks))

    async def run() -> Bench:
        async with running(**limits) as bench:
            bench.bad, bench.answers = bad, [Answer(Verdict.AGAIN, 503)] * faults
            for chunk in chunks:
                bench.take(*chunk)
                await asyncio.sleep(0)
            bench.deliver.drain()
            await bench.until(lambda: bench.done() == total or bool(bench.failures))
            return bench

    bench = asyncio.run(run())
    assert bench.failures == []
    away = [int(what.split()[1]) for what in bench.log if what.startswith("letter")]
    assert away == sorted(bad | broken)
    taken = [int(number) for call in _accepted(bench, bad, faults) for number in call.split()]
    assert taken == [number for number in range(total) if number not in bad | broken]
    assert bench.ledger.idle


def _accepted(bench: Bench, bad: set[int], faults: int) -> list[str]:
    """The requests that were accepted."""
    return [call for call in bench.calls[faults:] if not bad.intersection(map(int, call.split()))]
