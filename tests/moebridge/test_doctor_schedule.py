"""How checks are run: what fails hides nothing else, what needs it is skipped, nothing takes for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from moebridge.doctor.findings import Finding, ok, problem, skipped, warning
from moebridge.doctor.schedule import Check, run_checks
from moebridge.errors import BrokerUnreachable

Run = Callable[[], Awaitable[Sequence[Finding]]]


def giving(*findings: Finding) -> Run:
    async def run() -> Sequence[Finding]:
        return findings

    return run


def failing(error: Exception) -> Run:
    async def run() -> Sequence[Finding]:
        raise error

    return run


async def for_ever() -> Sequence[Finding]:
    await asyncio.Event().wait()
    raise AssertionError


async def levels(*checks: Check) -> dict[str, list[str]]:
    outcomes = await run_checks(checks, timeout_s=0.05)
    return {
        f"{one.check} {one.configuration}".strip(): [each.level for each in one.findings]
        for one in outcomes
    }


async def test_what_fails_hides_nothing_else() -> None:
    assert await levels(
        Check("a", failing(BrokerUnreachable("kafka:9092", "KafkaConnectionError"))),
        Check("b", failing(ZeroDivisionError("hush"))),
        Check("c", for_ever),
        Check("d", giving(ok("fine"), warning("well", "see"))),
    ) == {"a": ["problem"], "b": ["problem"], "c": ["problem"], "d": ["ok", "warning"]}


async def test_what_an_error_says() -> None:
    checks = [
        Check("a", failing(BrokerUnreachable("kafka:9092", "KafkaConnectionError"))),
        Check("b", failing(ZeroDivisionError("hush"))),
        Check("c", for_ever),
    ]
    [a], [b], [c] = (one.findings for one in await run_checks(checks, timeout_s=0.05))
    assert a.text == "kafka.bootstrap_servers: no answer from kafka:9092 (KafkaConnectionError)"
    assert a.remedy.startswith("is the broker running")
    assert (b.text, "hush" in b.remedy) == ("the check itself failed: ZeroDivisionError", False)
    assert (c.text, "--timeout" in c.remedy) == ("not finished within 0.05 s", True)
    with pytest.raises(ExceptionGroup):
        await run_checks(checks, timeout_s=0.05, raise_unexpected=True)


async def test_what_needs_a_check_that_failed_is_skipped() -> None:
    assert await levels(
        Check("broker", giving(problem("away", "start it"))),
        Check("topics", giving(ok("never asked")), needs=("broker",)),
        Check("door", giving(warning("plain http", "use TLS"))),
        Check("trip", giving(ok("asked")), needs=("door",)),
        Check("later", giving(ok("never asked")), needs=("topics",)),
        Check("beside", giving(ok("asked")), after=("broker",)),
    ) == {
        "broker": ["problem"],
        "topics": ["skipped"],
        "door": ["warning"],
        "trip": ["ok"],
        "later": ["skipped"],
        "beside": ["ok"],
    }


async def test_a_configuration_needs_its_own_check_before_that_of_all() -> None:
    assert await levels(
        Check("door", giving(ok("there"))),
        Check("keys", giving(ok("there")), "one"),
        Check("keys", giving(skipped("none")), "two"),
        Check("trip", giving(ok("asked")), "one", needs=("door", "keys")),
        Check("trip", giving(ok("never asked")), "two", needs=("door", "keys")),
    ) == {
        "door": ["ok"],
        "keys one": ["ok"],
        "keys two": ["skipped"],
        "trip one": ["ok"],
        "trip two": ["skipped"],
    }


async def test_checks_run_at_once_unless_they_wait_for_one_another() -> None:
    began: list[str] = []
    gate = asyncio.Event()

    def noted(name: str, *, opens: bool = False) -> Run:
        async def run() -> Sequence[Finding]:
            began.append(name)
            if opens:
                gate.set()
            await gate.wait()
            return [ok(name)]

        return run

    await run_checks(
        [
            Check("a", noted("a")),
            Check("b", noted("b"), after=("a",)),
            Check("c", noted("c", opens=True)),
        ],
        timeout_s=10,
    )
    assert began == ["a", "c", "b"]
