"""How far something long has come, on standard error: a bar for people, now and then a line for logs."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

log = logging.getLogger(__name__)

#: Seconds between two lines where nobody watches.
_LINE_S = 10.0


class ProgressLine:
    """``did`` says what is being done; ``total`` is how much there is, as far as it is known."""

    def __init__(self, did: str, total: int) -> None:
        self._did = did
        self._total = total
        self._done = 0
        self._said = time.monotonic()
        screen = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=screen, disable=not screen.is_terminal, transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task(did, total=total)

    def advance(self, count: int, where: str) -> None:
        """So much more is done; ``where`` says what was last."""
        self._done += count
        self._bar.update(self._task, advance=count, description=f"{self._did}, {where}")
        if self._bar.disable and time.monotonic() - self._said >= _LINE_S:
            self._said = time.monotonic()
            log.info("%s %d of %d, %s", self._did, self._done, self._total, where)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()
