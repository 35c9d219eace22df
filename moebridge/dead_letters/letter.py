"""One dead letter, as it stands on moengage.dead-letters, and what a redrive makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from events.keys import split_scope
from streams.publishing import Outgoing

#: What the names of the headers begin with that a dead letter has besides the record's own.
OURS = "dead_letter."
#: What the names of the headers begin with that say of a record that it was redriven.
REDRIVE = "redrive."

#: The reason of a letter that was not refused itself, but came behind one that was.
PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. ``key``, ``value`` and ``headers`` are those of the record that was refused.

    ``topic``, ``source_partition`` and ``source_offset`` say where that record stood. Times are
    milliseconds. ``problem`` says why the record on the topic is no dead letter that a stage wrote; all
    but its place, key, value and headers is empty then.
    """

    partition: int
    offset: int
    key: bytes = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(repr=False)
    stage: str = ""
    reason: str = ""
    topic: str = ""
    source_partition: int = -1
    source_offset: int = -1
    failed_at: int = 0
    status: int | None = None
    request_id: str = ""
    attempts: int | None = None
    first_status: int | None = None
    first_message: str = ""
    problem: str = ""

    @property
    def id(self) -> str:
        """How people name it: ``partition:offset`` on moengage.dead-letters."""
        return f"{self.partition}:{self.offset}"

    @property
    def own(self) -> dict[str, str]:
        """The refused record's headers as text."""
        return {name: (value or b"").decode(errors="replace") for name, value in self.headers}

    @property
    def whose(self) -> str:
        """The customer id; in a letter of an earlier stage, the contact's or the company's id."""
        return split_scope(self.key.decode(errors="replace"))[1]

    def configuration(self, default: str) -> str:
        """The configuration that the record names; ``default`` where it names none."""
        return self.own.get("config") or default

    @property
    def what(self) -> str:
        """An event's name, or Intercom's topic; ``""`` of a user."""
        own = self.own
        return own.get("name") or own.get("topic", "")

    @property
    def parked(self) -> bool:
        """Whether nobody refused it: it only came behind a letter of the same customer."""
        return self.reason == PARKED

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        return (
            len(self.key)
            + len(self.value or b"")
            + sum(len(name) + len(value or b"") for name, value in self.headers)
        )

    @property
    def fingerprint(self) -> int:
        """Which record it is, in 64 bits: where that stood, and what it was.

        A worker that crashes may write a letter twice: both have the same fingerprint, and are settled
        as one. A record that is redriven and refused again has another place, and so another one.
        """
        digest = hashlib.blake2b(digest_size=8)
        here = (self.partition, self.offset) if self.problem else ()
        place = (self.topic, self.source_partition, self.source_offset, *here)
        for part in (repr(place).encode(), self.key, self.value or b"", *_flat(self.headers)):
            digest.update(b"%d:" % len(part))
            digest.update(part)
        return int.from_bytes(digest.digest(), "big")

    def redriven(self, run: str, at_ms: int) -> Outgoing:
        """The record as it was, for the topic that it came from, with the word that it was redriven."""
        own = [(name, value) for name, value in self.headers if not name.startswith(REDRIVE)]
        return Outgoing(
            self.topic,
            self.key,
            self.value,
            [
                *own,
                (f"{REDRIVE}letter", self.id.encode()),
                (f"{REDRIVE}at", b"%d" % at_ms),
                (f"{REDRIVE}run", run.encode()),
                (f"{REDRIVE}times", b"%d" % (self.redriven_before + 1)),
            ],
            # Without a key there is no order to keep, and nothing else that says where it belongs.
            partition=None if self.key else self.source_partition,
        )

    @property
    def redriven_before(self) -> int:
        """How often the record had been redriven when it was refused this time."""
        times = self.own.get(f"{REDRIVE}times", "")
        return int(times) if times.isascii() and times.isdigit() else 0


def read_letter(record: Any) -> Letter:
    """A letter from a consumer's record, whoever wrote it."""
    headers: Sequence[tuple[str, bytes]] = record.headers
    ours: Mapping[str, bytes] = {
        name.removeprefix(OURS): value for name, value in headers if name.startswith(OURS)
    }
    bare = Letter(
        record.partition,
        record.offset,
        record.key or b"",
        record.value,
        tuple((name, value) for name, value in headers if not name.startswith(OURS)),
    )
    try:
        return Letter(
            bare.partition, bare.offset, bare.key, bare.value, bare.headers,
            stage=ours["stage"].decode(),
            reason=ours["reason"].decode(),
            topic=ours["topic"].decode(),
            source_partition=int(ours["partition"]),
            source_offset=int(ours["offset"]),
            failed_at=int(ours["failed_at"]),
            status=_number(ours, "answer_status"),
            request_id=_text(ours, "request_id"),
            attempts=_number(ours, "attempts"),
            first_status=_number(ours, "first_status"),
            first_message=_text(ours, "first_message"),
        )  # fmt: skip
    except KeyError as error:
        problem = f"no dead letter: header {OURS}{error.args[0]} is missing"
    except (AttributeError, TypeError, ValueError):  # a header may come without a value
        problem = "no dead letter: a header cannot be read"
    return Letter(bare.partition, bare.offset, bare.key, bare.value, bare.headers, problem=problem)


def _number(ours: Mapping[str, bytes], name: str) -> int | None:
    return int(ours[name]) if name in ours else None


def _text(ours: Mapping[str, bytes], name: str) -> str:
    return ours.get(name, b"").decode()


def _flat(headers: Iterable[tuple[str, bytes]]) -> Iterable[bytes]:
    for name, value in headers:
        yield name.encode()
        yield value or b""
