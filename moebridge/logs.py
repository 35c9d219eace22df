"""Log lines on standard error: for people, or one JSON object a line."""

from __future__ import annotations

import base64
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

from events.codec import encode
from moebridge.log_repeats import Repeats

Format = Literal["text", "json"]

#: Libraries whose debug lines show what travels through them, bodies and keys included, and whose info
#: lines tell of their own insides.
LIBRARIES = ("aiohttp", "aiokafka", "asyncio", "faust", "kafka", "mode", "rocksdict")


#: A shorter secret is left alone: it stands in too many words.
MIN_SECRET_CHARS = 4
#: The same for what base64 makes of one.
MIN_BASE64_CHARS = 8

_Redact = Callable[[str], str]


def set_up(
    level: str, form: Format, process: str, *, prefix: str = "", secrets: Iterable[str] = ()
) -> None:
    """Write lines of ``level`` and above; of the libraries only warnings and above, repeats counted.

    ``process`` names this one in JSON lines, ``prefix`` begins each text line. Nothing of ours puts a
    secret into a line; should a library quote one, as it is or in a Basic auth header, ``***`` stands in
    its place. A second call replaces the first.
    """
    redact = _redaction(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process, redact) if form == "json" else TextLines(prefix, redact))
    handler.addFilter(_not_of_a_service)
    handler.addFilter(Repeats(LIBRARIES, time.monotonic))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


class TextLines(logging.Formatter):
    """``2026-11-22T13:00:00.123Z info streams.worker: ready``."""

    def __init__(self, prefix: str, redact: _Redact) -> None:
        super().__init__()
        self._prefix = prefix
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """One line, and more for a traceback."""
        text = f"{_moment(record)} {record.levelname.lower()} {record.name}: {record.getMessage()}"
        if record.exc_info:
            text += f"\n{self.formatException(record.exc_info)}"
        return self._prefix + self._redact(text).replace("\n", f"\n{self._prefix}")


class JsonLines(logging.Formatter):
    """An object with ``time``, ``level``, ``process``, ``logger``, ``message`` and ``traceback``."""

    def __init__(self, process: str, redact: _Redact) -> None:
        super().__init__()
        self._process = process
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": self._redact(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = self._redact(self.formatException(record.exc_info))
        return encode(line).decode()


def _redaction(secrets: Iterable[str]) -> _Redact:
    plain = {one for one in secrets if len(one) >= MIN_SECRET_CHARS}
    encoded = {form for one in plain for form in _in_base64(one) if len(form) >= MIN_BASE64_CHARS}
    known = sorted(plain | encoded, key=len, reverse=True)
    if not known:
        return lambda text: text
    pattern = re.compile("|".join(map(re.escape, known)))
    return lambda text: pattern.sub("***", text)


def _in_base64(secret: str) -> Iterator[str]:
    """What is always there of a secret within base64, whatever stands before it and behind.

    It may begin at any of three places in a group of three bytes; a character that holds bits of its
    neighbours too is left out.
    """
    raw = secret.encode()
    for before in range(3):
        bits_before = 8 * before
        text = base64.b64encode(bytes(before) + raw).decode()
        yield text[-(-bits_before // 6) : (bits_before + 8 * len(raw)) // 6]


def _not_of_a_service(record: logging.LogRecord) -> bool:
    """Faust's services tell of each start and stop, ``[^-Consumer]: Starting...``, by the logger of
    the module that defines them, so also by ours."""
    return record.levelno >= logging.WARNING or not str(record.msg).startswith("[^")


def _moment(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
