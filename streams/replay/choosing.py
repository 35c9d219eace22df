"""Choosing what a replay publishes: from the topics, the rows and the receipts on the broker.

What decides is pure (``derivations``, ``deliveries``); here it is given what it needs. The plan and the
replay itself take the same way, so that the counts of the one are what the other does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from events.configurations import Configurations
from events.errors import InvalidData
from events.receipts import Outcome
from events.topics import changelog_spec, topic_name
from mappings.rules import RuleSet
from streams.replay.chosen import Choosing, Chosen
from streams.replay.concerned import Concerned
from streams.replay.deliveries import Deliveries
from streams.replay.derivations import Derivations, Meant, Rehearse, Told
from streams.replay.filters import check
from streams.replay.pending import pending_events
from streams.replay.plan import Judged, Totals
from streams.replay.reading import Reader, changelog_rows, reading
from streams.replay.receipts import index_since
from streams.replay.rehearsing import Rehearsing, Rows, without_shadow
from streams.replay.request import ReplayRequest

#: Records that are judged before others of the loop have a turn.
_AT_ONCE = 20

#: By how much the clocks of front doors and workers may differ.
_CLOCKS_MS = 600_000


@dataclass(frozen=True, slots=True)
class ReplayConfig:
    """What a replay of one configuration works with.

    ``connection``: keyword arguments of aiokafka's clients. ``app_id``: the workers' group, whose name
    begins the changelogs' too. ``rules`` and ``real_time_action`` are the configuration's.
    """

    connection: Mapping[str, Any]
    prefix: str
    app_id: str
    configurations: Configurations
    rules: RuleSet
    real_time_action: bool


class _Judge(Protocol):
    """Judges the records of the spans once, in order."""

    def judge(self, record: Any) -> Judged: ...


class _Choosing:
    """See Choosing. ``begin`` gives a judge for one more round; ``look`` tells it what came since."""

    def __init__(
        self,
        request: ReplayRequest,
        reader: Reader,
        topic: str,
        begin: Callable[[], _Judge],
        examples: int,
    ) -> None:
        self._request = request
        self._reader = reader
        self._topic = topic
        self._begin = begin
        self.totals = Totals(examples_wanted=examples)

    async def plan(self) -> None:
        """Count everything."""
        async for judged in self._judged():
            self.totals.take(judged)

    async def chosen(self, after: Mapping[int, int]) -> AsyncGenerator[Chosen]:
        """See Choosing."""
        async with aclosing(self._judged()) as all_of_it:
            async for one in all_of_it:
                if one.offset < after.get(one.place.partition, 0):
                    continue
                users = sum(delivery.kind == "user" for delivery in one.deliveries)
                events = sum(delivery.kind == "event" for delivery in one.deliveries)
                counts = (users, events) if one.outgoing else (0, 0)
                yield Chosen(one.place, one.offset, one.outgoing, *counts)

    async def fresh(self, chosen: Sequence[Chosen]) -> list[Chosen]:
        """See Choosing: what is derived is judged against the rows when the workers have it."""
        return list(chosen)

    async def _judged(self) -> AsyncGenerator[Judged]:
        judge = self._begin()
        async with aclosing(self._reader.read(self._topic, self._request.spans)) as records:
            number = 0
            async for record in records:
                yield judge.judge(record)
                number += 1
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)


class _ChoosingDeliveries(_Choosing):
    """Of deliveries, which others may overtake until they are published."""

    def __init__(
        self, request: ReplayRequest, reader: Reader, topic: str, judge: Deliveries, examples: int,
        ahead: Reader,
    ) -> None:  # fmt: skip
        super().__init__(request, reader, topic, judge.begin, examples)
        self._judge = judge
        self._ahead = ahead
        self._heard = {partition: first for partition, (first, _) in request.spans.items()}

    async def hear(self) -> None:
        """Take in what stands in the topic by now."""
        held = await self._ahead.held(self._topic)
        news = {
            partition: (max(at, held[partition][0]), held[partition][1])
            for partition, at in self._heard.items()
            if partition in held
        }
        number = 0
        async with aclosing(self._ahead.read(self._topic, news)) as records:
            async for record in records:
                self._judge.heard(record)
                self._heard[record.partition] = record.offset + 1
                number += 1
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
        self._heard |= {partition: max(at, self._heard[partition]) for partition, (_, at) in news.items()}

    async def fresh(self, chosen: Sequence[Chosen]) -> list[Chosen]:
        """See Choosing."""
        await self.hear()
        return [
            one
            if not one.outgoing or self._judge.stands(one.offset, one.outgoing[0])
            else Chosen(one.place, one.offset)
            for one in chosen
        ]


@asynccontextmanager
async def choosing(
    config: ReplayConfig, request: ReplayRequest, *, now_ms: int, examples: int = 0
) -> AsyncIterator[Choosing]:
    """What the request chooses, counted already; of these elements the first few as examples.

    Raises WrongReplay, RecordsUnreadable, LagUnreadable.
    """
    check(request.kind, request.filters)
    topic = topic_name(request.source, config.prefix)
    async with reading(config.connection) as reader, reading(config.connection) as ahead:
        pending: frozenset[str] = frozenset()
        if request.only_missing:
            pending = await pending_events(
                reader,
                config.connection,
                group=config.app_id,
                prefix=config.prefix,
                configurations=config.configurations,
                config=request.config,
                now_ms=lambda: now_ms,
            )
        since_ms = await _first_ms(reader, topic, request)
        index = await index_since(reader, config.prefix, since_ms)
        known = index.outcome
        chooser: _Choosing
        if request.kind == "deliver":
            judge = Deliveries(request, topic, config.configurations, known, pending=pending.__contains__)
            chooser = _ChoosingDeliveries(request, reader, topic, judge, examples, ahead)
            await chooser.hear()
        else:
            chooser = await _deriving(config, request, reader, topic, known, pending, now_ms, examples)
        await chooser.plan()
        yield chooser


async def _first_ms(reader: Reader, topic: str, request: ReplayRequest) -> int | None:
    """A time before every receipt of what is read: a receipt is written later than what it is of."""
    async with aclosing(reader.read(topic, request.spans)) as records:
        async for record in records:
            return int(record.timestamp) - _CLOCKS_MS
    return None


async def _deriving(
    config: ReplayConfig,
    request: ReplayRequest,
    reader: Reader,
    topic: str,
    known: Callable[[str], Outcome | None],
    pending: frozenset[str],
    now_ms: int,
    examples: int,
) -> _Choosing:
    meant = Meant(request, config.prefix, config.configurations)
    concerned = Concerned(meant.scope)
    async for record in reader.read(topic, request.spans):
        try:
            if meant.topic_of(record):
                concerned.event(meant.routed(record), meant.contacts_topic)
        except InvalidData:
            continue  # a dead letter already
    rows = await _rows(config, reader, concerned)

    def rehearsing(told: Told | None) -> Rehearse:
        return Rehearsing(
            rows,
            config.rules,
            prefix=config.prefix,
            configurations=config.configurations,
            real_time_action=config.real_time_action,
            now_ms=now_ms,
            told=told,
        )

    repaired: frozenset[str] = frozenset()

    def begin() -> Derivations:
        return Derivations(
            request, meant, rehearsing, known, pending=pending.__contains__, repaired=repaired
        )

    if request.only_missing:
        first = begin()
        async for _ in _Choosing(request, reader, topic, lambda: first, 0)._judged():
            pass
        repaired = frozenset(first.missing)
    return _Choosing(request, reader, topic, begin, examples)


async def _rows(config: ReplayConfig, reader: Reader, concerned: Concerned) -> Rows:
    """The rows that are needed, as the workers have them now."""
    of_contacts = changelog_spec(config.app_id, "contacts").name
    of_companies = changelog_spec(config.app_id, "companies").name
    contacts = await changelog_rows(reader, of_contacts, concerned.wants_contact)
    for row in contacts.values():
        concerned.contact_row(row)
    companies: dict[bytes, bytes] = {}
    if concerned.companies or concerned.ties:
        companies = await changelog_rows(reader, of_companies, concerned.wants_company)
        for key, row in companies.items():
            concerned.company_row(key, row)
    if concerned.members:
        contacts |= await changelog_rows(reader, of_contacts, concerned.wants_member)
    return Rows({key: without_shadow(row) for key, row in contacts.items()}, companies)
