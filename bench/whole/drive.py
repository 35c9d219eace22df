"""One run of the job whole, from outside: post the webhooks, and see them arrive at the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import aiohttp

from bench.broker import Broker
from bench.plan import CATCH_UP, LIVE, PARTITIONS, BenchFailed, Measured, Run
from bench.processes import Running, running
from bench.whole.servers import app_id
from bench.whole.webhooks import Expected, Webhook, webhooks
from events.topics import COMPANIES, CONTACTS, DEAD_LETTERS, DELIVERIES, EVENTS, topic_name
from moebridge.topic_admin import create_topics

#: Requests in flight at the front door.
CONCURRENCY = 64
_LOOK_EVERY_S = 0.02
#: Seconds without anything new at the sandbox after which a run has failed.
STALLED_S = 45.0


async def run_whole(run: Run, broker: Broker) -> dict[str, Measured]:
    """Both halves of the job, ``run.messages`` webhooks each. Raises BenchFailed.

    Catching up: webhooks are posted while there is no worker, then it starts; the clock begins with the
    first record that its first stage gets. Live: as many again are posted while it runs. Each half ends
    when the sandbox holds what the webhooks come to: one element for every one. In between, and before
    everything is checked, the worker may finish and commit what is not on the way to the sandbox.
    """
    made, expected = webhooks(2 * run.messages)
    await create_topics(
        {"bootstrap_servers": run.bootstrap},
        prefix=run.name,
        partitions=PARTITIONS,
        replication=1,
        app_id=app_id(run),
    )
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(running(_role(run, "sandbox")))
        ingress = await stack.enter_async_context(running(_role(run, "ingress")))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY))
        )
        ends = _Ends(session, ingress, sandbox)
        await ends.wait_until_open()
        door_before = await ingress.used()
        await ends.post(made[: run.messages])

        worker_run = replace(run, more={"role": "worker", "sandbox": sandbox.url})
        worker = await stack.enter_async_context(running(worker_run))
        await ends.wait_for(run.messages, worker)
        after = await worker.used()
        caught_up = Measured(
            run.messages, after["at_s"] - after["first_at_s"], after["cpu_s"] - after["first_cpu_s"]
        )

        await _settled(run, broker)
        before = await worker.used()
        await ends.post(made[run.messages :])
        await ends.wait_for(2 * run.messages, worker)
        after, door_after = await worker.used(), await ingress.used()
        live = Measured(
            run.messages,
            after["at_s"] - before["at_s"],
            after["cpu_s"] - before["cpu_s"],
            (door_after["cpu_s"] - door_before["cpu_s"]) / 2,
        )
        await _settled(run, broker)
        await ends.check(expected)
    await _check_topics(run, broker, expected)
    return {CATCH_UP: caught_up, LIVE: live}


def _role(run: Run, role: str) -> Run:
    return replace(run, more={"role": role})


async def _settled(run: Run, broker: Broker) -> None:
    """Wait until the worker has committed all of every topic that it reads. Raises BenchFailed."""
    waiting = [topic_name(name, run.name) for name in (EVENTS, CONTACTS, COMPANIES, DELIVERIES)]
    loop = asyncio.get_running_loop()
    until = loop.time() + STALLED_S
    while waiting:
        counts = {topic: await broker.count(topic) for topic in waiting}
        done = {topic: await broker.committed(app_id(run), topic) for topic in waiting}
        waiting = [topic for topic in waiting if done[topic] < counts[topic]]
        if waiting and loop.time() > until:
            states = ", ".join(f"{topic} {done[topic]} of {counts[topic]}" for topic in waiting)
            raise BenchFailed(f"{run.contender}, {run.job}: not all is committed: {states}")


async def _check_topics(run: Run, broker: Broker, expected: Expected) -> None:
    """Raises BenchFailed where a table lacks rows, or something was refused."""
    letters = await broker.count(topic_name(DEAD_LETTERS, run.name))
    if letters:
        raise BenchFailed(f"{run.contender}, {run.job}: {letters} dead letters, expected none")
    for table, wanted in (("contacts", len(expected.rounds)), ("companies", expected.members)):
        rows = len(await broker.rows(f"{app_id(run)}-{table}-changelog"))
        if rows != wanted:
            raise BenchFailed(
                f"{run.contender}, {run.job}: the table {table} has {rows} rows, expected {wanted}"
            )


class _Ends:
    """Both ends of the bridge."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        ingress: Running,
        sandbox: Running,
    ) -> None:
        self._session = session
        self._ingress = ingress
        self._sandbox = sandbox

    async def wait_until_open(self) -> None:
        """The front door opens before its producer is connected."""
        async with asyncio.timeout(STALLED_S):
            while True:
                async with self._session.get(f"{self._ingress.url}/readyz") as answer:
                    if answer.status == 200:
                        return
                await asyncio.sleep(_LOOK_EVERY_S)

    async def post(self, made: Iterable[Webhook]) -> None:
        """Post them in order, CONCURRENCY at a time."""
        waiting = iter(made)
        await asyncio.gather(*(self._post_each(waiting) for _ in range(CONCURRENCY)))

    async def _post_each(self, waiting: Iterable[Webhook]) -> None:
        url = f"{self._ingress.url}/intercom/webhooks"
        for webhook in waiting:
            headers = {"Content-Type": "application/json", "X-Hub-Signature": webhook.signature}
            async with self._session.post(url, data=webhook.body, headers=headers) as answer:
                if answer.status != 200:
                    raise BenchFailed(f"the front door answered {answer.status}: {await answer.text()}")

    async def wait_for(self, elements: int, worker: Running) -> None:
        """Until the sandbox has as many elements: one a webhook."""
        loop = asyncio.get_running_loop()
        had, since = 0, loop.time()
        while (has := (await self._look("stats"))["elements"]) < elements:
            worker.check_alive()
            if has > had:
                had, since = has, loop.time()
            elif loop.time() - since > STALLED_S:
                raise BenchFailed(
                    f"{worker.contender}: {has} elements at the sandbox, {elements} expected, "
                    f"and none came for {STALLED_S:.0f} s"
                )
            await asyncio.sleep(_LOOK_EVERY_S)

    async def check(self, expected: Expected) -> None:
        """Raises BenchFailed where the sandbox holds anything but what was put in."""
        stats = await self._look("stats")
        wanted = {
            "elements": expected.user_updates + expected.events,
            "user_updates": expected.user_updates,
            "events": expected.events,
            "users": len(expected.rounds),
            "duplicate_events": 0,
            "dropped": {},
        }
        for name, value in wanted.items():
            if stats[name] != value:
                raise BenchFailed(f"the sandbox counts {stats[name]} {name}, expected {value}")
        users = (await self._look("users"))["users"]
        rounds = {user["customer_id"]: user["attributes"].get("round", -1) for user in users}
        if rounds != expected.rounds:
            raise BenchFailed("a user at the sandbox is not as last posted")

    async def _look(self, at: str) -> Any:
        async with self._session.get(f"{self._sandbox.url}/sandbox/{at}") as answer:
            return await answer.json()
