"""Keeping a process running: started again whenever it ends, more slowly each time it fails at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from moebridge.child import Child, ending

log = logging.getLogger(__name__)

#: Exit code of a process whose settings are wrong: starting it again changes nothing.
WRONG_SETTINGS = 2

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
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


async def keep_running(
    child: Child, *, before_restart: Callable[[], Awaitable[None]], pauses: Pauses | None = None
) -> None:
    """Watch a running child and start it again whenever it ends, until cancelled.

    ``before_restart`` is awaited before each new start. Raises ProcessFailed where the child ends
    because its settings are wrong.
    """
    pauses = pauses or Pauses()
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        code = await child.wait()
        if code == WRONG_SETTINGS:
            raise await child.failure()
        pause = pauses.after(clock() - began)
        log.error("%s ended with %s; starting it again in %g s", child.name, ending(code), pause)
        await asyncio.sleep(pause)
        await before_restart()
        await child.start()
