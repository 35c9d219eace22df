"""State as a stage sees it: the table's rows of one partition, and the changes of this chunk on top.

Pure stages get a State; the runner writes ``changes`` down after the outputs are confirmed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol


class Rows(Protocol):
    """Read access to the rows of one partition of a table."""

    def get(self, key: bytes) -> bytes | None:
        """The row, or None."""
        ...

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Rows whose keys begin with ``prefix``, in the order of their keys."""
        ...


class State:
    """A view of ``rows`` that takes changes without writing them."""

    __slots__ = ("_rows", "changes")

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        #: Key to new row; None deletes it. The last value of a key is the one that counts.
        self.changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The row as of now."""
        if key in self.changes:
            return self.changes[key]
        return self._rows.get(key)

    def put(self, key: bytes, row: bytes) -> None:
        """Set a row."""
        self.changes[key] = row

    def delete(self, key: bytes) -> None:
        """Remove a row; its changelog record is a tombstone."""
        self.changes[key] = None

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Rows whose keys begin with ``prefix``, as of now, in the order of their keys."""
        merged: dict[bytes, bytes | None] = dict(self._rows.scan(prefix))
        merged.update((k, v) for k, v in self.changes.items() if k.startswith(prefix))
        for key in sorted(merged):
            row = merged[key]
            if row is not None:
                yield key, row


class DictRows:
    """Rows in a dictionary: for tests, for previews, and under the memory store."""

    def __init__(self, rows: Mapping[bytes, bytes] | None = None) -> None:
        self.rows: dict[bytes, bytes] = dict(rows or {})

    def get(self, key: bytes) -> bytes | None:
        """See Rows."""
        return self.rows.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See Rows."""
        for key in sorted(key for key in self.rows if key.startswith(prefix)):
            yield key, self.rows[key]

    def apply(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write changes down."""
        for key, row in changes.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row
