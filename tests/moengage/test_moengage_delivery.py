from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moengage.answers import Answer, Verdict
from moengage.delivery import Delivered, Outcome, Refused, RetryPolicy, deliver_batch

PASSING = [
    Answer(Verdict.WAIT, 429, wait_s=3.0),
    Answer(Verdict.AGAIN, 503),
    Answer(Verdict.AGAIN, 0),
    Answer(Verdict.PAUSE, 401),
]


class Taking:
    """Takes a request whole unless it holds poison or is too large; answers what is queued first."""

    def __init__(self, passing: Sequence[Answer] = (), poison: Sequence[bytes] = (), room: int = 10_000):
        self.passing = list(passing)
        self.poison = set(poison)
        self.room = room
        self.taken: list[bytes] = []
        self.calls = 0

    async def transition(self, bodies: Sequence[bytes]) -> Answer:
        self.calls += 1
        if self.passing:
            return self.passing.pop(0)
        if len(bodies) > self.room:
            return Answer(Verdict.SPLIT, 413, message="too large")
        if self.poison.intersection(bodies):
            return Answer(Verdict.BISECT, 400, message="bad", request_id="r-bad")
        self.taken += bodies
        return Answer(Verdict.ACCEPTED, 200, request_id="r-ok")


class Run:
    """One delivery, with what it waited for and what it told."""

    def __init__(self, client: object) -> None:
        self.client = client
        self.waits: list[float] = []
        self.seen: list[tuple[int, int]] = []

    async def __call__(self, bodies: Sequence[bytes], **options: RetryPolicy) -> list[Outcome]:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        return await deliver_batch(
            self.client,  # type: ignore[arg-type]
            bodies,
            sleep=sleep,
            random=lambda: 0.5,
            observe=lambda answer, elements: self.seen.append((answer.status, elements)),
            **options,
        )


@given(
    size=st.integers(0, 40),
    poison=st.sets(st.integers(0, 39)),
    passing=st.lists(st.sampled_from(PASSING), max_size=8),
    spread=st.integers(0, 3),
    room=st.integers(1, 50),
)
def test_every_good_element_is_accepted_once_in_order_and_every_bad_one_refused(
    size: int, poison: set[int], passing: list[Answer], spread: int, room: int
) -> None:
    bodies = [b"%d" % n for n in range(size)]
    bad = {bodies[n] for n in poison if n < size}

    class Flaky(Taking):
        """Its passing answers come in between, not only before."""

        async def transition(self, bodies: Sequence[bytes]) -> Answer:
            if self.passing and self.calls % (spread + 1):
                self.passing, kept = [], self.passing
                answer = await super().transition(bodies)
                self.passing = kept
                return answer
            return await super().transition(bodies)

    client = Flaky(passing, list(bad), room)
    run = Run(client)
    outcomes = asyncio.run(run(bodies))

    assert client.taken == [body for body in bodies if body not in bad]
    assert outcomes == [
        Refused(400, "bad", "r-bad") if body in bad else Delivered("r-ok") for body in bodies
    ]
    assert len(run.seen) == client.calls


async def test_one_bad_element_costs_few_calls() -> None:
    bodies = [b"%d" % n for n in range(128)]
    client = Taking(poison=[bodies[77]])
    await Run(client)(bodies)
    assert client.calls <= 2 * math.log2(128) + 1


async def test_a_single_element_that_is_too_large_is_refused() -> None:
    outcomes = await Run(Taking(room=0))([b"huge"])
    assert outcomes == [Refused(413, "too large", "")]


async def test_a_request_that_is_refused_as_such_is_not_taken_apart() -> None:
    class Never(Taking):
        async def transition(self, bodies: Sequence[bytes]) -> Answer:
            self.calls += 1
            return Answer(Verdict.REFUSED, 415, message="content type", request_id="r-1")

    client = Never()
    assert await Run(client)([b"a", b"b"]) == [Refused(415, "content type", "r-1")] * 2
    assert client.calls == 1


async def test_each_kind_of_answer_waits_its_own_way_and_is_told() -> None:
    passing = [PASSING[0], *[PASSING[1]] * 3, PASSING[3], PASSING[1]]
    run = Run(Taking(passing))
    await run([b"a", b"b"], policy=RetryPolicy(base_s=2.0, cap_s=6.0, pause_s=9.0))
    # Half of 2, 4, 6 (the cap); a pause in between begins the back-off anew.
    assert run.waits == [3.0, 1.0, 2.0, 3.0, 9.0, 1.0]
    assert run.seen == [(429, 2), (503, 2), (503, 2), (503, 2), (401, 2), (503, 2), (200, 2)]


async def test_an_outage_of_days_is_waited_out() -> None:
    run = Run(Taking([Answer(Verdict.AGAIN, 503)] * 5_000))
    assert await run([b"a"]) == [Delivered("r-ok")]
    assert max(run.waits) == 15.0


async def test_nothing_to_deliver_calls_nobody() -> None:
    client = Taking()
    assert await Run(client)([]) == []
    assert client.calls == 0


@pytest.mark.parametrize("random", [0.0, 0.999])
def test_the_jitter_is_full(random: float) -> None:
    policy = RetryPolicy(base_s=1.0, cap_s=30.0)
    assert policy.backoff_s(3, random) == 4.0 * random
