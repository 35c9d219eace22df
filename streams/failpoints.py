"""Test switches: make a stage raise at a named moment, once, to see that nothing is lost.

``contacts:after_outputs:3`` raises in stage contacts, after the third chunk's outputs were confirmed.
Never set one in production.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from streams.errors import InjectedFailure

Moment = Literal["before_step", "after_outputs", "after_changelog", "after_store"]

MOMENTS: tuple[Moment, ...] = get_args(Moment)


@dataclass(slots=True)
class Failpoints:
    """Counts how often each (stage, moment) was passed and raises at the chosen count."""

    armed: dict[tuple[str, str], int] = field(default_factory=dict)
    _passed: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Failpoints:
        """Read ``stage:moment:count``. Raises ValueError saying what is expected."""
        armed: dict[tuple[str, str], int] = {}
        for text in texts:
            stage, _, rest = text.partition(":")
            moment, _, count = rest.partition(":")
            if not stage or moment not in MOMENTS or not count.isdigit() or int(count) < 1:
                raise ValueError(
                    f"{text!r}: expected stage:moment:count with moment one of {', '.join(MOMENTS)}"
                )
            armed[stage, moment] = int(count)
        return cls(armed)

    def passing(self, stage: str, moment: Moment) -> None:
        """Raises InjectedFailure when this is the passing that was chosen."""
        if not self.armed:
            return
        key = (stage, moment)
        self._passed[key] = self._passed.get(key, 0) + 1
        if self.armed.get(key) == self._passed[key]:
            raise InjectedFailure(f"{stage}: told to fail at {moment}, passing {self._passed[key]}")
