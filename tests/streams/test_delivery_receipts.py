"""deliver writes a receipt for every answer that settled something, before it counts as done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from records import NOW_MS, Record, delivery
from test_deliver import ACCEPTED, numbered, poison, running, several

from events.configurations import Configurations
from events.elements import Delivery
from events.receipts import Receipt
from events.topics import DELIVERIES
from moengage.answers import Answer, Verdict
from streams.chunks import Chunk, Place
from streams.delivery.element import Element
from streams.delivery.receipts import Receipts
from streams.errors import PublishFailed


def mapped_by(version: str, record: Record) -> Record:
    headers = {**dict(record.headers), "mapping_version": version.encode()}
    return replace(record, headers=list(headers.items()))


async def test_one_receipt_tells_of_all_that_an_answer_took() -> None:
    async with running(max_elements=3) as bench:
        records = several("a", "b", "c")
        bench.take(records[0], mapped_by("v2", records[1]), records[2])
        await bench.until(lambda: bench.done() == 3)
        assert bench.receipts == [
            Receipt(
                "taken", NOW_MS, "default", 200, "r1",
                {"v": ("notif_0/a/0", "notif_2/c/0"), "v2": ("notif_1/b/0",)},
            )
        ]  # fmt: skip


async def test_every_configuration_has_a_receipt_of_its_own_under_its_name() -> None:
    async with running(max_elements=4, shared=True) as bench:
        configs = ["", "eu", "DEFAULT", "EU"]
        bench.take(*(delivery(number=n, offset=n, config=one) for n, one in enumerate(configs)))
        await bench.until(lambda: bench.done() == 4)
        assert bench.calls == ["0 1 2 3"]
        told = {one.config: [i.split("/")[0] for i in one.deliveries["v"]] for one in bench.receipts}
        assert told == {"default": ["notif_0", "notif_2"], "eu": ["notif_1", "notif_3"]}
        assert len(bench.receipts) == 2


async def test_what_is_refused_has_a_receipt_with_its_dead_letter() -> None:
    async with running(max_elements=2) as bench:
        bench.bad = {1}
        bench.take(*several("a", "b"))
        await bench.until(lambda: bench.done() == 2)
        assert [(one.outcome, one.status, one.request_id, one.deliveries) for one in bench.receipts] == [
            ("taken", 200, "r1", {"v": ("notif_0/a/0",)}),
            ("refused", 400, "r2", {"v": ("notif_1/b/0",)}),
        ]


async def test_what_is_parked_has_a_receipt_with_its_dead_letter() -> None:
    async with running(max_elements=3, after_refusal="park") as bench:
        bench.bad = {0}
        bench.take(*several("a", "a", "a"))
        await bench.until(lambda: bench.done() == 3)
        refused, *parked = bench.receipts
        assert refused.outcome == "refused"
        assert parked == [
            Receipt("parked", NOW_MS, "default", 0, "", {"v": ("notif_1/a/0", "notif_2/a/0")})
        ]


async def test_what_is_not_settled_has_no_receipt() -> None:
    async with running(max_elements=1, in_flight=1) as bench:
        bench.bad = {0}
        bench.answers = [Answer(Verdict.AGAIN, 503), Answer(Verdict.WAIT, 429, wait_s=0)]
        bench.take(*several("a"), poison(1), delivery("u", kind="merge", then="a2", number=2, offset=2))
        await bench.until(lambda: bench.done() == 3)
        assert [(one.outcome, one.deliveries) for one in bench.receipts] == [
            ("refused", {"v": ("notif_0/a/0",)})
        ]


async def test_a_merge_and_a_delete_that_moengage_took_have_receipts() -> None:
    async with running() as bench:
        bench.take(
            delivery("a", kind="merge", number=0, offset=0),
            delivery("a", kind="delete", number=1, offset=1),
        )
        await bench.until(lambda: bench.done() == 2)
        assert [one.deliveries["v"] for one in bench.receipts] == [("notif_0/a/0",), ("notif_1/a/0",)]


async def test_nothing_is_done_before_its_receipt_is_confirmed_but_the_customer_goes_on() -> None:
    async with running(max_elements=1) as bench:
        bench.receipt_gate = asyncio.Event()
        bench.take(*numbered(0, 2))
        await bench.settled()
        assert bench.log == ["call 0", "call 1"]
        bench.receipt_gate.set()
        await bench.until(lambda: bench.done() == 2)


async def test_draining_waits_for_a_receipt_on_its_way() -> None:
    async with running(max_elements=1) as bench:
        bench.receipt_gate = asyncio.Event()
        bench.take(*numbered(0, 1))
        await bench.settled()
        bench.deliver.drain()
        await bench.settled()
        assert not bench.ledger.idle
        bench.receipt_gate.set()
        await bench.until(lambda: bench.ledger.idle)
        assert bench.done() == 1


async def test_a_receipt_that_is_not_confirmed_stops_delivery() -> None:
    async with running(max_elements=1) as bench:
        bench.receipt_error = PublishFailed("the broker did not confirm")
        bench.take(*numbered(0, 1))
        await bench.until(lambda: bool(bench.failures))
        assert bench.failures == [bench.receipt_error]
        assert bench.done() == 0


async def test_what_was_taken_has_its_receipt_though_the_partition_is_gone_what_was_refused_not() -> None:
    async with running(max_elements=1, in_flight=2) as bench:
        bench.bad = {1}
        bench.gates = {0: asyncio.Event(), 1: asyncio.Event()}
        bench.take(*several("a", "b"))
        await bench.settled()
        bench.ledger.give_up()
        for gate in bench.gates.values():
            gate.set()
        await bench.settled()
        assert bench.calls == ["0", "1"]
        assert [one.outcome for one in bench.receipts] == ["taken"]
        assert (bench.failures, bench.letters) == ([], [])


def elements(records: Sequence[Record]) -> list[Element]:
    chunk = Chunk(Place(DELIVERIES, 0), records, 1)
    made = [Delivery.from_record(one.key, one.value, one.headers) for one in records]
    return [Element(chunk, n, record, made[n], 0.0) for n, record in enumerate(records)]


@pytest.mark.parametrize("most", [1, 400, 2_000, 100_000])
def test_a_receipt_is_no_larger_than_a_record_may_be(most: int) -> None:
    records = [mapped_by(f"v{n % 3}", one) for n, one in enumerate(numbered(0, 50))]
    made = Receipts(Configurations(), "eu.", most).of(elements(records), "taken", ACCEPTED, NOW_MS)
    receipts = [Receipt.read(one.value) for one in made]
    told = [(i, version) for one in receipts for version, ids in one.deliveries.items() for i in ids]
    assert sorted(told) == sorted((f"notif_{n}/user-c1/0", f"v{n % 3}") for n in range(50))
    for outgoing, receipt in zip(made, receipts, strict=True):
        alone = sum(map(len, receipt.deliveries.values())) == 1
        assert alone or len(outgoing.key) + len(outgoing.value or b"") <= most
    assert len(made) == {1: 50, 100_000: 1}.get(most, len(made))
