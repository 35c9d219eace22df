"""The form of a spool file around its records: its name, its head, and how far it is done. Pure.

A file begins with ``MAGIC`` and the cursor: the place up to which the broker has everything (u64), with
its CRC-32. The cursor is written in place, so going on takes no room on a full disk; where it cannot be
read the file is handed on from its beginning, and what comes twice has the same event ids.
"""

from __future__ import annotations

import re
from struct import Struct
from zlib import crc32

MAGIC = b"moebridge spool1"
CURSOR_AT = len(MAGIC)

_PLACE = Struct(">Q")
_CHECK = Struct(">I")
#: Where the records begin.
HEAD_BYTES = CURSOR_AT + _PLACE.size + _CHECK.size

_NAME = re.compile(r"(\d{12})\.spool")


def file_name(number: int) -> str:
    """The name of a file; files are handed on in the order of their numbers."""
    return f"{number:012d}.spool"


def number_of(name: str) -> int | None:
    """The number in a file's name; None for a file that is none of these."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def head() -> bytes:
    """The beginning of a new file."""
    return MAGIC + cursor(HEAD_BYTES)


def cursor(place: int) -> bytes:
    """The bytes at CURSOR_AT that say: done up to here."""
    written = _PLACE.pack(place)
    return written + _CHECK.pack(crc32(written))


def done_up_to(data: bytes) -> int:
    """Where to go on in a file."""
    written = data[CURSOR_AT : CURSOR_AT + _PLACE.size]
    if data[CURSOR_AT:HEAD_BYTES] != written + _CHECK.pack(crc32(written)):
        return HEAD_BYTES
    (place,) = _PLACE.unpack(written)
    return int(place) if HEAD_BYTES <= place <= len(data) else HEAD_BYTES


def intact_head(data: bytes) -> bool:
    """Whether a file begins as it was written; where not, its records are still found by their marks."""
    return data.startswith(MAGIC) and data[CURSOR_AT:HEAD_BYTES] == cursor(done_up_to(data))
