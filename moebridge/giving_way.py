"""A process that leaves the machine's CPUs to whatever else runs there."""

from __future__ import annotations

import os

#: What ``nice`` adds where it is told nothing else.
_NICENESS = 10


def give_way() -> None:
    """Lower this process's priority, where the system has such a thing; it does not come back.

    A replay may run beside a worker, and its dry run computes for as long as it takes.
    """
    if hasattr(os, "setpriority"):
        niceness = os.getpriority(os.PRIO_PROCESS, 0)
        if niceness < _NICENESS:
            os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
