"""Whether rule files that look different are to be tried: what polls see is judged here. Pure.

A poll can come between two writes: of an editor that cuts a file before it fills it again, of a copy that
has brought one file of two. So what is new is tried only once two polls in a row have seen the same, and
what was refused is not tried again while it stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

#: The rule files by name, as read, or why they cannot be read.
Seen = Mapping[str, bytes] | str

#: nothing: as before; wait: different from the last poll, so perhaps half-written; try: compile it;
#: withdrawn: what was refused is gone, and the files are again those in force.
Verdict = Literal["nothing", "wait", "try", "withdrawn"]


class Watch:
    """The files of one configuration. Whoever is told to try says what came of it."""

    def __init__(self, in_force: Seen) -> None:
        self._in_force = in_force
        self._refused: Seen | None = None
        self._last: Seen = in_force

    def judge(self, seen: Seen, *, at_once: bool = False) -> Verdict:
        """What to do about what was seen. ``at_once``: somebody says that it is whole."""
        last, self._last = self._last, seen
        if seen == self._in_force:
            if self._refused is None:
                return "nothing"
            self._refused = None
            return "withdrawn"
        if at_once:
            return "try"
        if seen == self._refused:
            return "nothing"
        return "try" if seen == last else "wait"

    def took(self, seen: Seen) -> None:
        """What was tried is in force."""
        self._in_force, self._refused = seen, None

    def refused(self, seen: Seen) -> None:
        """What was tried is not."""
        self._refused = seen
