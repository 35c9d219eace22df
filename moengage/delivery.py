"""One batch, delivered: tried until MoEngage takes it, and taken apart where it never will.

Nothing is given up but what MoEngage refuses element by element. Order holds: an element is offered
only when every one before it is accepted or refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from moengage.answers import Answer, Verdict

# 2 ** 40 times the base is above any cap, and a float still holds it.
_MAX_EXPONENT = 40


@dataclass(frozen=True, slots=True)
class Delivered:
    """MoEngage accepted the element for processing."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """MoEngage will never take the element; ``message`` is safe to log."""

    status: int
    message: str
    request_id: str


Outcome = Delivered | Refused


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait, in seconds: the first back-off, its cap, and between tries while paused."""

    base_s: float = 0.5
    cap_s: float = 30.0
    pause_s: float = 15.0

    def backoff_s(self, failures: int, random: float) -> float:
        """The wait after this many failures in a row (from 1), with full jitter: 0 to the bound."""
        bound = self.base_s * 2.0 ** min(failures - 1, _MAX_EXPONENT)
        return random * min(self.cap_s, bound)


DEFAULT_POLICY = RetryPolicy()


class BulkCalls(Protocol):
    """What delivering a batch needs of a client."""

    async def transition(self, bodies: Sequence[bytes]) -> Answer:
        """Send rendered elements in one request."""
        ...


class Calls(BulkCalls, Protocol):
    """What delivery needs of a client (moengage.client.MoEngageClient)."""

    async def merge(self, body: bytes) -> Answer:
        """Merge two users."""
        ...

    async def delete(self, body: bytes) -> Answer:
        """Delete a user."""
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """A call that takes one element, for a batch of one."""

    call: Callable[[bytes], Awaitable[Answer]]

    async def transition(self, bodies: Sequence[bytes]) -> Answer:
        """See BulkCalls."""
        [body] = bodies
        return await self.call(body)


async def deliver_batch(
    client: BulkCalls,
    bodies: Sequence[bytes],
    *,
    sleep: Callable[[float], Awaitable[None]],
    random: Callable[[], float],
    observe: Callable[[Answer, int], None],
    policy: RetryPolicy = DEFAULT_POLICY,
) -> list[Outcome]:
    """Deliver rendered elements in order; returns one outcome for each, in the same order.

    ``sleep`` takes seconds, ``random`` gives 0 to 1, ``observe`` is told every answer and how many
    elements it was about. Goes on without end while MoEngage is down, limits the rate, or does not
    know us: whoever calls cancels it to stop, and then does not know which elements were taken.
    """
    outcomes: list[Outcome] = []
    parts: list[Sequence[bytes]] = [bodies] if bodies else []  # a stack, the next part on top
    while parts:
        part = parts.pop()
        answer = await _settled(client, part, sleep, random, observe, policy)
        if answer.verdict is Verdict.ACCEPTED:
            outcomes += [Delivered(answer.request_id)] * len(part)
        elif len(part) > 1 and answer.verdict in (Verdict.SPLIT, Verdict.BISECT):
            half = len(part) // 2
            parts += [part[half:], part[:half]]
        else:
            outcomes += [Refused(answer.status, answer.message, answer.request_id)] * len(part)
    return outcomes


async def _settled(
    client: BulkCalls,
    part: Sequence[bytes],
    sleep: Callable[[float], Awaitable[None]],
    random: Callable[[], float],
    observe: Callable[[Answer, int], None],
    policy: RetryPolicy,
) -> Answer:
    """The first answer that the same request again would not change."""
    failures = 0
    while True:
        answer = await client.transition(part)
        observe(answer, len(part))
        match answer.verdict:
            case Verdict.WAIT:
                failures = 0
                await sleep(answer.wait_s)
            case Verdict.AGAIN:
                failures += 1
                await sleep(policy.backoff_s(failures, random()))
            case Verdict.PAUSE:
                failures = 0
                await sleep(policy.pause_s)
            case _:
                return answer
