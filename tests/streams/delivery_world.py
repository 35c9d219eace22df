"""A broker, MoEngage, and workers that deliver, all simulated: no sockets, no time but what is told.

The deliver under test is the real one, with the ledger of the real consumer. Everything that the
outside does is in the ``Plan``: how each call ends and how long it takes, when workers are killed and
partitions move.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from prometheus_client import CollectorRegistry
from records import NOW_MS, Record, delivery

from events.keys import partition_for
from events.receipts import OUTCOMES, Outcome, Receipt
from events.topics import DELIVERIES, RECEIPTS
from moengage.answers import Answer, Verdict
from moengage.brake import BrakeLimits
from moengage.budgets import Rates
from moengage.retry import RetryPolicy
from streams.chunks import Chunk, Ledger, Place
from streams.delivery.config import DeliverConfig
from streams.delivery.deliver import Deliver
from streams.delivery.parking import PARKED
from streams.delivery.progress import read_ahead
from streams.failpoints import Failpoints
from streams.metrics import Metrics
from streams.publishing import Outgoing
from streams.state import DictRows

#: Seconds that a rebalance waits for what is out.
GRACE_S = 10.0
#: Far more than anything may take.
END_S = 100_000.0

Where = tuple[int, int]


@dataclass(frozen=True)
class Turn:
    """How a call ends: ok, 429, 500, 401, 413, lost (taken, no answer), timeout (neither)."""

    ends: str = "ok"
    seconds: float = 0.1


@dataclass(frozen=True)
class Move:
    """After a while, workers are killed and partitions are assigned anew.

    Or, with ``seek``, every worker goes back to what is committed, and keeps its partitions.
    """

    after_s: float
    killed: frozenset[int]
    owners: tuple[int, ...]
    seek: bool = False


@dataclass(frozen=True)
class Plan:
    """A run. ``logs``: for every partition its elements, each a customer's number and a kind."""

    logs: tuple[tuple[tuple[int, str], ...], ...]
    bad: frozenset[Where] = frozenset()
    turns: tuple[Turn, ...] = ()
    moves: tuple[Move, ...] = ()
    chunks: tuple[int, ...] = (5,)
    commits_s: tuple[float, ...] = (0.0,)
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    """An element that MoEngage took: from which run of which worker, and whether its answer was lost."""

    life: int
    where: Where
    customer: str
    ambiguous: bool


def customer(partition: int, number: int, partitions: int) -> str:
    """A customer id that lies in a partition."""
    suffix = 0
    while partition_for((name := f"customer-{number}-{suffix}").encode(), partitions) != partition:
        suffix += 1
    return name


class World:
    """What is outside of the workers, and outlives them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.partitions = len(plan.logs)
        self.logs: list[list[Record]] = [[] for _ in plan.logs]
        self.places: dict[str, Where] = {}  # of the deliveries, as they first stood, by their ids
        self.bad = set(plan.bad)
        self.committed: dict[int, tuple[int, str]] = {}
        self.covered: set[Where] = set()  # what commits said was done
        self.sent_again: list[Where] = []  # and was sent nevertheless
        self.redriving = False
        self.letters: list[Outgoing] = []
        self.answers: Counter[tuple[Outcome, Where]] = (
            Counter()
        )  # that settled an element, as they left; parked: letters
        self.receipts: Counter[tuple[Outcome, Where]] = Counter()
        self.owed: Counter[Where] = Counter()  # how many receipts commits say there are
        self.unreceipted: list[Where] = []  # what a commit said was done before its receipt was there
        self.rows = [DictRows() for _ in plan.logs]
        self.changes = 0
        self.taken: list[Taken] = []
        self.calls = 0
        self.lives = 0
        self.unclean: set[int] = set()  # lives that ended with requests out, or without a last commit
        self.failures: list[BaseException] = []
        self.appended = asyncio.Event()
        self._turns = iter(plan.turns)
        self._commits = 0
        for partition, log in enumerate(plan.logs):
            for number, kind in log:
                self._put(partition, number, kind)

    def _put(self, partition: int, number: int, kind: str) -> None:
        log = self.logs[partition]
        name = customer(partition, number, self.partitions)
        body = json.dumps({"at": [partition, len(log)]}).encode()
        if kind == "poison":
            log.append(Record(DELIVERIES, partition, len(log), name.encode(), body, [("kind", b"user")]))
            return
        then = ""
        if kind == "merge":
            then = customer((partition + 1) % self.partitions, number, self.partitions)
        one = delivery(
            name, kind=kind, then=then, name="made" if kind == "event" else "", number=len(log), body=body
        )  # type: ignore[arg-type]
        self.places[dict(one.headers)["delivery_id"].decode()] = (partition, len(log))
        log.append(replace(one, partition=partition, offset=len(log)))

    def append(self, outgoing: Outgoing) -> None:
        """A record that is published to the deliveries."""
        partition = partition_for(outgoing.key, self.partitions)
        log = self.logs[partition]
        log.append(
            Record(DELIVERIES, partition, len(log), outgoing.key, outgoing.value, list(outgoing.headers))
        )
        self.appended.set()

    def put_away(self, letter: Outgoing) -> None:
        """A dead letter."""
        self.letters.append(letter)
        told = dict(letter.headers)
        if told["dead_letter.reason"] == PARKED.encode():
            self.answers["parked", self.places[told["delivery_id"].decode()]] += 1

    def receipt(self, outgoing: Outgoing) -> None:
        """A receipt, of one delivery or more."""
        receipt = Receipt.read(outgoing.value)
        for ids in receipt.deliveries.values():
            self.receipts.update((receipt.outcome, self.places[one]) for one in ids)

    def covers(self, place: Where) -> None:
        """A commit says that this is done: so it was taken, refused or parked, and there is a receipt."""
        if place in self.covered:
            return
        self.covered.add(place)
        name = dict(self.logs[place[0]][place[1]].headers).get("delivery_id", b"").decode()
        if not name:
            return
        began = self.places[name]
        self.owed[began] += 1
        if sum(self.receipts[outcome, began] for outcome in OUTCOMES) < self.owed[began]:
            self.unreceipted.append(place)

    def turn(self) -> Turn:
        """How the next call ends; well, once the plan has no more to say."""
        self.calls += 1
        return next(self._turns, Turn())

    def commit_takes(self) -> float:
        """Seconds of the next commit."""
        self._commits += 1
        return self.plan.commits_s[self._commits % len(self.plan.commits_s)]

    def passes_on(self, partition: int, offset: int) -> bool:
        """Whether the record is a merge in its first turn: its call comes when it is done there."""
        return "then" in dict(self.logs[partition][offset].headers)

    @property
    def done(self) -> bool:
        """Whether everything on the logs is committed."""
        return all(self.committed.get(p, (0, ""))[0] == len(log) for p, log in enumerate(self.logs))

    def redrive(self, run: str) -> int:
        """Put every dead letter back, each once, in order; how many there were."""
        seen: set[bytes] = set()
        letters, self.letters = self.letters, []
        for letter in letters:
            fingerprint = repr((letter.key, letter.value, letter.headers[2:5])).encode()
            if fingerprint in seen or dict(letter.headers).get("delivery_id") is None:
                continue
            seen.add(fingerprint)
            own = [
                (name, value)
                for name, value in letter.headers
                if not name.startswith(("dead_letter.", "redrive."))
            ]
            self.append(Outgoing("", letter.key, letter.value, [*own, ("redrive.run", run.encode())]))
        return len(seen)


class Client:
    """MoEngage, as one life of a worker meets it."""

    def __init__(self, world: World, life: int) -> None:
        self._world = world
        self._life = life

    async def transition(self, bodies: Sequence[bytes]) -> Answer:
        return await self._call(bodies)

    async def merge(self, body: bytes) -> Answer:
        return await self._call([body])

    async def delete(self, body: bytes) -> Answer:
        return await self._call([body])

    async def _call(self, bodies: Sequence[bytes]) -> Answer:
        world, turn = self._world, self._world.turn()
        places: list[Where] = [tuple(json.loads(body)["at"]) for body in bodies]
        if not world.redriving:
            world.sent_again += [place for place in places if place in world.covered]
        await asyncio.sleep(turn.seconds / 2)
        if turn.ends == "429":
            return Answer(Verdict.WAIT, 429, wait_s=2 * turn.seconds)
        if turn.ends == "500":
            return Answer(Verdict.AGAIN, 500)
        if turn.ends == "401":
            return Answer(Verdict.PAUSE, 401)
        if turn.ends == "413" and len(bodies) > 1:
            return Answer(Verdict.SPLIT, 413)
        if turn.ends == "timeout":
            await asyncio.sleep(turn.seconds / 2)
            return Answer(Verdict.AGAIN, 0, ambiguous=True)
        if world.bad.intersection(places):
            if len(places) == 1:
                world.answers["refused", places[0]] += 1
            return Answer(Verdict.BISECT, 400, message="bad", request_id="r")
        lost = turn.ends == "lost"
        for place in places:
            world.taken.append(Taken(self._life, place, customer_at(world, place), lost))
        await asyncio.sleep(turn.seconds / 2)
        if lost:
            return Answer(Verdict.AGAIN, 0, ambiguous=True)
        world.answers.update(("taken", place) for place in places)
        return Answer(Verdict.ACCEPTED, 200)


def customer_at(world: World, place: Where) -> str:
    return (world.logs[place[0]][place[1]].key or b"").decode()


class Worker:
    """One worker: the real deliver and ledger between a simulated consumer and a simulated MoEngage."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ledger = Ledger(room=8)
        self._chunks = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._moved = asyncio.Event()
        self._commit_due = asyncio.Event()
        self._noted: set[Place] = set()
        self._committing = asyncio.Lock()
        self._left_off: dict[Place, str] = {}
        self._next: dict[Place, int] = {}
        self.life = world.lives
        world.lives += 1
        config = {
            "max_elements": 3, "linger_s": 0.05, "in_flight": 2, "rates": {"default": Rates(0, 0, 0)},
            "brake": BrakeLimits(run=0), "retry": RetryPolicy(base_s=0.2, cap_s=5.0, pause_s=1.0),
            **world.plan.config,
        }  # fmt: skip
        self.deliver = Deliver(
            {"default": Client(world, self.life)}, self, self, DeliverConfig(**config), parked=self,
            prefix="", now_ms=lambda: NOW_MS, metrics=Metrics(CollectorRegistry()),
            failpoints=Failpoints(), fail=world.failures.append,
        )  # fmt: skip

    # -- the consumer -----------------------------------------------------------------------------

    def begin(self, chunk: Chunk) -> bool:
        return self._ledger.begin(chunk)

    def holds(self, chunk: Chunk) -> bool:
        return self._ledger.holds(chunk)

    async def in_group(self) -> None:
        await asyncio.sleep(0)

    def advance(self, chunk: Chunk, offset: int) -> None:
        if not self._ledger.advance(chunk, offset):
            return
        self._moved.set()
        self._commit_due.set()

    def note(self, place: Place) -> None:
        self._noted.add(place)
        self._commit_due.set()

    def left_off(self, place: Place) -> str:
        return self._left_off.get(place, "")

    def give_back(self, chunks: Iterable[Chunk]) -> None:
        self._ledger.give_back(chunks)
        self._moved.set()

    def assign(self, partitions: Sequence[int]) -> None:
        """Begin at the committed offsets."""
        places = [Place(DELIVERIES, p) for p in partitions]
        committed = {place: self._world.committed.get(place.partition) for place in places}
        self._left_off = {place: at[1] for place, at in committed.items() if at}
        self._next = {place: at[0] if at else 0 for place, at in committed.items()}
        self._ledger.restart({place: at[0] if at else None for place, at in committed.items()})
        self._noted.clear()
        self._tasks = [asyncio.create_task(self._feed()), asyncio.create_task(self._commit_always())]

    async def _feed(self) -> None:
        while True:
            self._moved.clear()
            self._world.appended.clear()
            for place, at in self._next.items():
                log = self._world.logs[place.partition]
                while at < len(log) and self._ledger.has_room(place):
                    size = self._world.plan.chunks[self._chunks % len(self._world.plan.chunks)]
                    self._chunks += 1
                    chunk = self._ledger.enter(place, log[at : at + size])
                    assert chunk is not None
                    at = self._next[place] = chunk.end
                    self.deliver.take(chunk)
            moved = asyncio.create_task(self._moved.wait())
            appended = asyncio.create_task(self._world.appended.wait())
            try:
                await asyncio.wait({moved, appended}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                moved.cancel()
                appended.cancel()

    async def _commit_always(self) -> None:
        while True:
            await self._commit_due.wait()
            self._commit_due.clear()
            await self._commit()

    async def _commit(self) -> None:
        async with self._committing:  # one at a time, and whoever comes next has the latest
            await self._commit_now()

    async def _commit_now(self) -> None:
        offsets = self._ledger.committable()
        for place in self._noted:
            if (at := self._ledger.position(place)) is not None:
                offsets[place] = at
        self._noted.clear()
        texts = {place: self.deliver.ahead(place) for place in offsets}
        await asyncio.sleep(self._world.commit_takes())
        for place, at in offsets.items():
            p = place.partition
            self._world.committed[p] = (at, texts[place])
            done = {*range(at), *read_ahead(texts[place])}
            for one in done:
                if not self._world.passes_on(p, one):
                    self._world.covers((p, one))
        self._ledger.committed(offsets)
        self._moved.set()

    async def seek(self) -> None:
        """Faust's consumer goes back on its own: what is in hand becomes void, nobody is told."""
        self._world.unclean.add(self.life)
        places = list(self._next)
        await self._end_tasks()
        self.assign([place.partition for place in places])

    async def kill(self) -> None:
        """SIGKILL."""
        self._world.unclean.add(self.life)
        await self._end()

    async def give_up_partitions(self) -> None:
        """A rebalance, as the consumer's wait_empty has it."""
        self._ledger.closed = True
        self.deliver.drain()
        try:
            async with asyncio.timeout(GRACE_S):
                while not self._ledger.idle:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            self._world.unclean.add(self.life)
        await self._commit()
        self._ledger.give_up()
        await self._end()

    async def _end(self) -> None:
        await self._end_tasks()
        await self.deliver.drop()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- the broker -------------------------------------------------------------------------------

    async def publish(self, records: Iterable[Outgoing], now_ms: int) -> Mapping[Place, int]:
        records = list(records)
        await asyncio.sleep(0.01)
        for one in records:
            if one.topic == DELIVERIES:
                self._world.append(one)
            elif one.topic == RECEIPTS:
                self._world.receipt(one)
            else:
                self._world.put_away(one)
        await asyncio.sleep(0.01)
        return {}

    # -- the table of parked customers --------------------------------------------------------------

    def rows(self, partition: int) -> DictRows:
        return self._world.rows[partition]

    async def publish_changes(
        self, changes: Mapping[int, Mapping[bytes, bytes | None]], publisher: Any, now_ms: int
    ) -> Mapping[int, int]:
        await asyncio.sleep(0.01)
        # What the changelog has is what the next owner's store will have.
        for partition, rows in changes.items():
            self._world.rows[partition].apply(rows)
        await asyncio.sleep(0.01)
        self._world.changes += 1
        return dict.fromkeys(changes, self._world.changes)

    def write(self, partition: int, changes: Mapping[bytes, bytes | None], changelog_end: int) -> None:
        self._world.rows[partition].apply(changes)


async def play(plan: Plan, *, redrives: Sequence[Sequence[Move]] = ()) -> World:
    """Run a plan to its end; then, for each of ``redrives``, mend everything and redrive what is dead."""
    world = World(plan)
    count = 1 + max((owner for move in plan.moves for owner in move.owners), default=0)
    workers = [Worker(world) for _ in range(count)]
    owners = plan.moves[0].owners if plan.moves else (0,) * world.partitions

    def assign() -> None:
        for number, worker in enumerate(workers):
            worker.assign([p for p, owner in enumerate(owners) if owner % len(workers) == number])

    async def carry_out(moves: Sequence[Move]) -> None:
        nonlocal owners
        for move in moves:
            await asyncio.sleep(move.after_s)
            if move.seek:
                for worker in workers:
                    await worker.seek()
                continue
            for number, worker in enumerate(workers):
                if number in move.killed:
                    await worker.kill()
            for number, worker in enumerate(workers):
                if number not in move.killed:
                    await worker.give_up_partitions()
            for number in move.killed & set(range(len(workers))):
                workers[number] = Worker(world)
            owners = move.owners
            assign()

    async def settled() -> None:
        async with asyncio.timeout(END_S):
            while not world.done and not world.failures:  # noqa: ASYNC110  # asked in virtual time
                await asyncio.sleep(1.0)

    assign()
    await carry_out(plan.moves)
    await settled()
    for number, moves in enumerate(redrives):
        world.bad.clear()
        world.redriving = True
        world.redrive(f"run-{number}")
        await carry_out(moves)
        await settled()
    for worker in workers:
        await worker.give_up_partitions()
    return world
