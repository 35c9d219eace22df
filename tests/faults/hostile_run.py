"""Hostile requests from many senders at once, good ones in between, and a count of the answers."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256

from hostile import Hostile
from hostile_by_schema import by_schema
from ingest_process import KEY, SECRET, WORKSPACE, webhook
from raw_http import LEFT, NO_ANSWER, Connection, Request, http
from rich.table import Table

from ingest.basic_auth import basic_header
from ingest.signature import HEADER, sign

SENDERS, GOOD_SENDERS = 32, 2
#: Of the hostile requests: made by schemathesis, and slow ones, which take up to 5 s each.
BY_SCHEMA, SLOW = 0.03, 0.006
#: How often the memory is looked at, over the whole run.
SAMPLES = 10


def good(number: int) -> Request:
    """What Intercom sends: webhooks and, every third time, a connector's body."""
    headers = [("Content-Type", "application/json")]
    if number % 3:
        body = webhook(number % 40, number)
        path, auth = "/intercom/webhooks", (HEADER, sign(body, SECRET))
    else:
        body = json.dumps({"customer_id": f"u-{number}", "u_fn": "Ann"}).encode()
        path, auth = "/v1/partner/intercom/user", ("Authorization", basic_header(WORKSPACE, KEY))
    return Request("good", (http("POST", path, [*headers, auth], body),), body=body)


def hostile(seed: int, total: int, *, max_body: int) -> Iterator[Request]:
    """So many, of all kinds, the same ones for the same seed. What takes long to make is made at once."""
    rng = random.Random(seed)
    credentials = {"secret": SECRET, "workspace": WORKSPACE, "key": KEY}
    by_hand = Hostile(seed, **credentials, max_body=max_body)
    made = by_schema(seed, int(total * BY_SCHEMA), **credentials) + by_hand.slow(int(total * SLOW))
    rng.shuffle(made)
    others = iter(by_hand)
    return (
        made.pop() if rng.random() < len(made) / left else next(others) for left in range(total, 0, -1)
    )


@dataclass
class Run:
    """One run against the door at ``port``. ``resident`` gives the memory of its process, in bytes."""

    port: int
    resident: Callable[[], int]
    requests: Counter[str] = field(default_factory=Counter)
    answers: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    #: Digests of the bodies that were answered with 200 as accepted.
    taken: Counter[str] = field(default_factory=Counter)
    #: What had to be answered and was not: its kind and beginning.
    unanswered: list[tuple[str, bytes]] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    @property
    def hostile_requests(self) -> int:
        return self.requests.total() - self.requests["good"]

    @property
    def statuses(self) -> set[int]:
        """Every status that came."""
        return {status for counts in self.answers.values() for status in counts} - {NO_ANSWER, LEFT}

    async def play(self, requests: Iterator[Request], total: int, warm_up: int) -> None:
        """Good requests first, so that everything is in use once; then all at the same time.

        Ends with the first request that has no answer in time, in a TimeoutError.
        """
        numbers = itertools.count()
        with closing(Connection(self.port)) as connection:
            for number in itertools.islice(numbers, warm_up):
                await self._send(connection, good(number))
        self.memory.append(self.resident())
        over = asyncio.Event()
        async with asyncio.TaskGroup() as senders:
            for _ in range(GOOD_SENDERS):
                senders.create_task(self._good(numbers, over))
            storm = [senders.create_task(self._hostile(requests, total)) for _ in range(SENDERS)]
            await asyncio.wait(storm)
            over.set()
        self.memory.append(self.resident())

    async def _hostile(self, requests: Iterator[Request], total: int) -> None:
        with closing(Connection(self.port)) as connection:
            for request in requests:
                await self._send(connection, request)
                if self.hostile_requests >= len(self.memory) * total / SAMPLES:
                    self.memory.append(self.resident())

    async def _good(self, numbers: Iterator[int], over: asyncio.Event) -> None:
        with closing(Connection(self.port)) as connection:
            while not over.is_set():
                await self._send(connection, good(next(numbers)))

    async def _send(self, connection: Connection, request: Request) -> None:
        self.requests[request.kind] += 1
        replies = await connection.send(request)
        self.answers[request.kind].update(reply.status for reply in replies)
        if request.then == "answer" and replies[0].status == NO_ANSWER:
            self.unanswered.append((request.kind, request.pieces[0][:300]))
        if request.body is not None and replies[0].status == 200 and b'"accepted"' in replies[0].body:
            self.taken[sha256(request.body).hexdigest()] += 1

    def table(self, title: str) -> Table:
        """Requests by kind, answers by status. Several answers where several requests came in one."""
        table = Table(title=title)
        table.add_column("kind")
        columns = [*sorted(self.statuses), NO_ANSWER, LEFT]
        for name in ("requests", *map(str, sorted(self.statuses)), "no answer", "left"):
            table.add_column(name, justify="right")
        rows = sorted(self.answers.items(), key=lambda row: (row[0] == "good", row[0]))
        for kind, counts in rows:
            numbers = [self.requests[kind], *(counts[status] for status in columns)]
            table.add_row(kind, *(str(number) if number else "" for number in numbers))
        every = sum(self.answers.values(), Counter())
        table.add_section()
        total = [self.requests.total(), *(every[status] for status in columns)]
        table.add_row("all", *map(str, total))
        return table
