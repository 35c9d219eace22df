"""Keeping a process running: started again whenever it ends, more slowly each time it fails at once.

A process that does not answer for long is ended first: it is stopped, or stands still so much that it
cannot say so. One that answers and says that it stands still ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from moebridge.child import Child, ending

log = logging.getLogger(__name__)

#: Exit code of a process whose settings are wrong: starting it again changes nothing.
WRONG_SETTINGS = 2

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
#: How long an answer may take, and how often it is asked for, in seconds.
QUESTION_S = 2.0
#: Who ran for so long has started well; its end is not held against it.
GOOD_RUN_S = 60.0


@dataclass(slots=True)
class Pauses:
    """How long to wait before the next start. Pure: seconds come in as arguments."""

    _failures: int = field(default=0)

    def after(self, ran_s: float) -> float:
        """The pause after a run of ``ran_s`` seconds: twice the last, the first after a good run."""
        self._failures = 0 if ran_s >= GOOD_RUN_S else self._failures + 1
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** max(0, min(self._failures - 1, 20)))


@dataclass(frozen=True, slots=True)
class Answers:
    """Where a process answers, whatever it says, and how long it may not, in seconds."""

    url: str
    silent_s: float


@dataclass(slots=True)
class Silence:
    """How long a process has not answered. Pure: seconds come in as arguments.

    A question without an answer counts for ``question_s`` at most, so that time in which this process
    itself did not run is not held against the other.
    """

    question_s: float
    _silent_s: float = field(default=0.0)

    def after(self, answered: bool, took_s: float) -> float:
        """Seconds without an answer, after one more question that took so long."""
        self._silent_s = 0.0 if answered else self._silent_s + min(took_s, self.question_s)
        return self._silent_s


async def keep_running(
    child: Child,
    *,
    before_restart: Callable[[], Awaitable[None]],
    pauses: Pauses | None = None,
    answers: Answers | None = None,
) -> None:
    """Watch a running child and start it again whenever it ends, until cancelled.

    ``before_restart`` is awaited before each new start. With ``answers`` it is killed when it does not
    answer for too long. Raises ProcessFailed where the child ends because its settings are wrong.
    """
    pauses = pauses or Pauses()
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        asking = None if answers is None else asyncio.create_task(_kill_when_silent(child, answers))
        try:
            code = await child.wait()
        finally:
            if asking is not None:
                asking.cancel()
        if code == WRONG_SETTINGS:
            raise await child.failure()
        pause = pauses.after(clock() - began)
        log.error("%s ended with %s; starting it again in %g s", child.name, ending(code), pause)
        await asyncio.sleep(pause)
        await before_restart()
        await child.start()


async def _kill_when_silent(child: Child, answers: Answers) -> None:
    """Ask again and again; kill it, and be done, once it has been silent for too long."""
    clock = asyncio.get_running_loop().time
    silence = Silence(QUESTION_S)
    timeout = aiohttp.ClientTimeout(total=QUESTION_S)
    # A connection of its own for every question: one that is kept alive tells nothing of a new one.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        while True:
            began = clock()
            answered = await _answers(session, answers.url)
            await asyncio.sleep(max(0.0, began + QUESTION_S - clock()))
            silent_s = silence.after(answered, clock() - began)
            if silent_s >= answers.silent_s:
                log.error("%s has not answered for %.0f s; killing it", child.name, silent_s)
                child.kill()
                return


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            await response.read()
            return True
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
