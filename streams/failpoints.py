"""Test switches: make a stage fail at a named moment, once, to see that nothing is lost.

``contacts:after_outputs:3`` raises in stage contacts, after the third chunk's outputs were confirmed. A
fourth part says what to do instead: ``contacts:after_outputs:3:hang`` never goes on, ``:block`` holds up
the whole event loop, ``:stop`` stops the process as SIGSTOP does. Never set one in production.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from streams.errors import InjectedFailure

Moment = Literal["before_step", "after_outputs", "after_changelog", "after_store"]

MOMENTS: tuple[Moment, ...] = get_args(Moment)

Action = Literal["fail", "hang", "block", "stop"]

ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(slots=True)
class Failpoints:
    """Counts how often each (stage, moment) was passed and acts at the chosen count."""

    armed: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    _passed: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Failpoints:
        """Read ``stage:moment:count[:action]``. Raises ValueError saying what is expected."""
        armed: dict[tuple[str, str], tuple[int, str]] = {}
        for text in texts:
            stage, moment, count, action = (*text.split(":", 3), "", "", "")[:4]
            action = action or ACTIONS[0]
            counted = count.isdigit() and int(count) >= 1
            if not stage or moment not in MOMENTS or not counted or action not in ACTIONS:
                raise ValueError(
                    f"{text!r}: expected stage:moment:count[:action] with moment one of "
                    f"{', '.join(MOMENTS)} and action one of {', '.join(ACTIONS)}"
                )
            armed[stage, moment] = int(count), action
        return cls(armed)

    async def passing(self, stage: str, moment: Moment) -> None:
        """Act when this is the passing that was chosen. Raises InjectedFailure where that is ``fail``."""
        if not self.armed:
            return
        key = (stage, moment)
        passed = self._passed[key] = self._passed.get(key, 0) + 1
        count, action = self.armed.get(key, (0, ""))
        if count != passed:
            return
        match action:
            case "hang":
                await asyncio.Event().wait()
            case "block":
                threading.Event().wait()
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case _:
                raise InjectedFailure(f"{stage}: told to fail at {moment}, passing {passed}")
