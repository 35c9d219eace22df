"""Redrives as processes: killed, told to stop, two of them at once. Nothing is missing afterwards."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from letters_on_broker import Installation
from processes import moebridge
from some_letters import delivery, of_delivery

from events.topics import DELIVERIES

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]

CUSTOMERS = 40


async def letters(broker: Any, prefix: str, count: int) -> Installation:
    """So many letters of forty customers, in order."""
    here = Installation(broker.bootstrap_servers, prefix)
    topic = here.topic(DELIVERIES)
    await here.make(
        *(
            of_delivery(delivery(n, f"user-{n % CUSTOMERS}"), offset=n, topic=topic, prefix=prefix)
            for n in range(count)
        )
    )
    return here


async def sent(here: Installation) -> Counter[int]:
    """How often each was sent again; fails where a customer's order does not hold."""
    records = await here.read(DELIVERIES)
    of_customer: dict[bytes, list[int]] = {}
    for record in records:
        number = int(dict(record.headers)["event_id"].removeprefix(b"notif_"))
        of_customer.setdefault(record.key, []).append(number)
    for numbers in of_customer.values():
        assert sorted(dict.fromkeys(numbers)) == list(dict.fromkeys(numbers))
        assert sorted(last := dict.fromkeys(reversed(numbers)), reverse=True) == list(last)
    return Counter(number for numbers in of_customer.values() for number in numbers)


def redrive(here: Installation, folder: Path, rate: int) -> Any:
    """``moebridge dead-letters redrive --execute`` as a process."""
    arguments = ("dead-letters", "redrive", "--execute", "--rate", str(rate))
    return moebridge(*arguments, settings=here.settings, folder=folder)


async def test_killed_in_the_middle_and_again_nothing_is_missing_and_one_batch_at_most_twice(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    total, kills = 8000, 2
    here = await letters(broker, topic_prefix, total)
    for kill in range(kills):
        before = await here.count(DELIVERIES)
        async with redrive(here, tmp_path, 0) as running:
            await here.reaches(DELIVERIES, before + 1 + 700 * (kill + 1))
            running.signal(signal.SIGKILL)
            await running.ends()
    assert await here.count(DELIVERIES) < total, "it was all over before the kill"
    async with redrive(here, tmp_path, 0) as running:
        assert await running.ends() == 0, running.text
    times = await sent(here)
    assert set(times) == set(range(total))
    twice = times.total() - total
    print(f"\nSIGKILL of {kills} redrives: letters {total}, lost 0, sent twice {twice}")
    assert twice <= 100 * kills


async def test_told_to_stop_it_says_where_and_the_next_one_goes_on_there(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    here = await letters(broker, topic_prefix, 300)
    async with redrive(here, tmp_path, 20) as running:
        await here.reaches(DELIVERIES, 1)
        running.signal(signal.SIGINT)
        assert await running.ends() == 1
    done = await here.count(DELIVERIES)
    assert 0 < done < 300
    assert f"{done} redriven by run " in running.text
    assert "stopped before " in running.text
    assert "the same command again goes on from there" in running.text
    async with redrive(here, tmp_path, 0) as running:
        assert await running.ends() == 0
    assert f"{300 - done} redriven by run " in running.text
    assert await sent(here) == Counter(range(300))


async def test_two_operators_at_once_send_nothing_twice(
    broker: Any, topic_prefix: str, tmp_path: Path
) -> None:
    here = await letters(broker, topic_prefix, 400)
    async with redrive(here, tmp_path, 200) as one, redrive(here, tmp_path, 200) as other:
        codes = await asyncio.gather(one.ends(), other.ends())
    for code, running in zip(codes, (one, other), strict=True):
        assert code == 0 or "another redrive or discard has begun on this partition" in running.text
    async with redrive(here, tmp_path, 0) as last:
        assert await last.ends() == 0
    print(f"\ntwo redrives at once: exit codes {codes}")
    assert await sent(here) == Counter(range(400))
