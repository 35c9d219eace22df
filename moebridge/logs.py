"""Log lines on standard error: for people, or one JSON object a line."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Literal

from events.codec import encode

Format = Literal["text", "json"]

#: Libraries whose debug lines show what travels through them, bodies and keys included, and whose info
#: lines tell of their own insides.
LIBRARIES = ("aiohttp", "aiokafka", "asyncio", "faust", "kafka", "mode", "rocksdict")


def set_up(level: str, form: Format, process: str, *, prefix: str = "") -> None:
    """Write lines of ``level`` and above; of the libraries only warnings and above.

    ``process`` names this one in JSON lines, ``prefix`` begins each text line. A second call replaces
    the first.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process) if form == "json" else TextLines(prefix))
    handler.addFilter(_not_of_a_service)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


class TextLines(logging.Formatter):
    """``2026-11-22T13:00:00.123Z info streams.worker: ready``."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        """One line, and more for a traceback."""
        text = f"{_moment(record)} {record.levelname.lower()} {record.name}: {record.getMessage()}"
        if record.exc_info:
            text += f"\n{self.formatException(record.exc_info)}"
        return self._prefix + text.replace("\n", f"\n{self._prefix}")


class JsonLines(logging.Formatter):
    """An object with ``time``, ``level``, ``process``, ``logger``, ``message`` and ``traceback``."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return encode(line).decode()


def _not_of_a_service(record: logging.LogRecord) -> bool:
    """Faust's services tell of each start and stop, ``[^-Consumer]: Starting...``, by the logger of
    the module that defines them, so also by ours."""
    return record.levelno >= logging.WARNING or not str(record.msg).startswith("[^")


def _moment(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
