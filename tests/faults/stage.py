"""A story played through the whole bridge: posted in order per customer, then counted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer
from bridge import Bridge, WorkerProcess, until
from story import POISON, Post, Story, interleaved
from tally import Tally, count

from events.topics import DEAD_LETTERS, topic_name

POSTERS = 24
#: Posting waits while this many posts are on their way, so that faults meet a bridge at work.
ON_THE_WAY = 1500
#: Seconds that the bridge may take, after the last fault, to bring what is left.
SETTLE_S = 240.0


@dataclass
class Play:
    """One run. ``workers`` are the slots that faults kill and fill again; ``over`` ends the faults."""

    one: Bridge
    story: Story
    seed: int
    environment: dict[str, str]
    workers: list[WorkerProcess | None] = field(default_factory=list)
    posted: int = 0
    kills: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _arrived: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def start_worker(self, slot: int, *, ready: bool = False) -> None:
        """Fill a slot with a worker on the slot's own data folder."""
        while len(self.workers) <= slot:
            self.workers.append(None)
        self.workers[slot] = await self.one.start_worker(f"w{slot}", ready=ready, **self.environment)

    async def kill_worker(self, slot: int) -> None:
        """SIGKILL, unless it has ended: a worker does where a broker has not confirmed in time."""
        worker = self.workers[slot]
        assert worker is not None
        if worker.process.returncode is None:
            await worker.kill()
            self.kills += 1

    async def reached(self, posts: int) -> None:
        """Wait until so many posts were taken."""
        while self.posted < posts:
            self._moved.clear()
            await self._moved.wait()

    async def post_all(self) -> None:
        """Post the story: each customer's posts in order, customers side by side."""
        turns = interleaved(self.story, self.seed)
        left = {customer: iter(posts) for customer, posts in self.story.posts.items()}
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch_arrivals())
            async with asyncio.TaskGroup() as posters:
                for number in range(POSTERS):
                    mine = [next(left[turn]) for turn in turns if int(turn[5:]) % POSTERS == number]
                    posters.create_task(self._post(mine))
            watching.cancel()

    async def _post(self, posts: list[Post]) -> None:
        for post in posts:
            while self.posted - self._arrived > ON_THE_WAY:
                self._moved.clear()
                await self._moved.wait()
            body = json.dumps(post.document).encode()
            while (status := await self.one.post_raw(body)) != 200:
                assert status == 429, status  # the front door has no broker: Intercom sends it again
                await asyncio.sleep(0.2)
            self.posted += 1
            self._moved.set()

    async def _watch_arrivals(self) -> None:
        while True:
            stats = await self.one.sandbox("stats")
            poison = self.posted * self._share_of_poison()
            self._arrived = stats["events"] + stats["user_updates"] + int(poison)
            self._moved.set()
            await asyncio.sleep(0.2)

    def _share_of_poison(self) -> float:
        every = [post for posts in self.story.posts.values() for post in posts]
        return sum(post.kind == POISON for post in every) / len(every)

    async def settle(self) -> None:
        """Wait until everything is where it belongs; give up after SETTLE_S, the tally then tells."""
        due = sum(len(self.story.ids(customer, "ticket")) for customer in self.story.posts)
        poison = sum(len(self.story.ids(customer, POISON)) for customer in self.story.posts)

        async def settled() -> bool:
            stats = await self.one.sandbox("stats")
            if stats["events"] < due or (await self._seats()) != self.story.seats():
                return False
            return poison == 0 or len(set(await self._dead())) >= poison

        try:
            await until(settled, "everything arrived", SETTLE_S)
        except AssertionError as error:
            print(error)

    async def tally(self) -> Tally:
        """Count what came."""
        taken = [
            (event["customer_id"], event["attributes"]["intercom_event_id"])
            for event in await self.one.events()
        ]
        return count(self.story, taken, await self._seats(), await self._dead())

    async def ambiguous(self) -> int:
        """How many calls were left without an answer: on purpose, or for a machine that was too busy.

        The sandbox knows the first; both are counted by workers, as long as they live.
        """
        lost: int = (await self.one.sandbox("stats"))["lost_answers"]
        alive = [worker for worker in self.workers if worker and worker.process.returncode is None]
        return max(lost, sum([await self._without_answer(worker) for worker in alive]))

    async def _without_answer(self, worker: WorkerProcess) -> int:
        async with self.one.session.get(f"{worker.url}/metrics") as answer:
            for line in (await answer.text()).splitlines():
                name, _, value = line.rpartition(" ")
                if name == "moebridge_delivery_ambiguous_total":
                    return round(float(value))
        raise AssertionError("a worker that does not count calls without an answer")

    async def fault(self, **document: Any) -> None:
        """Have the sandbox fail."""
        url = f"{self.one.sandbox_url}/sandbox/faults"
        async with self.one.session.post(url, json=document) as answer:
            assert answer.status == 200, await answer.text()

    async def _seats(self) -> dict[str, object]:
        users = (await self.one.sandbox("users?limit=100000"))["users"]
        return {user["customer_id"]: user["attributes"].get("seats") for user in users}

    async def _dead(self) -> list[str]:
        """The event id of every dead letter."""
        async with AIOKafkaConsumer(
            topic_name(DEAD_LETTERS, self.one.prefix), bootstrap_servers=self.one.bootstrap_servers,
            auto_offset_reset="earliest", enable_auto_commit=False,
        ) as consumer:  # fmt: skip
            ends = await consumer.end_offsets(consumer.assignment())
            ids: list[str] = []
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    ids += [dict(record.headers)["event_id"].decode() for record in records]
            return ids
