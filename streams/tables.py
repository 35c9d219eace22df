"""Tables in chunks: Faust's tables for assignment, changelogs and recovery; our own way to write.

Setting a key of a Faust table costs about a millisecond, most of it for the one changelog record. A
stage's changes are written in two steps instead: their changelog records go out with the outputs'
publisher, one batch a partition; once confirmed, rows and the changelog offset go into the local store
in one write. The store is never ahead of the changelog, nor the changelog of the outputs.

Changelog records say who owned the partition, and those of a former owner that came late do not count
(streams.ownership, docs/decisions/0018-liveness.md).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import faust
from faust.stores.rocksdb import Store as RocksStore
from faust.tables.table import Table
from faust.types import TP
from rocksdict import WriteBatch

from streams.chunks import Place
from streams.errors import ForeignWriter
from streams.ownership import HEADER, Owner, Succession, decoded, owner_of
from streams.publishing import Outgoing, Publisher
from streams.state import Rows

#: Where a partition's RocksDB keeps the youngest owner of its changelog that it knows.
OWNER_KEY = b"__moebridge\0owner__"

#: What a partition's RocksDB holds besides rows.
_NOT_ROWS = (OWNER_KEY, RocksStore.offset_key)

log = logging.getLogger(__name__)


class ChunkTable(Table[bytes, bytes]):
    """A Faust table of raw rows that is read by partition and written by chunk."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._successions: dict[int, Succession] = {}
        self._owners: dict[int, Owner] = {}
        self._next: dict[
            int, int
        ] = {}  # offset of the next changelog record, unless somebody else writes

    def rows(self, partition: int) -> Rows:
        """The rows of one partition."""
        if isinstance(self.data, RocksStore):
            return RocksRows(self.data._db_for_partition(partition))
        return MemoryRows(self.data, partition)

    # -- recovery, as Faust calls it ----------------------------------------------------------------

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Partitions moved: what is known of their changelogs is read anew."""
        self._successions.clear()
        self._owners.clear()
        self._next.clear()
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Take in changelog records, but for those that came late."""
        counting, seen, late = [], set(), 0
        for event in batch:
            message = event.message
            seen.add(message.tp)
            succession = self._succession(message.partition)
            if succession.counts(message.key, message.offset, owner_of(message.headers)):
                counting.append(event)
            else:
                late += 1
        if late:
            log.warning("%s: %d changelog records of former owners came late", self.name, late)
        super().apply_changelog_batch(counting)
        if isinstance(self.data, RocksStore):
            for tp in seen:
                self._note(self.data, tp)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """The rows are there: from here on the changelogs' partitions are ours."""
        tables: Any = self.app.tables
        recovery = tables.recovery
        for tp in active_tps:
            read = (recovery.active_highwaters[tp], recovery.active_offsets[tp], -1)
            end = self._next[tp.partition] = max(last for last in read if last is not None) + 1
            succession = self._succession(tp.partition)
            self._owners[tp.partition] = succession.take_over(end, self.app.consumer_generation_id)
        await super().on_recovery_completed(active_tps, standby_tps)

    def _succession(self, partition: int) -> Succession:
        succession = self._successions.get(partition)
        if succession is None:
            kept = None
            if isinstance(self.data, RocksStore):
                kept = self.data._db_for_partition(partition).get(OWNER_KEY)
            succession = Succession(None if kept is None else decoded(kept))
            self._successions[partition] = succession
        return succession

    def _note(self, store: Any, tp: TP) -> None:
        """Keep what recovery has learnt. After the rows: a crash in between reads them once more."""
        succession = self._succession(tp.partition)
        if succession.youngest is not None:
            store._db_for_partition(tp.partition).put(OWNER_KEY, succession.youngest.encoded())
        if succession.late:
            # Read again at the next recovery, until the rows were written behind them.
            store.set_persisted_offset(tp, min(succession.late.values()) - 1)

    # -- changes ------------------------------------------------------------------------------------

    async def publish_changes(
        self, changes: Mapping[int, Mapping[bytes, bytes | None]], publisher: Publisher, now_ms: int
    ) -> Mapping[int, int]:
        """Send changes, by partition, to the changelog; once confirmed, each partition's last offset.

        Raises ForeignWriter where somebody else has written there meanwhile: what is in the store may
        not be what the next recovery would read.
        """
        topic = self.changelog_topic_name
        rows_of = {partition: self._with_late(partition, rows) for partition, rows in changes.items()}
        owners = dict(self._owners)
        ends = await publisher.publish(
            (
                Outgoing(topic, key, row, self._headers(partition), partition=partition)
                for partition, rows in rows_of.items()
                for key, row in rows.items()
            ),
            now_ms,
        )
        for partition, rows in rows_of.items():
            # Where ours is another ownership by now, the one that has come late is ourselves.
            if owners.get(partition) == self._owners.get(partition):
                self._check(topic, partition, ends[Place(topic, partition)], len(rows))
        return {partition: ends[Place(topic, partition)] for partition in changes}

    def _headers(self, partition: int) -> tuple[tuple[str, bytes], ...]:
        owner = self._owners.get(partition)
        return () if owner is None else ((HEADER, owner.encoded()),)

    def _with_late(
        self, partition: int, changes: Mapping[bytes, bytes | None]
    ) -> Mapping[bytes, bytes | None]:
        """The changes, and once more the rows whose last changelog record came late."""
        succession = self._successions.get(partition)
        if succession is None or not succession.late:
            return changes
        rows = self.rows(partition)
        return {**{key: rows.get(key) for key in succession.late}, **changes}

    def _check(self, topic: str, partition: int, end: int, count: int) -> None:
        expected, first = self._next.get(partition), end - count + 1
        if expected is None:
            return
        self._next[partition] = max(expected, end + 1)
        if first > expected:
            raise ForeignWriter(
                f"{topic}[{partition}]: offsets {expected} to {first - 1} are another worker's; "
                "rows are recovered anew"
            )
        self._succession(partition).late.clear()

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
            if (owner := self._owners.get(partition)) is not None:
                batch.put(OWNER_KEY, owner.encoded())
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
            if key not in _NOT_ROWS:
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
