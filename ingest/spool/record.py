"""One event as it stands in a spool file, and finding the events in a file that is torn or damaged. Pure.

    mark 4 | length of the body, u32 | CRC-32 of the body, u32 | CRC-32 of these 12 bytes, u32 | body

The body is a list of parts, each a u32 length and its bytes: key, payload, then names and values of the
envelope's headers in turn. Numbers are big-endian.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from zlib import crc32

from events.envelope import Envelope
from events.errors import InvalidRecord

#: No UTF-8 text holds these bytes, and payloads, keys and headers are UTF-8: nobody can send a body that
#: looks like a record, so after damage the next mark is the next record.
MARK = b"\xff\xfeMB"

_HEAD = Struct(">4sIII")
_CHECKED = 12
_LENGTH = Struct(">I")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a file, ``start`` to ``end``: a record's body, or bytes that are none (``body`` None).

    ``torn``: these are the beginning of a record whose writing broke off.
    """

    start: int
    end: int
    body: bytes | None
    torn: bool = False


def encode(envelope: Envelope, key: bytes) -> bytes:
    """An event with its ordering key, ready to be appended to a file."""
    parts = [key, envelope.payload]
    for name, value in envelope.headers():
        parts += [name.encode(), value]
    body = b"".join(_LENGTH.pack(len(part)) + part for part in parts)
    checked = _HEAD.pack(MARK, len(body), crc32(body), 0)[:_CHECKED]
    return checked + _LENGTH.pack(crc32(checked)) + body


def decode(body: bytes) -> tuple[Envelope, bytes]:
    """Envelope and key of a record's body. Raises InvalidRecord, also for a form that is not ours."""
    parts = list(_parts(body))
    if len(parts) < 2 or len(parts) % 2:
        raise InvalidRecord(f"spooled record: expected pairs of parts, got {len(parts)} parts")
    key, payload, *rest = parts
    try:
        headers = [(name.decode(), value) for name, value in zip(rest[::2], rest[1::2], strict=True)]
    except UnicodeDecodeError:
        raise InvalidRecord("spooled record: a header's name is not UTF-8") from None
    return Envelope.from_record(payload, headers), key


def scan(data: bytes, start: int = 0) -> Iterator[Piece]:
    """What stands in a file from ``start`` on, in order and without gaps.

    Damage costs the records that it hits and no other: the next intact record follows at its mark.
    """
    at = start
    while at < len(data):
        end = _end_of_record(data, at)
        if end is not None:
            yield Piece(at, end, data[at + _HEAD.size : end])
            at = end
            continue
        following = data.find(MARK, at + 1)
        while following >= 0 and _end_of_record(data, following) is None:
            following = data.find(MARK, following + 1)
        if following < 0:
            yield Piece(at, len(data), None, _broke_off(data[at:]))
            return
        yield Piece(at, following, None)
        at = following


def _end_of_record(data: bytes, at: int) -> int | None:
    """Where the record at this place ends, None where there is no intact one."""
    head = data[at : at + _HEAD.size]
    if not _intact_head(head):
        return None
    _, length, checksum, _ = _HEAD.unpack(head)
    body = data[at + _HEAD.size : at + _HEAD.size + length]
    return at + _HEAD.size + length if len(body) == length and crc32(body) == checksum else None


def _intact_head(head: bytes) -> bool:
    return (
        len(head) == _HEAD.size
        and head.startswith(MARK)
        and _LENGTH.unpack(head[_CHECKED:])[0] == crc32(head[:_CHECKED])
    )


def _broke_off(rest: bytes) -> bool:
    """Whether the end of a file is a record's beginning, or zeros that a file system put in its place."""
    if len(rest) < _HEAD.size:
        return MARK.startswith(rest[: len(MARK)]) or not any(rest)
    if _intact_head(rest[: _HEAD.size]):
        return len(rest) < _HEAD.size + int(_HEAD.unpack_from(rest)[1])
    return not any(rest)


def _parts(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        if at + _LENGTH.size > len(body):
            raise InvalidRecord("spooled record: a part's length is cut off")
        (length,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size
        if at + length > len(body):
            raise InvalidRecord("spooled record: a part is cut off")
        yield body[at : at + length]
        at += length
