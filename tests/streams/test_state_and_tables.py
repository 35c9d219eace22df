"""State as the stages see it, and the same behaviour from every kind of rows under it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import faust
import pytest
from faust.stores.rocksdb import Store as RocksStore
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from events.rows import member_key, members_prefix
from streams.app import AppConfig, StoreKind, make_app
from streams.chunks import Place
from streams.publishing import Outgoing
from streams.state import DictRows, Rows, State
from streams.tables import ChunkTable, make_table

PARTITION = 3
OTHER = 4
Changes = Mapping[bytes, bytes | None]

ROWS: dict[bytes, bytes] = {
    b"a": b"1",
    member_key("k1", "c2"): b"+2",
    member_key("k1", "c1"): b"+1",
    members_prefix("k1") + b"\xff\xff": b"+9",
    member_key("k10", "c1"): b"+3",
    member_key("k2", "c1"): b"+4",
    b"\xff\xff": b"end",
}


class FakePublisher:
    """Confirms everything, and remembers it."""

    def __init__(self, first_offset: int = 0) -> None:
        self.records: list[Outgoing] = []
        self.next = first_offset

    async def publish(self, records: object, now_ms: int) -> Mapping[Place, int]:
        batch: list[Outgoing] = list(records)  # type: ignore[call-overload]
        self.records += batch
        self.next += len(batch)
        return {Place(batch[-1].topic, batch[-1].partition or 0): self.next - 1}


def table_of(folder: Path, store: StoreKind) -> ChunkTable:
    app: faust.App = make_app(AppConfig("bridge", "localhost:1", folder, store=store))
    table = make_table(app, "companies")
    app.finalize()
    return table


@pytest.fixture(params=["dict", "memory", "rocksdb"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Rows, Callable[[Changes], None]]]:
    """Rows of one partition, and how to write to them."""
    if request.param == "dict":
        rows = DictRows()
        yield rows, rows.apply
        return
    table = table_of(tmp_path, request.param)
    table.write(OTHER, {member_key("k1", "c7"): b"+7", b"of another partition": b"x"}, 0)
    yield table.rows(PARTITION), lambda changes: table.write(PARTITION, changes, 1)
    close(table)


def close(table: ChunkTable) -> None:
    if isinstance(table.data, RocksStore):
        for db in table.data._dbs.values():
            db.close()


def test_rows_are_what_was_written(store: tuple[Rows, Callable[[Changes], None]]) -> None:
    rows, write = store
    assert rows.get(b"a") is None
    write(ROWS)
    assert {key: rows.get(key) for key in ROWS} == ROWS
    write({b"a": b"2", b"\xff\xff": b""})
    assert (rows.get(b"a"), rows.get(b"\xff\xff")) == (b"2", b"")


def test_rows_of_another_partition_are_not_ours(
    store: tuple[Rows, Callable[[Changes], None]],
) -> None:
    rows, write = store
    write(ROWS)
    assert rows.get(b"of another partition") is None
    assert member_key("k1", "c7") not in dict(rows.scan(b"m"))


def test_a_tombstone_removes_a_row(store: tuple[Rows, Callable[[Changes], None]]) -> None:
    rows, write = store
    write(ROWS)
    write({b"a": None, member_key("k1", "c1"): None, b"never there": None})
    assert rows.get(b"a") is None
    assert member_key("k1", "c1") not in dict(rows.scan(b"m"))
    write({b"a": b"again"})
    assert rows.get(b"a") == b"again"


@pytest.mark.parametrize("prefix", [members_prefix("k1"), b"m", b"a", b"\xff", b"zz", b""])
def test_a_scan_gives_a_prefix_in_the_order_of_keys(
    store: tuple[Rows, Callable[[Changes], None]], prefix: bytes
) -> None:
    rows, write = store
    write(ROWS)
    expected = sorted((key, row) for key, row in ROWS.items() if key.startswith(prefix))
    assert list(rows.scan(prefix)) == expected


def test_changes_lie_on_top(store: tuple[Rows, Callable[[Changes], None]]) -> None:
    rows, write = store
    write(ROWS)
    state = State(rows)
    state.put(member_key("k1", "c0"), b"+0")
    state.put(member_key("k1", "c2"), b"-5")
    state.delete(member_key("k1", "c1"))
    assert state.get(member_key("k1", "c0")) == b"+0"
    assert state.get(member_key("k1", "c1")) is None
    assert state.get(b"a") == b"1"
    assert list(state.scan(members_prefix("k1"))) == [
        (member_key("k1", "c0"), b"+0"),
        (member_key("k1", "c2"), b"-5"),
        (members_prefix("k1") + b"\xff\xff", b"+9"),
    ]
    assert rows.get(member_key("k1", "c2")) == b"+2"  # nothing was written yet
    write(state.changes)
    assert list(rows.scan(members_prefix("k1"))) == list(state.scan(members_prefix("k1")))


def test_a_member_may_be_added_while_members_are_gone_through(
    store: tuple[Rows, Callable[[Changes], None]],
) -> None:
    rows, write = store
    write(ROWS)
    state = State(rows)
    for key, _ in state.scan(b"m"):
        state.put(key + b"'", b"x")
    assert len(state.changes) == 5


keys = st.binary(min_size=1, max_size=3)
values = st.binary(max_size=3)


@given(
    st.dictionaries(keys, values),
    st.lists(st.tuples(keys, st.none() | values), max_size=8),
    st.binary(max_size=2),
)
@settings(deadline=None)
def test_state_is_a_dictionary_with_changes(
    rows: dict[bytes, bytes], changes: list[tuple[bytes, bytes | None]], prefix: bytes
) -> None:
    state, model = State(DictRows(rows)), dict(rows)
    for key, row in changes:
        if row is None:
            state.delete(key)
            model.pop(key, None)
        else:
            state.put(key, row)
            model[key] = row
    assert {key: state.get(key) for key in model} == model
    assert list(state.scan(prefix)) == sorted((k, v) for k, v in model.items() if k.startswith(prefix))
    table = DictRows(rows)
    table.apply(state.changes)
    assert table.rows == model


async def test_changes_go_to_the_changelog_with_their_partition(tmp_path: Path) -> None:
    table = table_of(tmp_path, "memory")
    publisher = FakePublisher(first_offset=40)
    changes = {member_key("k1", "c1"): b"+1", b"gone": None}
    ends = await table.publish_changes({PARTITION: changes}, publisher, 5)
    assert ends == {PARTITION: 41}
    assert [(one.topic, one.key, one.value, one.partition) for one in publisher.records] == [
        ("bridge-companies-changelog", member_key("k1", "c1"), b"+1", PARTITION),
        ("bridge-companies-changelog", b"gone", None, PARTITION),
    ]


def test_rocksdb_remembers_where_the_changelog_was_and_opens_again(tmp_path: Path) -> None:
    """Recovery begins behind the offset that Faust's own store reads back."""
    table = table_of(tmp_path, "rocksdb")
    table.write(PARTITION, ROWS, 41)
    table.write(PARTITION, {b"a": None}, 42)
    close(table)
    again = table_of(tmp_path, "rocksdb")
    store = again.data
    assert isinstance(store, RocksStore)
    assert store.persisted_offset(TP(again.changelog_topic_name, PARTITION)) == 42
    assert again.rows(PARTITION).get(b"a") is None
    assert again.rows(PARTITION).get(b"\xff\xff") == b"end"
    close(again)
