"""Asking between a chunk and its step: what is counted, what is said, and that a worker goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import pytest
from pipeline import RULES, delivered
from prometheus_client import CollectorRegistry
from records import NOW_MS, Record, record_of, state, ticket, webhook

from events.configurations import Configurations
from events.elements import Delivery
from events.envelope import Envelope
from events.keys import scoped
from intercom.config import IntercomConfig
from intercom.enrichment import Found, Outcome, Unavailable, Wanted
from intercom.errors import IntercomRefused, IntercomUnavailable
from intercom.sandbox.app import create_app
from intercom.sandbox.config import SandboxConfig
from streams.chunks import Chunk, Place
from streams.enrich import Enrichment, asking
from streams.failpoints import Failpoints
from streams.metrics import Metrics
from streams.publishing import Outgoing
from streams.runner import StageRunner
from streams.stages.contacts import Contacts
from streams.state import DictRows, State

FOUND = Found({"id": "c1", "email": "ada@example.com", "updated_at": 1_780_000_000}, [])
AWAY = Unavailable(IntercomUnavailable("no answer in 2 tries"))
REFUSED = Unavailable(IntercomRefused("access_token", "check the token (401)"))


class Looks:
    """Answers the same to every question."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.asked: list[Wanted] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def enrich(self, wanted: Sequence[Wanted]) -> Mapping[Wanted, Outcome]:
        self.asked += wanted
        self.meanwhile()
        return dict.fromkeys(wanted, self.outcome)


class Set:
    """An enrichment with its parts."""

    def __init__(self, outcome: Outcome) -> None:
        self.looks = Looks(outcome)
        self.metrics = Metrics(CollectorRegistry())
        self.contacts = Contacts(lambda _: RULES)
        self.enrichment = Enrichment(self.contacts, {"default": self.looks}, self.metrics)

    def counted(self, outcome: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            "moebridge_enrichment_contacts_total", {"outcome": outcome}
        )


def tickets(*contact_ids: str) -> list[Record]:
    return [
        record_of(
            webhook("ticket.created", ticket(state("submitted"), at=1, contacts=[{"id": one}]), at=1),
            one,
            offset=number,
        )
        for number, one in enumerate(contact_ids)
    ]


async def emails(one: Set, *contact_ids: str) -> int:
    """How many users go to MoEngage."""
    state_ = State(DictRows())
    step = await one.enrichment.prepare(tickets(*contact_ids), state_)
    made = delivered(step(tickets(*contact_ids), state_, NOW_MS))
    assert sum(each.kind == "event" for each in made) == len(contact_ids)
    return sum(each.kind == "user" for each in made)


async def test_what_is_found_reaches_the_step_and_all_are_asked_at_once() -> None:
    one = Set(FOUND)
    assert await emails(one, "c1", "c2") == 2
    assert one.looks.asked == [Wanted("c1"), Wanted("c2")]
    assert one.counted("found") == 2


@pytest.mark.parametrize(
    ("outcome", "word"), [(None, "missed"), (AWAY, "unavailable"), (REFUSED, "refused")]
)
async def test_what_is_not_found_is_counted_and_mapped_with_what_is_there(
    outcome: Outcome, word: str
) -> None:
    one = Set(outcome)
    assert await emails(one, "c1") == 0
    assert one.counted(word) == 1


async def test_a_chunk_that_names_nobody_unknown_asks_nothing() -> None:
    one = Set(FOUND)
    step = await one.enrichment.prepare([], State(DictRows()))
    assert step == one.contacts.step
    assert one.looks.asked == []


async def test_a_refusal_is_shouted_once_until_all_is_well_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = Set(REFUSED)
    await emails(one, "c1", "c2")
    await emails(one, "c3")
    [said] = caplog.records
    assert said.levelno == logging.ERROR
    assert "intercom.access_token: check the token (401)" in said.getMessage()
    one.looks.outcome = AWAY
    await emails(one, "c4")
    await emails(one, "c5")
    assert [each.levelno for each in caplog.records] == [logging.ERROR, logging.WARNING]
    one.looks.outcome = FOUND
    await emails(one, "c6")
    one.looks.outcome = AWAY
    await emails(one, "c7")
    assert len(caplog.records) == 3


async def test_each_configuration_asks_its_own_intercom_and_one_without_asks_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    here, there = Looks(FOUND), Looks(REFUSED)
    contacts = Contacts(lambda _: RULES, configurations=Configurations(("Main", "eu", "us")))
    enrichment = Enrichment(contacts, {"Main": here, "eu": there}, Metrics(CollectorRegistry()))
    [envelope] = [Envelope.from_record(one.value, one.headers) for one in tickets("c1")]
    records = [
        record_of(replace(envelope, config=config), scoped(scope, "c1"))
        for config, scope in (("Main", ""), ("eu", "eu"), ("us", "us"))
    ]
    state_ = State(DictRows())
    step = await enrichment.prepare(records, state_)
    assert (here.asked, there.asked) == ([Wanted("c1")], [Wanted("c1")])
    made = delivered(step(records, state_, NOW_MS))
    assert [(each.config, each.kind) for each in made] == [
        ("Main", "user"), ("Main", "event"), ("eu", "event"), ("us", "event"),
    ]  # fmt: skip
    [said] = caplog.records
    assert said.getMessage().startswith("configuration eu: Intercom cannot be asked")


class Source:
    """A consumer whose partition can be taken away."""

    def __init__(self) -> None:
        self.held = True
        self.done: list[int] = []

    def begin(self, chunk: Chunk) -> bool:
        return True

    def holds(self, chunk: Chunk) -> bool:
        return self.held

    async def in_group(self) -> None:
        pass

    def advance(self, chunk: Chunk, offset: int) -> None:
        self.done.append(offset)


class Published:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.out: list[Outgoing] = []

    async def publish(self, records: Iterable[Outgoing], now_ms: int) -> Mapping[Place, int]:
        self.out += records
        return {}


def runner(one: Set, published: Published) -> StageRunner:
    return StageRunner(
        one.contacts, None, published,
        now_ms=lambda: NOW_MS, metrics=one.metrics, failpoints=Failpoints.parse(()),
        prepare=one.enrichment.prepare,
    )  # fmt: skip


@pytest.mark.parametrize("taken_away", [False, True])
async def test_a_chunk_that_was_taken_away_while_asking_is_dropped(taken_away: bool) -> None:
    one, source, published = Set(FOUND), Source(), Published()

    def meanwhile() -> None:
        source.held = not taken_away

    one.looks.meanwhile = meanwhile
    chunk = Chunk(Place("intercom.contacts", 0), tickets("c1"), 1)
    await runner(one, published).process([chunk], source)
    assert bool(published.out) is not taken_away
    assert source.done == ([] if taken_away else [1])


async def test_chunks_that_go_together_complete_a_contact_once() -> None:
    one, source, published = Set(FOUND), Source(), Published()
    first, second = tickets("c1", "c1")
    later = webhook(
        "ticket.state.updated", ticket(state("resolved"), at=9, contacts=[{"id": "c1"}]), at=9
    )
    chunks = [
        Chunk(Place("intercom.contacts", 0), [record], 1)
        for record in (first, replace(second, value=later.payload, headers=later.headers()))
    ]
    await runner(one, published).process(chunks, source)
    made = [Delivery.from_record(out.key, out.value, out.headers) for out in published.out]
    assert [(each.kind, each.name) for each in made] == [
        ("user", ""), ("event", "ticket_created"), ("event", "ticket_state_changed"),
    ]  # fmt: skip
    assert source.done == [1, 2]


async def test_calls_are_counted_by_route_and_status(aiohttp_server) -> None:
    server = await aiohttp_server(create_app(SandboxConfig(access_token="right")))
    metrics = Metrics(CollectorRegistry())

    async def outcome(token: str) -> Outcome:
        config = IntercomConfig(token, base_url=str(server.make_url("")).rstrip("/"))
        async with asking(config, metrics) as enricher:
            return (await enricher.enrich([Wanted("c1")]))[Wanted("c1")]

    assert await outcome("right") is None
    refused = await outcome("wrong")
    assert isinstance(refused, Unavailable)
    assert isinstance(refused.error, IntercomRefused)
    for status in ("404", "401"):
        labels = {"call": "GET /contacts/{id}", "status": status}
        assert metrics.registry.get_sample_value("moebridge_enrichment_calls_total", labels) == 1
