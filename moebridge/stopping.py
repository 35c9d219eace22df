"""How a process is told to stop: by a signal, or by the end of whoever started it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_STDIN = 0


@contextmanager
def stop_on_signals(
    *, at_once: Callable[[], None] = lambda: None, on_hangup: Callable[[], None] | None = None
) -> Iterator[asyncio.Event]:
    """An event that the first SIGINT, SIGTERM or SIGHUP sets.

    The second one calls ``at_once`` and ends the process there and then, with exit code 1. Where
    ``on_hangup`` is given, SIGHUP calls that instead, as often as it comes.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told(number: signal.Signals) -> None:
        if stop.is_set():
            at_once()
            os._exit(1)
        log.info("%s: stopping; a second one stops at once", number.name)
        stop.set()

    # Whoever started us may want a signal ignored, as nohup does with SIGHUP.
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heeded:
        loop.add_signal_handler(number, told, number)
    if on_hangup is not None and signal.SIGHUP in heeded:
        loop.add_signal_handler(signal.SIGHUP, on_hangup)
    try:
        yield stop
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)


def has_terminal() -> bool:
    """Whether the process has a terminal, whose end the kernel tells it by SIGHUP."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


@contextmanager
def stop_with_parent(stop: asyncio.Event, parent: bool) -> Iterator[None]:
    """Set ``stop`` when standard input ends: a parent that holds the other end is gone then.

    Does nothing where ``parent`` is false.
    """
    if not parent:
        yield
        return
    loop = asyncio.get_running_loop()

    def readable() -> None:
        if not os.read(_STDIN, 4096):
            loop.remove_reader(_STDIN)
            stop.set()

    loop.add_reader(_STDIN, readable)
    try:
        yield
    finally:
        loop.remove_reader(_STDIN)
