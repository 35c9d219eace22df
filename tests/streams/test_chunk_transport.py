"""What the chunk transport relies on in Faust, on a broker: docs/decisions/0002-chunk-transport.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from faust.types import TP
from small_app import SmallApp, Topic, Work, small_app
from small_app import topic as make_topic

from streams import consumer_thread, transport
from streams.chunks import Chunk, Ledger
from streams.consumer_thread import ChunkConsumerThread
from streams.transport import ChunkConsumer

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

Cancelled = asyncio.CancelledError


@pytest.fixture
async def topic(broker, topic_prefix: str) -> AsyncIterator[Topic]:
    async with make_topic(broker.bootstrap_servers, topic_prefix) as made:
        yield made


async def committed_everything(topic: Topic) -> bool:
    return sum(offset or 0 for offset in (await topic.committed()).values()) == topic.published


async def until_committed(topic: Topic) -> None:
    async with asyncio.timeout(20):
        while not await committed_everything(topic):  # noqa: ASYNC110  # the broker tells nobody
            await asyncio.sleep(0.05)


def never_done(one: SmallApp) -> Work:
    """Work that is seen, and no more."""

    async def work(chunk: Chunk) -> None:
        one.note(chunk)

    return work


def done_after(go_on: asyncio.Event) -> Callable[[SmallApp], Work]:
    """Work that begins at once and is done when the event is set."""

    def slow(one: SmallApp) -> Work:
        async def work(chunk: Chunk) -> None:
            one.note(chunk)
            await go_on.wait()
            one.consumer.advance(chunk, chunk.end)

        return work

    return slow


async def test_an_agent_gets_one_chunk_per_partition_and_poll(topic: Topic, tmp_path: Path) -> None:
    await topic.publish(3000)
    async with small_app(topic, tmp_path) as one:
        await one.until(lambda: len(one.seen) == 3000)
        assert all(isinstance(chunk, Chunk) for chunk in one.chunks)
        assert set(one.seen.values()) == {1}
        assert len(one.chunks) <= 3000 / 20, "records come many at a time"
        assert max(len(chunk.records) for chunk in one.chunks) <= 200
        for chunk in one.chunks:
            offsets = [record.offset for record in chunk.records]
            assert offsets == list(range(chunk.first, chunk.end))
        await until_committed(topic)


async def test_exactly_the_end_of_finished_work_is_committed(topic: Topic, tmp_path: Path) -> None:
    await topic.publish(400)
    reached: dict[int, int] = {}

    def half(one: SmallApp) -> Work:
        async def work(chunk: Chunk) -> None:
            one.note(chunk)
            if chunk.place.partition not in reached:
                reached[chunk.place.partition] = middle = (chunk.first + chunk.end) // 2
                one.consumer.advance(chunk, middle)

        return work

    async with small_app(topic, tmp_path, half, grace_s=0.1) as one:
        await one.until(lambda: len(reached) == 4)
    assert {p: at or 0 for p, at in (await topic.committed()).items()} == reached

    async with small_app(topic, tmp_path) as two:
        await two.until(lambda: len(two.seen) == topic.published - sum(reached.values()))
        assert set(two.seen.values()) == {1}


async def test_a_chunk_that_was_not_finished_is_never_committed(topic: Topic, tmp_path: Path) -> None:
    await topic.publish(100)

    def explode(one: SmallApp) -> Work:
        async def work(chunk: Chunk) -> None:
            one.note(chunk)
            raise RuntimeError("a fault in the stage")

        return work

    async with small_app(topic, tmp_path, explode, grace_s=0.1) as one:
        await one.until(lambda: bool(one.errors))
        await topic.publish(100)  # more to come, which an agent that went on would read
    assert len(one.chunks) == 1
    assert set((await topic.committed()).values()) == {None}

    async with small_app(topic, tmp_path) as two:
        await two.until(lambda: len(two.seen) == 200)


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_a_backlog_survives_recovery_from_the_changelog(
    topic: Topic, tmp_path: Path, store
) -> None:
    await topic.publish(1000)
    async with small_app(topic, tmp_path / "0", store=store) as one:
        await one.until(lambda: len(one.seen) == 1000)
        await until_committed(topic)
    for turn in range(1, 4):
        before = topic.published
        await topic.publish(1000)
        async with small_app(topic, tmp_path / str(turn), store=store) as one:
            await one.until(lambda: len(one.seen) == 1000)
            assert set(one.seen) == {b"value-%d" % n for n in range(before, topic.published)}
            await until_committed(topic)
            rows = [one.table.rows(partition) for partition in range(4)]
            for n in range(0, topic.published, 37):
                found = [value for row in rows if (value := row.get(b"key-%d" % n)) is not None]
                assert found == [b"value-%d" % n]


async def test_nothing_is_lost_when_a_rebalance_comes_before_the_first_commit(
    topic: Topic, tmp_path: Path
) -> None:
    await topic.publish(200)
    may_finish = asyncio.Event()

    def hold(one: SmallApp) -> Work:
        async def work(chunk: Chunk) -> None:
            if may_finish.is_set():
                await one.finish(chunk)
            else:
                one.note(chunk)  # and never says that it is done

        return work

    async with small_app(topic, tmp_path, hold, grace_s=0.1) as one:
        await one.until(lambda: len(one.seen) == 200)
        may_finish.set()
        one.rejoin()
        await one.until(lambda: set(one.seen.values()) == {2})
        await until_committed(topic)


async def test_going_back_without_a_commit_begins_at_the_beginning(topic: Topic, tmp_path: Path) -> None:
    await topic.publish(200)

    async with small_app(topic, tmp_path, never_done, grace_s=0.1) as one:
        await one.until(lambda: len(one.seen) == 200)
        await one.consumer.perform_seek()
        await one.until(lambda: set(one.seen.values()) == {2})


async def test_nothing_is_fetched_in_the_middle_of_going_back(
    topic: Topic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was fetched there would be void, and the position behind it taken for where to begin."""
    await topic.publish(200)

    async with small_app(topic, tmp_path, never_done, grace_s=0.1) as one:
        await one.until(lambda: len(one.seen) == 200)
        entered, middles = asyncio.Event(), []
        enter, metadata = Ledger.enter, one.consumer._thread.committed_metadata

        def entering(ledger: Ledger, *arguments: object) -> Chunk | None:
            entered.set()
            return enter(ledger, *arguments)

        async def in_the_middle(tps: list[TP]) -> dict[TP, tuple[int, str]]:
            middles.append(tps)
            if len(middles) == 1:  # the positions are at the beginning by now
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.5):  # more than a fetch takes
                        await entered.wait()
            return await metadata(tps)

        monkeypatch.setattr(Ledger, "enter", entering)
        monkeypatch.setattr(one.consumer._thread, "committed_metadata", in_the_middle)
        await one.consumer.perform_seek()

        def in_hand() -> set[bytes]:
            chunks = [chunk for chunk in one.chunks if one.consumer.holds(chunk)]
            return {record.value for chunk in chunks for record in chunk.records}

        await one.until(lambda: len(in_hand()) == 200)
        assert middles


def test_sources_wait_until_the_tables_are_ready() -> None:
    source, changelog = TP("contacts", 0), TP("changelog", 0)
    tables = SimpleNamespace(actives_ready=False)
    consumer = SimpleNamespace(
        app=SimpleNamespace(tables=tables),
        ledger=Ledger(room=1),
        _is_changelog_tp=lambda tp: tp is changelog,
    )
    assert ChunkConsumer._fetchable(consumer, {source, changelog}) == {changelog}
    tables.actives_ready = True
    assert ChunkConsumer._fetchable(consumer, {source, changelog}) == {source, changelog}


async def test_partitions_move_without_loss(topic: Topic, tmp_path: Path) -> None:
    async with small_app(topic, tmp_path) as one:
        for _ in range(5):
            publishing = asyncio.create_task(topic.publish(1000))
            one.rejoin()
            await publishing
            done = topic.published
            await one.until(lambda done=done: len(one.seen) == done)
        await until_committed(topic)
        assert one.errors == []


async def test_who_has_no_room_for_records_stays_in_its_group(
    topic: Topic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long, in poll intervals, what is in hand waits for MoEngage."""
    monkeypatch.setattr("streams.app.MAX_POLL_INTERVAL_S", 2.0)
    await topic.publish(2000)

    async with small_app(topic, tmp_path, never_done, grace_s=0.1) as one:
        await one.until(lambda: len(one.seen) >= 4 * 200)
        thread = one.consumer._thread
        coordinator = thread._ensure_consumer()._coordinator
        member, generation = coordinator.member_id, coordinator.generation
        beats = 0
        heard = asyncio.Event()

        def beaten() -> None:
            nonlocal beats
            beats += 1
            heard.set()

        loop = asyncio.get_running_loop()
        thread.on_group = lambda: loop.call_soon_threadsafe(beaten)
        while beats < 5:  # one and a half seconds each
            heard.clear()
            await heard.wait()
        assert (coordinator.member_id, coordinator.generation) == (member, generation)
        assert not thread.cast_out


async def test_a_broker_gathers_for_a_while_what_it_hands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked, paused = 100.0, [], []

    async def fetch(assignment: None, node: int, request: str) -> str:
        asked.append((node, now))
        return f"{request} done"

    async def sleep(seconds: float) -> None:
        nonlocal now
        paused.append(round(seconds, 3))
        now += seconds

    fetcher = SimpleNamespace(_proc_fetch_request=fetch)
    thread = SimpleNamespace(_ensure_consumer=lambda: SimpleNamespace(_fetcher=fetcher), linger_s=0.01)
    ChunkConsumerThread._space_fetches(thread)
    monkeypatch.setattr(consumer_thread, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(
        consumer_thread, "asyncio", SimpleNamespace(sleep=sleep, CancelledError=Cancelled)
    )

    assert await fetcher._proc_fetch_request(None, 1, "a") == "a done"  # nothing was asked for: at once
    now += 0.004
    await fetcher._proc_fetch_request(None, 2, "b")  # another broker
    await fetcher._proc_fetch_request(None, 1, "c")
    now += 0.02
    await fetcher._proc_fetch_request(None, 1, "d")
    thread.linger_s = 0.0  # a backlog
    await fetcher._proc_fetch_request(None, 1, "e")
    assert paused == [0.006]
    assert asked == [(1, 100.0), (2, 100.004), (1, 100.01), (1, 100.03), (1, 100.03)]

    async def cancelled(seconds: float) -> None:
        raise Cancelled

    thread.linger_s = 0.01
    monkeypatch.setattr(consumer_thread.asyncio, "sleep", cancelled)
    assert await fetcher._proc_fetch_request(None, 1, "f") is False
    assert len(asked) == 5


async def test_what_a_stage_did_is_committed_soon_and_what_moengage_took_at_once(
    topic: Topic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "COMMIT_WITHIN_S", 3600.0)
    await topic.publish(100)
    async with small_app(topic, tmp_path) as one:
        await one.until(lambda: len(one.seen) == 100)
        places = {chunk.place for chunk in one.chunks}
        await asyncio.sleep(0.2)  # time for a commit that should not be
        assert set((await topic.committed()).values()) == {None}
        one.consumer.note(next(iter(places)))  # a commit takes along all that is done
        await until_committed(topic)
        await topic.publish(100)
        await one.until(lambda: len(one.seen) == 200)
    assert await committed_everything(topic), "a stop commits"


async def test_a_stop_waits_for_the_chunk_in_work(topic: Topic, tmp_path: Path) -> None:
    await topic.publish(1)
    go_on = asyncio.Event()

    async with small_app(topic, tmp_path, done_after(go_on), grace_s=20) as one:
        await one.until(lambda: len(one.seen) == 1)
        asyncio.get_running_loop().call_later(0.3, go_on.set)
    assert await committed_everything(topic)


async def test_a_rebalance_waits_for_the_chunk_in_work_and_commits_it(
    topic: Topic, tmp_path: Path
) -> None:
    await topic.publish(1)
    go_on = asyncio.Event()

    async with small_app(topic, tmp_path, done_after(go_on), grace_s=20) as one:
        await one.until(lambda: len(one.seen) == 1)
        one.rejoin()
        async with asyncio.timeout(20):
            while not one.consumer.ledger.closed:  # noqa: ASYNC110  # the rebalance waits by now
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # time for whatever would void the chunk
        go_on.set()
        await until_committed(topic)
        assert set(one.seen.values()) == {1}


async def test_no_connection_outlives_a_stop(topic: Topic, tmp_path: Path) -> None:
    async with small_app(topic, tmp_path) as one:
        consumer = one.consumer._thread._ensure_consumer()
        stop, client = consumer.stop, consumer._client

        async def stop_and_connect_anew() -> None:
            await stop()
            assert await client.ready(client.get_random_node())

        consumer.stop = stop_and_connect_anew
    assert not any(connection.connected() for connection in client._conns.values())
