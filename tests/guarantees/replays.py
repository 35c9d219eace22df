"""`moebridge replay` as a process, and a recorded past for it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import payloads
from bridge import Bridge, until

from streams.lag.broker import LagReader
from streams.lag.look import watched

LABEL = "moebridge_replay"


def mapping(word: str) -> str:
    """One that says ``mapped_by: <word>`` of every contact, and of every ticket that moves."""
    return f"""
rules:
  - {{name: own, when: contact, user: true, attributes: {{mapped_by: {{value: {word}}}}}}}
  - name: moved
    when: ticket_state_changed
    event: ticket_moved
    attributes: {{mapped_by: {{value: {word}}}}}
"""


def settings_of(one: Bridge, rules: Path) -> dict[str, str]:
    """What the command needs to find the bridge."""
    return {
        "MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS": one.bootstrap_servers,
        "MOEBRIDGE_KAFKA__TOPIC_PREFIX": one.prefix,
        "MOEBRIDGE_MAPPING__PATH": str(rules),
    }


async def start(one: Bridge, rules: Path, *arguments: str) -> asyncio.subprocess.Process:
    """``moebridge replay …``; what it says goes to pipes."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "moebridge", "replay", *arguments,
        env={**os.environ, **settings_of(one, rules)}, cwd=one.folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def command(one: Bridge, rules: Path, *arguments: str, code: int = 0) -> str:
    """The same to its end; what it printed."""
    process = await start(one, rules, *arguments)
    output, errors = await process.communicate()
    assert process.returncode == code, f"{output.decode()}\n{errors.decode()[-3000:]}"
    return output.decode()


async def plan(one: Bridge, rules: Path, *arguments: str) -> dict[str, Any]:
    """What a dry run says."""
    told: dict[str, Any] = json.loads(await command(one, rules, *arguments, "--json"))
    return told


#: What happened to each customer, in order.
Past = dict[int, list[dict[str, Any]]]


def past(count: int, customers: int) -> Past:
    """An update of every customer, then so many tickets that moved."""
    of_customer: Past = {
        number: [payloads.contact_updated(number, id=f"update-{number:06d}")]
        for number in range(customers)
    }
    for number in range(count):
        customer = number % customers
        moved = payloads.ticket_moved(number, customer, "resolved", id=f"past-{number:06d}", at=number)
        of_customer[customer].append(moved)
    return of_customer


def event_ids(of_customer: Past) -> set[str]:
    """The ids of what becomes events in MoEngage."""
    return {document["id"] for documents in of_customer.values() for document in documents[1:]}


async def record(one: Bridge, of_customer: Past, posters: int = 32) -> None:
    """Post it all, each customer's in order."""
    customers = list(of_customer.values())

    async def post(mine: Sequence[list[dict[str, Any]]]) -> None:
        for documents in mine:
            await one.post(*documents, at_once=1)

    async with asyncio.TaskGroup() as tasks:
        for number in range(posters):
            tasks.create_task(post(customers[number::posters]))


def replayed(events: list[dict[str, Any]], replay: str) -> list[dict[str, Any]]:
    """Those of this replay, in the order in which MoEngage took them."""
    return [event for event in events if event["attributes"].get(LABEL) == replay]


def check_order(
    events: list[dict[str, Any]], of_customer: dict[int, list[dict[str, Any]]]
) -> Counter[str]:
    """Fails where a customer's are out of order; how often each event id is there."""
    came: dict[str, list[str]] = {}
    for event in events:
        came.setdefault(event["customer_id"], []).append(event["attributes"]["intercom_event_id"])
    for customer, documents in of_customer.items():
        due = [document["id"] for document in documents[1:]]
        ids = came.get(f"user-{customer:05d}", [])
        place = {event_id: number for number, event_id in enumerate(due)}
        firsts = [place[event_id] for event_id in dict.fromkeys(ids)]
        assert firsts == sorted(firsts), f"customer {customer}: {ids}"
    return Counter(event_id for ids in came.values() for event_id in ids)


async def quiet(one: Bridge, timeout: float = 60) -> None:
    """Wait until nothing is in front of the workers: what is at MoEngage now is all there will be."""
    connection = {"bootstrap_servers": one.bootstrap_servers}
    group = watched(f"{one.prefix}moebridge", one.prefix)
    async with LagReader(connection, group, now_ms=lambda: time.time_ns() // 1_000_000) as reader:

        async def nothing_waits() -> bool:
            look = await reader.look()
            return not look.unread and not any(part.waiting for part in look.partitions.values())

        await until(nothing_waits, "nothing waits", timeout)
