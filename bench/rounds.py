"""Round after round, in changing order, every contender in fresh processes."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.broker import Broker
from bench.checks import changelog, check
from bench.plan import (
    CONTENDERS,
    MAPPING,
    OURS,
    OURS_MEMORY,
    QUIX,
    REKEY,
    TABLE,
    WHOLE,
    Measured,
    Run,
)
from bench.processes import measure
from bench.records import records
from bench.whole.drive import run_whole

#: A run that takes longer than this, and so long again for each message, hangs.
TIMEOUT_S, TIMEOUT_PER_MESSAGE_S = 60.0, 0.02


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: messages a round by job, how many rounds, how many distinct keys."""

    messages: Mapping[str, int]
    rounds: int
    keys: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure: of a job, or of half of the job whole. Rounds count from 1."""

    figure: str
    contender: str
    round: int
    measured: Measured


async def map_alone(plan: Plan, say: Callable[[str], None]) -> list[Sample]:
    """The rounds of the job mapping, which needs no broker; every case is a contender."""
    samples: list[Sample] = []
    messages = plan.messages[MAPPING]
    for number in range(1, plan.rounds + 1):
        say(f"{MAPPING}, round {number} of {plan.rounds}")
        run = Run(MAPPING, OURS, "", "", "", "", messages, "")
        told = await measure(run, TIMEOUT_S + messages * TIMEOUT_PER_MESSAGE_S)
        samples += [
            Sample(MAPPING, case, number, Measured(messages, used["wall_s"], used["cpu_s"]))
            for case, used in told.items()
        ]
    return samples


class Rounds:
    """Runs the other jobs of a plan on a broker. ``say`` is told what is being done."""

    def __init__(self, plan: Plan, broker: Broker, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._broker = broker
        self._say = say

    async def all(self) -> list[Sample]:
        """Everything. Raises BenchFailed where a run did not do its work."""
        await self._warm_up()
        samples: list[Sample] = []
        for job, messages in self._jobs():
            source = await self._source(job, messages)
            for number in range(self._plan.rounds):
                for contender in _turned(CONTENDERS[job], number):
                    self._say(f"{job}, round {number + 1} of {self._plan.rounds}: {contender}")
                    figures = await self._one(job, contender, source, messages)
                    samples += [
                        Sample(figure, contender, number + 1, measured)
                        for figure, measured in figures.items()
                    ]
            await self._broker.delete_holding(source)
        return samples

    def _jobs(self) -> list[tuple[str, int]]:
        return [(job, messages) for job, messages in self._plan.messages.items() if job != MAPPING]

    async def _warm_up(self) -> None:
        """One run of every contender at a tenth of the messages, which is not counted."""
        warm: set[str] = {OURS_MEMORY}
        for job, messages in self._jobs():
            cold = [contender for contender in CONTENDERS[job] if contender not in warm]
            warm.update(cold)
            if cold:
                few = max(messages // 10, 100)
                source = await self._source(job, few)
                for contender in cold:
                    self._say(f"{job}, warming up: {contender}")
                    await self._one(job, contender, source, few)
                await self._broker.delete_holding(source)

    async def _source(self, job: str, messages: int) -> str:
        """A topic with the job's records, which all contenders read."""
        source = f"bench-{uuid.uuid4().hex[:8]}-{job}"
        if job != WHOLE:
            await self._broker.create(source)
            await self._broker.fill(source, records(messages, self._plan.keys))
        return source

    async def _one(self, job: str, contender: str, source: str, messages: int) -> Mapping[str, Measured]:
        name = f"bench-{uuid.uuid4().hex[:8]}."
        with tempfile.TemporaryDirectory(prefix="moebridge-bench-") as folder:
            run = Run(
                job, contender, self._broker.bootstrap, name, source, f"{name}target", messages, folder
            )
            try:
                if job == WHOLE:
                    return await run_whole(run, self._broker)
                await self._create_topics(run)
                told = await measure(run, TIMEOUT_S + messages * TIMEOUT_PER_MESSAGE_S)
                await check(run, told, self._plan.keys, self._broker)
                return {job: Measured(messages, told["wall_s"], told["cpu_s"])}
            finally:
                await self._broker.delete_holding(name)

    async def _create_topics(self, run: Run) -> None:
        """What a contender does not create itself."""
        if run.job == REKEY:
            await self._broker.create(run.target)
        if run.job == TABLE and run.contender != QUIX:
            await self._broker.create(compacted=[changelog(run)])


def _turned(contenders: Sequence[str], number: int) -> list[str]:
    """In another order every round, so that none is always first or always behind the same other."""
    by = number % len(contenders)
    turned = [*contenders[by:], *contenders[:by]]
    return turned[::-1] if number % 2 else turned
