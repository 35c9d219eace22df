"""The demonstration from start to end: set the scene, play the day, judge what came of it, show it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer
from rich.console import Console
from rich.markup import escape

from ingest.app import PARTNER
from moebridge.demo.checks import Check, Found, Users, checks
from moebridge.demo.front_door import Sent
from moebridge.demo.report import show_checks, show_events, show_sent, show_users
from moebridge.demo.scene import READY_S, Scene
from moebridge.demo.settled import Watch
from moebridge.demo.story import Chapter, ChapterName, day
from moebridge.errors import DemoFailed, ProcessFailed

#: How long a chapter may take to come through, in seconds; it takes less than one.
CHAPTER_S = 30.0


async def play(scene: Scene, screen: Console, *, midnight: int) -> None:
    """Play the day that began at ``midnight`` (epoch seconds) and show what came of it.

    Raises DemoFailed where not all is as it must be, ProcessFailed where a process did not hold.
    """
    began = time.monotonic()
    await _start(scene, screen)
    async with _connected(scene) as (session, watch):
        sent: list[Sent] = []
        users: dict[ChapterName, Users] = {}
        for chapter in day(midnight):
            try:
                with _timed(screen, chapter.title) as note:
                    new = [await scene.front_door.send(session, step) for step in chapter.steps]
                    await _come_through(scene, watch, chapter)
                    sent += new
                    users[chapter.name] = await _users(session, scene)
                    note.append(f"{len(new)} requests")
            except aiohttp.ClientError as error:
                raise await _failure(scene, error) from error
        found = Found(
            sent=sent,
            users=users,
            events=(await _get(session, scene, "events"))["events"],
            stats=await _get(session, scene, "stats"),
            outcomes=await watch.outcomes(),
            dead_letters=await watch.dead_letters(),
        )
    results = checks(found)
    show_sent(screen, sent)
    show_users(screen, found)
    show_events(screen, found)
    show_checks(screen, results)
    _conclude(screen, found, results, time.monotonic() - began)


def show_what_to_try(scene: Scene, screen: Console) -> None:
    """The URLs, and a request to send."""
    door = scene.front_door
    lines = [
        "",
        "Everything goes on running; Ctrl-C stops it. Try:",
        f"  curl -u {door.workspace_id}:{door.data_key} -H 'Content-Type: application/json' \\",
        """    -d '{"customer_id": "u-2001", "u_fn": "Nadia", "u_em": "nadia@example.com"}' \\""",
        f"    '{door.url}{PARTNER}/user?configName=default'",
        f"  curl {scene.sandbox_url}/sandbox/users/u-2001",
        "",
        f"  front door  {door.url}",
        f"  MoEngage    {scene.sandbox_url}/sandbox/users, /sandbox/events, /sandbox/stats",
        f"  metrics     {door.url}/metrics, {scene.place.worker_url}/metrics",
        f"  broker      {scene.broker.bootstrap_servers}",
        f"  logs        {scene.folder}",
    ]
    for line in lines:
        screen.print(line, markup=False, soft_wrap=True)


async def _start(scene: Scene, screen: Console) -> None:
    with _timed(screen, "Embedded broker"):
        await scene.broker.start()
    with _timed(screen, "MoEngage sandbox, front door and worker"):
        await scene.sandbox.start()
        await scene.installation.start()
        await scene.sandbox.ready(f"{scene.sandbox_url}/healthz", timeout_s=READY_S)


@asynccontextmanager
async def _connected(scene: Scene) -> AsyncIterator[tuple[aiohttp.ClientSession, Watch]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=scene.broker.bootstrap_servers)
    await consumer.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            yield session, Watch(session, scene.place.worker_url, consumer)
    finally:
        await consumer.stop()


async def _come_through(scene: Scene, watch: Watch, chapter: Chapter) -> None:
    try:
        async with asyncio.timeout(CHAPTER_S):
            await watch.settled()
    except TimeoutError:
        worker = scene.installation.worker
        problem = f"{chapter.title!r} did not come through within {CHAPTER_S:g} s"
        raise ProcessFailed(worker.name, problem, list(worker.last_lines)) from None


async def _failure(scene: Scene, error: aiohttp.ClientError) -> Exception:
    """Why a request failed: the end of a process, where one has ended."""
    ended = await scene.ended()
    if ended is not None:
        return await ended.failure()
    return DemoFailed(f"a request failed: {type(error).__name__}: {error} (logs: {scene.folder})")


async def _users(session: aiohttp.ClientSession, scene: Scene) -> Users:
    return {user["customer_id"]: user for user in (await _get(session, scene, "users"))["users"]}


async def _get(session: aiohttp.ClientSession, scene: Scene, what: str) -> Any:
    async with session.get(f"{scene.sandbox_url}/sandbox/{what}") as response:
        return await response.json()


@contextmanager
def _timed(screen: Console, what: str) -> Iterator[list[str]]:
    """A spinner while it lasts, where there is a terminal; then a line with the notes and the seconds."""
    began = time.monotonic()
    notes: list[str] = []
    with screen.status(f"{what} …"):
        yield notes
    said = "".join(f", {note}" for note in notes)
    screen.print(f"[green]✓[/green] {escape(what)}{said} [dim]({time.monotonic() - began:.1f} s)[/dim]")


def _conclude(screen: Console, found: Found, results: list[Check], seconds: float) -> None:
    failed = [check for check in results if not check.holds]
    if failed:
        raise DemoFailed(
            f"{len(failed)} of {len(results)} checks do not hold: "
            + "; ".join(f"{check.text} ({check.found})" for check in failed)
        )
    screen.print(
        f"\n[bold green]All {len(results)} checks hold[/bold green]: {len(found.sent)} requests became "
        f"{len(found.at_the_end)} users and {len(found.events)} events in MoEngage, "
        f"{seconds:.1f} s in all."
    )
