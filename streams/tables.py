"""Tables in chunks: Faust's tables for assignment, changelogs and recovery; our own way to write.

Setting a key of a Faust table costs about a millisecond, most of it for the one changelog record. A
stage's changes are written in two steps instead: their changelog records go out with the outputs'
publisher, one batch a partition; once confirmed, rows and the changelog offset go into the local store
in one write. The store is never ahead of the changelog, nor the changelog of the outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import faust
from faust.stores.rocksdb import Store as RocksStore
from faust.tables.table import Table
from rocksdict import WriteBatch

from streams.chunks import Place
from streams.publishing import Outgoing, Publisher
from streams.state import Rows


class ChunkTable(Table[bytes, bytes]):
    """A Faust table of raw rows that is read by partition and written by chunk."""

    def rows(self, partition: int) -> Rows:
        """The rows of one partition."""
        if isinstance(self.data, RocksStore):
            return RocksRows(self.data._db_for_partition(partition))
        return MemoryRows(self.data, partition)

    async def publish_changes(
        self, changes: Mapping[int, Mapping[bytes, bytes | None]], publisher: Publisher, now_ms: int
    ) -> Mapping[int, int]:
        """Send changes, by partition, to the changelog; once confirmed, each partition's last offset."""
        topic = self.changelog_topic_name
        ends = await publisher.publish(
            (
                Outgoing(topic, key, row, partition=partition)
                for partition, rows in changes.items()
                for key, row in rows.items()
            ),
            now_ms,
        )
        return {partition: ends[Place(topic, partition)] for partition in changes}

    def write(self, partition: int, changes: Mapping[bytes, bytes | None], changelog_end: int) -> None:
        """Write confirmed changes down, with the changelog offset that they reach to."""
        if isinstance(self.data, RocksStore):
            batch = WriteBatch(raw_mode=True)
            for key, row in changes.items():
                if row is None:
                    batch.delete(key)
                else:
                    batch.put(key, row)
            batch.put(RocksStore.offset_key, str(changelog_end).encode())
            self.data._db_for_partition(partition).write(batch)
            return
        store: Any = self.data
        rows, places = store.data, store._key_partition
        for key, row in changes.items():
            if row is None:
                rows.pop(key, None)
                places.pop(key, None)
            else:
                rows[key] = row
                places[key] = partition


class RocksRows:
    """Rows in a partition's RocksDB."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def get(self, key: bytes) -> bytes | None:
        """See Rows."""
        row: bytes | None = self._db.get(key)
        return row

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See Rows."""
        for key, row in self._db.items(from_key=prefix):
            if not key.startswith(prefix):
                return
            yield key, row


class MemoryRows:
    """Rows of a partition in Faust's memory store, which holds all partitions together."""

    def __init__(self, store: Any, partition: int) -> None:
        self._store = store
        self._partition = partition

    def get(self, key: bytes) -> bytes | None:
        """See Rows."""
        if self._store._key_partition.get(key) != self._partition:
            return None
        row: bytes = self._store.data[key]
        return row

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See Rows."""
        places = self._store._key_partition
        for key in sorted(k for k in self._store.data if k.startswith(prefix)):
            if places.get(key) == self._partition:
                yield key, self._store.data[key]


def make_table(app: faust.App, name: str) -> ChunkTable:
    """Declare a table of raw rows."""
    table = ChunkTable(
        app, name=name, key_type=bytes, value_type=bytes
    )  # fmt: skip
    app.tables.add(table)
    return table
