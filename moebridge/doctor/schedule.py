"""Running checks: at once where they can, one after the other where one needs another, none for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from events.errors import MoebridgeError
from moebridge.doctor.findings import Finding, Outcome, problem, skipped

_UNFINISHED = "look at what it asks, or give it longer: --timeout"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. ``needs``: names of checks without which it would say nothing new.

    ``after``: those that it must not disturb. All of them are of the same configuration, or of all, and
    stand before it.
    """

    name: str
    run: Callable[[], Awaitable[Sequence[Finding]]]
    configuration: str = ""
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


async def run_checks(
    checks: Sequence[Check], *, timeout_s: float, raise_unexpected: bool = False
) -> list[Outcome]:
    """Every check's outcome, in the order of the checks, each after at most ``timeout_s`` of its own.

    A check that fails hides no other; one whose needs are not met is skipped. ``raise_unexpected``:
    let an exception that is not ours end all, as a group.
    """
    running: dict[tuple[str, str], asyncio.Task[Outcome]] = {}

    async def outcome(check: Check) -> Outcome:
        for need in (*check.needs, *check.after):
            needed = running.get((need, check.configuration)) or running[need, ""]
            if not (await needed).passed and need in check.needs:
                return Outcome(check.name, check.configuration, (skipped(f"needs: {need}"),))
        return Outcome(check.name, check.configuration, await findings(check))

    async def findings(check: Check) -> tuple[Finding, ...]:
        try:
            async with asyncio.timeout(timeout_s):
                return tuple(await check.run())
        except TimeoutError:
            return (problem(f"not finished within {timeout_s:g} s", _UNFINISHED),)
        except MoebridgeError as error:
            text, _, remedy = str(error).partition("; ")  # our errors' way of parting the two
            return (problem(text, remedy),)
        except Exception as error:  # the other checks go on; its text may hold anything
            if raise_unexpected:
                raise
            return (problem(f"the check itself failed: {type(error).__name__}", "see where: --debug"),)

    async with asyncio.TaskGroup() as group:
        for check in checks:
            running[check.name, check.configuration] = group.create_task(outcome(check))
    return [task.result() for task in running.values()]
