"""What breaks, and when: each trouble runs beside the posting until it is told to end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from stage import Play

from moebridge.brokers.apache_kafka import ApacheKafka

Trouble = Callable[[Play, ApacheKafka], Awaitable[None]]

WORKERS = 2


def moments(play: Play, count: int, salt: int) -> list[int]:
    """Random moments of a run, in posts taken."""
    random = Random(play.seed + salt)
    span = range(play.story.count // 20, play.story.count * 19 // 20)
    return sorted(random.sample(span, count))


async def kill_workers(play: Play, _: ApacheKafka) -> None:
    """SIGKILL one of two workers at 20 random moments; a supervisor starts it again at once."""
    random = Random(play.seed)
    for moment in moments(play, 20, 1):
        await play.reached(moment)
        slot = random.randrange(WORKERS)
        await play.kill_worker(slot)
        await play.start_worker(slot)


async def kill_brokers(play: Play, cluster: ApacheKafka) -> None:
    """SIGKILL one broker of three at three random moments; it comes back before the next goes."""
    random = Random(play.seed)
    for moment in moments(play, 3, 2):
        await play.reached(moment)
        number = random.randrange(1, 4)
        await cluster.kill(number)
        play.kills += 1
        await asyncio.sleep(8)  # long enough for leaders to move and clients to find them
        await cluster.start(number)


async def rebalance(play: Play, _: ApacheKafka) -> None:
    """A further worker joins and leaves, every few seconds."""
    while not play.over.is_set():
        await play.start_worker(WORKERS)
        extra = play.workers[WORKERS]
        assert extra is not None
        await extra.ready(play.one.session)
        await asyncio.sleep(3)
        assert await extra.stop() == 0, extra.log.read_text()[-3000:]
        await asyncio.sleep(3)


async def fail_at_random(play: Play, _: ApacheKafka) -> None:
    """MoEngage answers 30 % with 429, 500, a reset, or not in time."""
    await play.fault(kind="random", share=0.3, seed=play.seed, seconds=1.5)


async def poison(play: Play, _: ApacheKafka) -> None:
    """MoEngage refuses the poison elements."""
    await play.fault(kind="refuse", action="poison")
