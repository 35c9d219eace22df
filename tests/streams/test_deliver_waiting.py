"""deliver says for what its partitions wait, and sends nothing that may be somebody else's by now."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from records import Record, delivery
from test_deliver import ACCEPTED, running, several

from events.topics import DELIVERIES
from moengage.answers import Answer, Verdict
from moengage.brake import BrakeLimits
from moengage.budgets import Rates
from moengage.retry import RetryPolicy
from streams.chunks import Place
from streams.waiting import BRAKED, FAIR_USE, IN_PARTS, MOENGAGE

HERE, THERE = Place(DELIVERIES, 0), Place(DELIVERIES, 1)
LONG = RetryPolicy(base_s=1000, cap_s=1000, pause_s=1000)


async def test_who_waits_for_a_passing_fault_says_so_and_nobody_else() -> None:
    async with running(max_elements=1, retry=LONG) as bench:
        bench.answers = [Answer(Verdict.AGAIN, 503)]
        bench.take(*several("a"))
        await bench.settled()
        bench.take(*several("b"), partition=1)
        await bench.until(lambda: bench.done(1) == 1)
        assert bench.deliver.waiting() == {HERE: MOENGAGE[Verdict.AGAIN]}


@pytest.mark.parametrize("verdict", [Verdict.WAIT, Verdict.PAUSE])
async def test_what_closes_a_workspace_is_everybodys_reason_and_no_other_workspaces(
    verdict: Verdict,
) -> None:
    async with running(max_elements=1, in_flight=1, retry=LONG) as bench:
        bench.answers = [Answer(verdict, 0, wait_s=1000.0)]
        bench.take(*several("a"))
        await bench.settled()
        bench.take(*several("b"), partition=1)
        bench.take(replace(delivery("c", config="eu"), offset=0), partition=2)
        await bench.until(lambda: bench.done(2) == 1)
        assert bench.deliver.waiting() == dict.fromkeys([HERE, THERE], MOENGAGE[verdict])


async def test_in_an_outage_those_wait_too_that_no_request_is_left_for() -> None:
    async with running(max_elements=1, in_flight=1, retry=LONG) as bench:
        bench.answers = [Answer(Verdict.AGAIN, 503)]
        bench.take(*several("a"))
        await bench.settled()
        bench.take(*several("b"), partition=1)
        await bench.settled()
        assert bench.deliver.waiting() == dict.fromkeys([HERE, THERE], MOENGAGE[Verdict.AGAIN])


async def test_the_brake_and_what_is_fair_are_known_reasons() -> None:
    async with running(max_elements=1, brake=BrakeLimits(run=1)) as bench:
        bench.bad = {0}
        bench.take(*several("a"))
        await bench.settled()
        assert bench.deliver.waiting() == {HERE: BRAKED}
    async with running(max_elements=1, rates={"default": Rates(0, 0, 1)}) as bench:
        bench.take(*several("a", "a"))
        await bench.settled()
        assert bench.deliver.waiting() == {HERE: FAIR_USE}


async def test_a_lane_waits_no_more_once_moengage_has_taken_its_batch() -> None:
    async with running(max_elements=1) as bench:
        bench.answers = [Answer(Verdict.AGAIN, 503), Answer(Verdict.WAIT, 429, wait_s=0.0), ACCEPTED]
        bench.take(*several("a"))
        await bench.until(lambda: bench.done() == 1)
        assert bench.deliver.waiting() == {}


async def test_a_batch_that_is_taken_in_parts_is_at_work_however_many_requests_that_takes() -> None:
    async with running(max_elements=4) as bench:
        bench.bad = {0, 1, 2, 3}
        bench.gates = {3: asyncio.Event()}  # the last of seven requests
        bench.take(*several(*"abcd"))
        await bench.until(lambda: "call 3" in bench.log)
        assert bench.deliver.waiting() == {HERE: IN_PARTS}
        bench.gates[3].set()
        await bench.until(lambda: bench.done() == 4)
        assert bench.deliver.waiting() == {}


@pytest.mark.parametrize(
    "record",
    [delivery("uuid-c1", kind="merge", then="cust-1"), replace(delivery(), headers=())],
    ids=["a merge is passed on", "a record cannot be read"],
)
async def test_nothing_is_published_while_the_group_may_have_cast_us_out(record: Record) -> None:
    async with running() as bench:
        certain = asyncio.Event()

        async def in_group() -> None:
            await certain.wait()

        bench.in_group = in_group  # type: ignore[method-assign]
        bench.take(record)
        await bench.settled()
        assert bench.log == []
        bench.ledger.give_up()
        certain.set()
        await bench.settled()
        assert bench.log == []
        assert bench.failures == []


async def test_a_dead_letter_of_a_refused_element_is_published_by_its_owner_alone() -> None:
    async with running(max_elements=1) as bench:
        bench.bad, bench.gates = {0}, {0: asyncio.Event()}
        bench.take(*several("a"))
        await bench.until(lambda: bench.calls == ["0"])
        bench.ledger.give_up()
        bench.gates[0].set()
        await bench.settled()
        assert bench.letters == []
        assert bench.failures == []


async def test_nothing_is_sent_or_sent_again_while_the_group_may_have_cast_us_out() -> None:
    async with running(max_elements=1) as bench:
        asked, certain = 0, asyncio.Event()

        async def in_group() -> None:
            nonlocal asked
            asked += 1
            await certain.wait()

        bench.in_group = in_group  # type: ignore[method-assign]
        bench.answers = [Answer(Verdict.AGAIN, 503)]
        bench.take(*several("a"))
        await bench.settled()
        assert (asked, bench.calls) == (1, [])
        certain.set()
        await bench.until(lambda: bool(bench.calls))
        certain.clear()
        await bench.settled()
        assert (asked, bench.calls) == (2, ["0"])
        bench.ledger.give_up()  # it was: the next owner sends it
        certain.set()
        await bench.settled()
        assert bench.calls == ["0"]
        assert bench.failures == []
        assert bench.deliver.waiting() == {}
