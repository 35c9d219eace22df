"""deliver: what goes out, what waits for what, and what is acknowledged when."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from records import NOW_MS, Record, delivery

from events.configurations import Configurations
from events.elements import Delivery
from events.receipts import Receipt
from events.replays import Replayed
from events.topics import DELIVERIES
from moengage.answers import Answer, Verdict
from moengage.bodies import transition
from moengage.brake import BrakeLimits
from moengage.budgets import Rates
from moengage.retry import RetryPolicy
from streams.chunks import Chunk, Ledger, Place
from streams.delivery.config import DeliverConfig
from streams.delivery.deliver import Deliver
from streams.delivery.progress import read_ahead, write_ahead
from streams.errors import InjectedFailure, PublishFailed
from streams.failpoints import Failpoints
from streams.metrics import Metrics
from streams.publishing import Outgoing
from streams.state import DictRows

ACCEPTED = Answer(Verdict.ACCEPTED, 200, request_id="r1")
AT_ONCE = RetryPolicy(base_s=0, cap_s=0, pause_s=0)
FOR_EVER = 3600.0


class Bench:
    """A Deliver between a fake MoEngage, a fake broker and a real ledger; ``log`` is what happened.

    ``call 0 1`` is a request with elements 0 and 1, ``letter 3`` a confirmed dead letter of the record
    at offset 3, ``done 0:2`` that partition 0 is done below offset 2, ``row user-c1`` that a row of the
    table of parked customers is confirmed.
    """

    def __init__(self, *failpoints: str, **limits: Any) -> None:
        self.log: list[str] = []
        self.letters: list[Outgoing] = []
        self.passed_on: list[Outgoing] = []
        self.answers: list[Answer] = []  # the next answers; then every request is accepted
        self.bad: set[int] = set()  # elements that MoEngage refuses, however they come
        self.gates: dict[int, asyncio.Event] = {}  # requests that begin with these elements wait
        self.publish_error: Exception | None = None  # of all but receipts alone
        self.receipts: list[Receipt] = []
        self.receipt_gate: asyncio.Event | None = None  # receipts alone are confirmed once it is set
        self.receipt_error: Exception | None = None
        self.failures: list[BaseException] = []
        self.moved = asyncio.Event()
        self.ledger = Ledger(room=1000)
        self.ledger.restart({Place(DELIVERIES, p): 0 for p in range(3)})
        self.registry = CollectorRegistry()
        self.noted: set[Place] = set()
        self.taken_over: dict[Place, str] = {}
        self.table = DictRows()
        shared = limits.pop("shared", False)
        config = DeliverConfig(**{"linger_s": 0.0, "retry": AT_ONCE, **limits})
        self.deliver = Deliver(
            {"default": self, "eu": self if shared else Eu(self)}, self, self, config,
            configurations=Configurations(("default", "eu")), parked=self,
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
        records = list(records)
        receipts = [one for one in records if one.topic == "eu.moengage.receipts"]
        if receipts == records:
            if self.receipt_gate is not None:
                await self.receipt_gate.wait()
            if self.receipt_error is not None:
                raise self.receipt_error
        elif self.publish_error is not None:
            raise self.publish_error
        for one in receipts:
            receipt = Receipt.read(one.value)
            assert one.key.decode() == next(iter(receipt.deliveries.values()))[0]
            self.receipts.append(receipt)
        for one in records:
            if one in receipts:
                continue
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
        if not self.ledger.holds(chunk):
            assert not self.ledger.advance(chunk, offset)
            return
        assert self.ledger.advance(chunk, offset)
        self._note(f"done {chunk.place.partition}:{offset}")

    def note(self, place: Place) -> None:
        self.noted.add(place)

    def left_off(self, place: Place) -> str:
        return self.taken_over.get(place, "")

    def give_back(self, chunks: Iterable[Chunk]) -> None:
        self.ledger.give_back(chunks)
        self._note("given back")

    # the table of parked customers
    def rows(self, partition: int) -> DictRows:
        return self.table

    async def publish_changes(
        self, changes: Mapping[int, Mapping[bytes, bytes | None]], publisher: Any, now_ms: int
    ) -> Mapping[int, int]:
        await asyncio.sleep(0)
        for rows in changes.values():
            for key, row in rows.items():
                self._note(f"{'row' if row else 'no row'} {key.decode()}")
        return dict.fromkeys(changes, 0)

    def write(self, partition: int, changes: Mapping[bytes, bytes | None], changelog_end: int) -> None:
        self.table.apply(changes)

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

    async def merge(self, body: bytes) -> Answer:
        return await self.transition([body])

    async def delete(self, body: bytes) -> Answer:
        return await self.transition([body])


@asynccontextmanager
async def running(*failpoints: str, **limits: Any) -> AsyncIterator[Bench]:
    bench = Bench(*failpoints, **limits)
    try:
        yield bench
    finally:
        await bench.deliver.drop()


def numbered(first: int, count: int) -> list[Record]:
    return [delivery(number=n, offset=n) for n in range(first, first + count)]


def several(*customers: str, first: int = 0) -> list[Record]:
    """An element for each of these customers."""
    return [delivery(one, number=n, offset=n) for n, one in enumerate(customers, start=first)]


def poison(offset: int) -> Record:
    return replace(delivery(number=offset, offset=offset), headers=[("kind", b"user")])


# -- requests -----------------------------------------------------------------------------------


async def test_one_customers_elements_go_out_in_order_one_request_after_the_other() -> None:
    async with running(max_elements=2, linger_s=FOR_EVER) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*numbered(0, 5))
        await bench.settled()
        assert bench.log == ["call 0 1"]
        bench.gates[0].set()
        await bench.until(lambda: bench.done() == 4)
        await bench.settled()
        assert bench.log == ["call 0 1", "done 0:2", "call 2 3", "done 0:4"]  # and the last one lingers


async def test_requests_over_other_customers_do_not_wait_for_a_slow_answer() -> None:
    async with running(max_elements=2, in_flight=3) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*several("a", "b", "c", "d", "a", "e"))
        await bench.settled()
        assert bench.log == ["call 0 1", "call 2 3", "call 5"]
        assert bench.done() == 0
        bench.gates[0].set()
        await bench.until(lambda: bench.done() == 6)
        assert bench.log[3:] == ["done 0:4", "call 4", "done 0:6"]


async def test_no_more_requests_are_out_than_may_be() -> None:
    async with running(max_elements=1, in_flight=2) as bench:
        bench.gates = {n: asyncio.Event() for n in range(3)}
        bench.take(*several("a", "b", "c"))
        await bench.settled()
        assert bench.calls == ["0", "1"]
        bench.gates[1].set()
        await bench.settled()
        assert bench.calls == ["0", "1", "2"]


async def test_one_request_holds_elements_of_several_partitions() -> None:
    async with running(max_elements=10) as bench:
        bench.take(*several("a", "b"))
        bench.take(
            *[replace(one, offset=n) for n, one in enumerate(several("c", first=100))], partition=1
        )
        await bench.until(lambda: bench.done(0) == 2 and bench.done(1) == 1)
        assert bench.calls == ["0 1 100"]


async def test_a_request_waits_no_longer_than_it_may_linger() -> None:
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
        await bench.until(lambda: bench.done() == 20)
        sizes = [
            len(transition([records[int(number)].value or b"" for number in call.split()]))
            for call in bench.calls
        ]
        assert " ".join(bench.calls).split() == [str(n) for n in range(20)]
        assert max(sizes) <= 400
        assert min(sizes[:-1]) > 300  # and as large as it can be


async def test_an_element_too_large_for_any_request_is_tried_alone() -> None:
    async with running(max_bytes=300) as bench:
        large = delivery(body=json.dumps({"number": 1, "x": "x" * 400}).encode(), offset=1)
        bench.take(*numbered(0, 1), large, *numbered(2, 1))
        await bench.until(lambda: bench.done() == 3)
        assert bench.calls == ["0", "1", "2"]


async def test_a_request_of_two_chunks_counts_for_both() -> None:
    async with running(max_elements=4, linger_s=FOR_EVER) as bench:
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
        await bench.until(lambda: bench.done() == 6)
        assert bench.calls == ["0 3 4", "eu: 1 2 5"]


async def test_what_is_wrong_with_one_workspace_holds_up_no_other() -> None:
    async with running(retry=RetryPolicy(pause_s=FOR_EVER)) as bench:
        bench.answers = [Answer(Verdict.PAUSE, 401, message="no such key")]
        bench.take(delivery(number=0, offset=0), delivery(number=1, offset=1, config="eu"))
        await bench.settled()
        assert bench.log == ["call 0", "call eu: 1"]
        assert bench.deliver.troubles == {"default": "MoEngage answers 401: no such key"}
        assert bench.metric("moebridge_delivery_paused", config="default") == 1
        assert bench.metric("moebridge_delivery_paused", config="eu") == 0
        assert read_ahead(bench.deliver.ahead(Place(DELIVERIES, 0))) == {1}


async def test_configurations_of_one_workspace_share_what_is_known_of_it() -> None:
    async with running(retry=RetryPolicy(pause_s=FOR_EVER), shared=True) as bench:
        bench.answers = [Answer(Verdict.PAUSE, 401, message="no such key")]
        bench.take(delivery(number=0, offset=0), delivery(number=1, offset=1, config="eu"))
        await bench.settled()
        assert bench.log == ["call 0 1"]
        assert bench.deliver.troubles.keys() == {"default", "eu"}


async def test_a_delivery_of_a_configuration_that_is_gone_is_a_dead_letter() -> None:
    async with running(max_elements=2) as bench:
        bench.take(delivery(offset=0), delivery(number=1, offset=1, config="us"), *numbered(2, 2))
        await bench.until(lambda: bench.done() == 4)
        assert bench.calls == ["0 2", "3"]
        assert "letter 1" in bench.log


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


async def test_what_is_done_ahead_goes_along_with_the_commit_and_is_not_sent_again() -> None:
    async with running(max_elements=1, in_flight=2) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*several("a", "b", "a"))
        await bench.settled()
        place = Place(DELIVERIES, 0)
        assert (bench.log, bench.noted) == (["call 0", "call 1"], {place})
        text = bench.deliver.ahead(place)
        assert read_ahead(text) == {1}
        await bench.deliver.drop()
        bench.gates[0].set()
        # Whoever takes the partition over reads chunks of its own.
        bench.ledger.restart({place: 0})
        bench.taken_over[place] = text
        bench.take(*several("a"))
        bench.take(*several("b", "a", first=1))
        await bench.until(lambda: bench.done() == 3)
        assert bench.calls == ["0", "1", "0", "2"]
        assert bench.deliver.ahead(place) == ""


async def test_what_was_done_ahead_is_remembered_until_it_is_reached() -> None:
    async with running(max_elements=1) as bench:
        place = Place(DELIVERIES, 0)
        bench.taken_over[place] = write_ahead([4, 7])
        bench.gates[0] = asyncio.Event()
        bench.take(*numbered(0, 2))
        await bench.settled()
        assert read_ahead(bench.deliver.ahead(place)) == {4, 7}
        bench.gates[0].set()
        bench.take(*numbered(2, 4))
        await bench.until(lambda: bench.done() == 6)
        assert bench.calls == ["0", "1", "2", "3", "5"]
        assert read_ahead(bench.deliver.ahead(place)) == {7}


async def test_what_is_refused_is_a_dead_letter_before_it_is_done() -> None:
    async with running(max_elements=3) as bench:
        bench.bad = {1}
        bench.answers = [Answer(Verdict.AGAIN, 503, message="busy")]
        bench.take(*several("a", "b", "c"))
        await bench.until(lambda: bench.done() == 3)
        assert bench.calls == ["0 1 2", "0 1 2", "0", "1 2", "1", "2"]
        assert bench.log.index("letter 1") < bench.log.index("done 0:3")
        [letter] = bench.letters
        assert (letter.topic, letter.key, letter.value) == (
            "eu.moengage.dead-letters", b"b", several("a", "b")[1].value,
        )  # fmt: skip
        told = {name: value for name, value in letter.headers if name.startswith("dead_letter.")}
        assert told == {
            "dead_letter.stage": b"deliver", "dead_letter.reason": b"bad attribute",
            "dead_letter.topic": b"moengage.deliveries", "dead_letter.partition": b"0",
            "dead_letter.offset": b"1", "dead_letter.failed_at": b"%d" % NOW_MS,
            "dead_letter.request_id": b"r2", "dead_letter.answer_status": b"400",
            "dead_letter.attempts": b"4", "dead_letter.first_status": b"503",
            "dead_letter.first_message": b"busy",
        }  # fmt: skip
        own = dict(letter.headers)
        assert (own["delivery_id"], own["event_id"], own["mapping_version"]) == (
            b"notif_1/b/0", b"notif_1", b"v",
        )  # fmt: skip


async def test_a_customers_later_elements_wait_for_its_dead_letter() -> None:
    async with running(max_elements=1) as bench:
        bench.bad = {0}
        bench.take(*numbered(0, 2))
        await bench.until(lambda: bench.done() == 2)
        assert bench.log == ["call 0", "letter 0", "done 0:1", "call 1", "done 0:2"]


async def test_a_record_that_is_no_delivery_is_a_dead_letter() -> None:
    async with running(max_elements=2) as bench:
        bench.take(delivery(number=0, offset=0), poison(1), *numbered(2, 1))
        await bench.until(lambda: bench.done() == 3)
        assert bench.calls == ["0 2"]
        assert b"missing" in dict(bench.letters[0].headers)["dead_letter.reason"]
        outcome = {"stage": "deliver", "outcome": "dead_lettered"}
        assert bench.metric("moebridge_stage_outcomes_total", **outcome) == 1


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
        assert bench.calls == ["0 1", "0", "1 2", "1"]
        assert bench.done() == 1


async def test_poison_that_cannot_be_put_away_stops_delivery() -> None:
    async with running() as bench:
        bench.publish_error = PublishFailed("the broker did not confirm")
        bench.take(poison(0), *numbered(1, 1))
        await bench.until(lambda: bool(bench.failures))
        assert bench.done() == 0


@pytest.mark.parametrize(
    ("failpoint", "calls", "receipts"),
    [("before_step", [], 0), ("after_outputs", ["0 1"], 0), ("after_store", ["0 1"], 1)],
)
async def test_a_failure_in_between_leaves_everything_undone(
    failpoint: str, calls: list[str], receipts: int
) -> None:
    async with running(f"deliver:{failpoint}:1", max_elements=2) as bench:
        bench.take(*numbered(0, 2))
        await bench.until(lambda: bool(bench.failures))
        assert isinstance(bench.failures[0], InjectedFailure)
        assert (bench.calls, len(bench.receipts)) == (calls, receipts)
        assert bench.done() == 0


# -- merges and deletes -------------------------------------------------------------------------


async def test_a_merge_and_a_delete_are_calls_of_their_own_in_their_turn() -> None:
    async with running(max_elements=10) as bench:
        bench.take(
            *numbered(0, 2), delivery(kind="merge", number=2, offset=2),
            delivery(kind="delete", number=3, offset=3), *numbered(4, 1),
        )  # fmt: skip
        await bench.until(lambda: bench.done() == 5)
        assert bench.log == [
            "call 0 1", "done 0:2", "merge 2", "done 0:3", "delete 3", "done 0:4", "call 4", "done 0:5",
        ]  # fmt: skip
        count = "moebridge_delivery_elements_total"
        assert bench.metric(count, kind="merge", outcome="delivered") == 1
        assert bench.metric(count, kind="delete", outcome="delivered") == 1


async def test_a_merge_is_passed_on_to_the_user_that_is_kept() -> None:
    async with running(max_elements=10) as bench:
        bench.take(
            *several("uuid-c1", "other", "uuid-c1"),
            delivery("uuid-c1", kind="merge", then="cust-1", number=3, offset=3),
        )
        await bench.until(lambda: bench.done() == 4)
        assert bench.log == ["call 0 1 2", "done 0:3", "passed on to cust-1", "done 0:4"]
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


# -- parked customers -----------------------------------------------------------------------------


def redriven(record: Record, *, offset: int, run: str = "run-1") -> Record:
    return replace(record, offset=offset, headers=[*record.headers, ("redrive.run", run.encode())])


async def test_behind_a_refused_element_all_of_its_customer_is_put_away() -> None:
    async with running(max_elements=1, in_flight=1, after_refusal="park") as bench:
        bench.bad = {0}
        bench.take(*several("a", "b", "a", "a"))
        await bench.until(lambda: bench.done() == 4)
        assert bench.calls == ["0", "1"]
        assert [one for one in bench.log if one.startswith(("letter", "row", "done"))] == [
            "letter 0", "row a", "done 0:1", "done 0:2", "letter 2", "row a", "done 0:3", "letter 3",
            "row a", "done 0:4",
        ]  # fmt: skip
        reasons = [dict(one.headers)["dead_letter.reason"] for one in bench.letters]
        assert reasons == [b"bad attribute", b"parked", b"parked"]
        count = "moebridge_delivery_elements_total"
        assert bench.metric(count, kind="user", outcome="parked") == 2
        assert bench.deliver.troubles == {}


async def test_a_parked_customer_goes_on_once_the_last_of_it_was_redriven() -> None:
    async with running(max_elements=1, after_refusal="park") as bench:
        bench.bad = {0}
        records = several("a", "a", "a")
        bench.take(*records[:2])
        await bench.until(lambda: bench.done() == 2)
        bench.bad.clear()
        bench.log.clear()
        bench.take(
            redriven(records[0], offset=2), replace(records[2], offset=3), redriven(records[1], offset=4),
            redriven(records[2], offset=5), delivery("a", number=9, offset=6),
        )  # fmt: skip
        await bench.until(lambda: bench.done() == 7)
        assert [one for one in bench.log if "done" not in one] == [
            "call 0", "letter 3", "row a", "call 1", "call 2", "no row a", "call 9",
        ]  # fmt: skip
        assert bench.table.rows == {}


async def test_a_customer_stays_parked_over_a_restart() -> None:
    async with running(max_elements=1, after_refusal="park") as bench:
        bench.bad = {0}
        bench.take(*several("a"))
        await bench.until(lambda: bench.done() == 1)
        await bench.deliver.drop()
        bench.ledger.restart({Place(DELIVERIES, 0): 1})
        bench.take(*several("a", "b", first=1))
        await bench.until(lambda: bench.done() == 3)
        assert bench.calls == ["0", "2"]
        assert "letter 1" in bench.log


async def test_without_being_asked_nobody_is_parked() -> None:
    async with running(max_elements=1) as bench:
        bench.table.apply({b"a": b'{"newest":"x","since":0}'})
        bench.bad = {0}
        bench.take(*several("a", "a"))
        await bench.until(lambda: bench.done() == 2)
        assert bench.calls == ["0", "1"]


# -- the brake ------------------------------------------------------------------------------------


async def test_many_refusals_stop_delivery_instead_of_emptying_the_topic() -> None:
    brake = BrakeLimits(run=3, rest_s=FOR_EVER)
    async with running(max_elements=1, in_flight=1, brake=brake) as bench:
        bench.bad = set(range(10))
        bench.take(*several(*"abcdefghij"))
        await bench.settled()
        assert [one for one in bench.log if "done" not in one] == [
            "call 0", "letter 0", "call 1", "letter 1", "call 2",
        ]  # fmt: skip
        assert bench.done() == 2
        assert bench.deliver.troubles == {"default": "MoEngage refused too many elements"}
        assert bench.metric("moebridge_delivery_braked", config="default") == 1


async def test_it_goes_on_once_something_is_taken() -> None:
    brake = BrakeLimits(run=3, rest_s=0)
    async with running(max_elements=1, in_flight=1, brake=brake) as bench:
        bench.bad = set(range(5))
        bench.take(*several(*"abcdefg"))
        await bench.until(lambda: bench.done() == 7)
        assert len(bench.letters) == 5
        assert bench.deliver.troubles == {}
        assert bench.metric("moebridge_delivery_braked", config="default") == 0


# -- giving partitions back ---------------------------------------------------------------------


async def test_draining_ends_what_is_out_and_gives_back_the_rest() -> None:
    async with running(max_elements=2) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*numbered(0, 5))
        bench.take(*numbered(5, 2))
        await bench.settled()
        bench.deliver.drain()
        await bench.settled()
        assert bench.log == ["call 0 1"]
        assert not bench.ledger.idle
        bench.gates[0].set()
        await bench.until(lambda: bench.ledger.idle)
        assert bench.log[:3] == ["call 0 1", "done 0:2", "given back"]


async def test_draining_waits_for_a_dead_letter_on_its_way() -> None:
    async with running(max_elements=1) as bench:
        bench.gates[0] = asyncio.Event()
        bench.bad = {0}
        bench.take(*numbered(0, 2))
        await bench.settled()
        bench.deliver.drain()
        bench.gates[0].set()
        await bench.until(lambda: bench.ledger.idle)
        assert bench.log[:4] == ["call 0", "letter 0", "done 0:1", "given back"]


async def test_draining_with_nothing_out_gives_everything_back() -> None:
    async with running(linger_s=FOR_EVER) as bench:
        bench.take(*numbered(0, 3))
        bench.deliver.drain()
        await bench.until(lambda: bench.ledger.idle)
        assert set(bench.log) == {"given back"}


async def test_dropping_ends_everything_whatever_it_is_at() -> None:
    async with running(max_elements=2) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*numbered(0, 2))
        await bench.settled()
        await bench.deliver.drop()
        bench.gates[0].set()
        await bench.settled()
        assert (bench.log, bench.failures) == (["call 0 1"], [])


async def test_after_dropping_delivery_begins_anew() -> None:
    async with running(max_elements=2, linger_s=FOR_EVER) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*numbered(0, 3))
        await bench.settled()
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


async def test_a_partition_that_begins_anew_leaves_out_what_was_in_hand_of_it() -> None:
    async with running(max_elements=2, in_flight=1) as bench:
        bench.gates[0] = asyncio.Event()
        bench.take(*several("a", "b", "a", "b"))
        await bench.settled()
        bench.ledger.restart({Place(DELIVERIES, 0): 0})
        bench.take(*several("a", "b"))
        bench.gates[0].set()
        await bench.until(lambda: bench.done() == 2)
        assert bench.calls == ["0 1", "0 1"]
        bench.take(*several("a", "b", first=2))
        await bench.until(lambda: bench.done() == 4)
        assert bench.calls[2:] == ["2 3"]


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


async def test_replayed_elements_are_counted_apart_and_not_timed() -> None:
    marked = delivery(offset=0)
    marked = replace(marked, headers=[*marked.headers, *Replayed("aaaaaaaaaaaa").headers()])
    async with running() as bench:
        bench.take(marked, *numbered(1, 1))
        await bench.until(lambda: bench.done() == 2)
        assert bench.metric("moebridge_delivery_elements_total", kind="user", outcome="delivered") == 2
        assert bench.metric("moebridge_replay_elements_total", kind="user", outcome="delivered") == 1
        assert bench.metric("moebridge_end_to_end_seconds_count") == 1
        assert bench.metric("moebridge_event_to_accepted_seconds_count") == 1


async def test_a_pause_is_said_once_and_without_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "streams.delivery")
    async with running(max_elements=1) as bench:
        bench.answers = [Answer(Verdict.PAUSE, 401, message="key and workspace do not fit")] * 3
        bench.take(*numbered(0, 1))
        await bench.until(lambda: bench.done() == 1)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "key and workspace do not fit" in caplog.text
    assert "user-c1" not in caplog.text


async def test_a_brake_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "streams.delivery")
    async with running(max_elements=1, in_flight=1, brake=BrakeLimits(run=1, rest_s=0)) as bench:
        bench.bad = {0}
        bench.take(*several("a", "b"))
        await bench.until(lambda: "call 1" in bench.log)
        await bench.settled()
    assert [record.levelname for record in caplog.records][:2] == ["ERROR", "WARNING"]


async def test_budgets_are_this_workers_share() -> None:
    rates = {"default": Rates(600, 0, 0)}
    async with running(rates=rates) as bench:
        bench.deliver.set_share(0.25)
        gauge = "moebridge_delivery_budget_per_minute"
        assert bench.metric(gauge, config="default", kind="user") == 150
        assert bench.metric(gauge, config="default", kind="event") == float("inf")
