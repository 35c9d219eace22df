"""The chunk transport: Faust's aiokafka driver, handing over one event per partition and poll.

Faust spends some 160 µs on every message between the consumer and the agent. This driver, registered
beside Faust's own under ``chunks://``, gives it one message per partition and poll that carries the
list of raw records, so that price is paid once a chunk. Changelog topics stay message by message,
for table recovery.

It also takes acknowledging out of Faust's hands. Faust acks an event whenever its agent's iterator
goes on, even on an exception; here Faust's acks count for nothing, and what is committed is exactly
what the ledger (streams.chunks) says is done. What this relies on in Faust, and the tests that guard
it: docs/decisions/0002-chunk-transport.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from faust import Schema
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service

from streams.chunks import Chunk, Ledger, Place, Standing
from streams.consumer_thread import ChunkConsumerThread
from streams.strays import Strays

SCHEME = "chunks"

#: Within how many seconds what a stage has done is committed. What comes of doing it again is dropped, by
#: its own rows or the next stage's; what MoEngage has taken is committed at once.
COMMIT_WITHIN_S = 0.1

#: How long partitions that are given back, or a stop, wait for a commit, in seconds.
COMMIT_S = 5.0

log = logging.getLogger(__name__)


class ChunkSchema(Schema[Any, Any]):
    """Hands the chunk through: keys and values are decoded by the stages."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """Chunks have no key."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """The chunk itself."""
        return message.value


class ChunkConsumer(driver.Consumer):
    """A consumer whose unit is the chunk and whose truth about progress is the ledger."""

    #: Seconds that a rebalance or a stop waits for chunks in work before it takes them back.
    grace_s: float = 10.0
    #: Least seconds between two fetches from a broker, unless there is a backlog. A fetch and the poll
    #: that takes it cost the same whatever they bring: what arrives meanwhile is better brought together.
    linger_s: float = 0.0
    _thread: ChunkConsumerThread
    #: Called when partitions are about to be given back (drain), and once the wait is over (drop).
    on_drain: Callable[[], None]
    on_drop: Callable[[], Awaitable[None]]
    #: Asked at a commit: what is done of a partition ahead of the offset. It becomes the metadata.
    on_commit: Callable[[Place], str]
    #: Called when a lost chunk or record is fetched again.
    on_lost: Callable[[], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ledger = Ledger(room=self.app.conf.broker_max_poll_records or 500)
        self._progressed = asyncio.Event()  # something was marked done
        self._commit_due = asyncio.Event()
        self._commit_at_once = asyncio.Event()
        self._gap_checked: dict[Place, int] = {}
        self._left_off: dict[Place, str] = {}
        self._noted: set[Place] = set()
        self._polled_at = 0.0
        self._short_of_room = False  # the last fetch left partitions out
        self._giving_back = False
        self._group_told = asyncio.Event()
        self._seeking = asyncio.Lock()  # held while the partitions go back to what is committed
        self._strays = Strays()
        self._lost: dict[Place, int] = {}
        #: Polls so far, and whether partitions are assigned, recovered or not.
        self.polls = 0
        self.joined = False
        self.on_drain = lambda: None
        self.on_drop = _nothing
        self.on_commit = lambda place: ""
        self.on_lost = lambda: None

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        thread = ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)
        loop = self.loop

        def told() -> None:
            with suppress(RuntimeError):  # the loop has ended; nobody waits any more
                loop.call_soon_threadsafe(self._group_told.set)

        thread.on_group = told
        return thread

    # -- fetching -------------------------------------------------------------------------------

    def stop_flow(self) -> None:
        self._giving_back = True
        self.joined = False
        super().stop_flow()
        self._thread.wake()

    def _fetchable(self, active: Iterable[TP]) -> set[TP]:
        """Changelogs always; a source only once tables are recovered, and while it has room.

        Faust resumes source partitions before it clears the stream queues at the end of a recovery,
        which loses what was fetched in between; so nothing is fetched before ``actives_ready``.
        """
        ready = self.app.tables.actives_ready
        return {
            tp
            for tp in active
            if self._is_changelog_tp(tp) or (ready and self.ledger.has_room(Place(*tp)))
        }

    async def _wait_next_records(self, timeout: float) -> Any:
        self.polls += 1
        return await super()._wait_next_records(timeout)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, Any]:
        if active_partitions is None:
            return await super()._getmany(active_partitions, timeout)
        await self._go_back()
        wanted = self._fetchable(active_partitions)
        self._short_of_room = len(wanted) < len(active_partitions)
        if not wanted:
            self._progressed.clear()
            try:
                async with asyncio.timeout(0.05 if not self.app.tables.actives_ready else timeout):
                    await self._progressed.wait()
            except TimeoutError:
                pass
            return {}
        pause = self._polled_at + self.linger_s / 2 - self.loop.time()  # other brokers may answer too
        if pause > 0:
            await asyncio.sleep(pause)
        async with self._seeking:  # the positions are about to be read off; a fetch would move them on
            epoch = self.ledger.epoch
        fetched = await self._thread.getmany(wanted, timeout)
        if not fetched:
            return {}
        if epoch != self.ledger.epoch:
            # Partitions moved while the fetch was out; these records may be anyone's by now.
            with suppress(IllegalStateError, AssertionError):  # moved again; recovery will go back
                await self.perform_seek()
            return {}
        result: dict[TP, list[Any]] = {}
        for fetched_tp, records in fetched.items():
            tp = TP(fetched_tp.topic, fetched_tp.partition)
            if self._is_changelog_tp(tp):
                result[tp] = records
            elif (chunk := await self._enter(tp, records)) is not None:
                result[tp] = [chunk]
        is_backlog = sum(map(len, fetched.values())) >= self.ledger.room // 2
        self._thread.linger_s = 0.0 if is_backlog else self.linger_s
        if not is_backlog:
            self._polled_at = self.loop.time()
        return result

    async def _enter(self, tp: TP, records: list[Any]) -> Chunk | None:
        place = Place(*tp)
        if self.ledger.goes_back(place, records[0].offset):
            log.error(
                "%s[%d]: the log was cut and goes on at offset %d; reading from there",
                tp.topic, tp.partition, records[0].offset,
            )  # fmt: skip
            self.ledger.rewind(place, records[0].offset)
        expected = self.ledger.gap_before(place, records[0].offset)
        if expected is not None:
            if self._gap_checked.get(place) != expected:
                # Something between the broker and here left records out: look once more.
                self._gap_checked[place] = expected
                with suppress(IllegalStateError):  # a rebalance; recovery will go back
                    await self._thread.seek_wait({tp: expected})
                return None
            log.warning(
                "%s[%d]: offsets %d to %d do not exist any more; going on",
                tp.topic, tp.partition, expected, records[0].offset - 1,
            )  # fmt: skip
            self.ledger.skip_to(place, records[0].offset)
        return self.ledger.enter(place, records)

    def _to_message(self, tp: TP, record: Any) -> Any:
        if not isinstance(record, Chunk):
            return super()._to_message(tp, record)
        last = record.records[-1]
        value: Any = record
        return ConsumerMessage(
            tp.topic, tp.partition, record.first, last.timestamp / 1000, last.timestamp_type,
            None, None, value, None, 0, 0, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Faust sees chunks by their first offset; what looks like a gap to it is the chunk."""

    # -- what got lost --------------------------------------------------------------------------

    def standings(self) -> dict[Place, Standing]:
        """Where the partitions of sources stand that are assigned, also those that had no record yet."""
        books = self.ledger.standings()
        nothing = Standing(None, None, None, 0)
        standings = {}
        for tp in self.assignment():
            if not self._is_changelog_tp(tp):
                place = Place(*tp)
                standing = books.get(place, nothing)
                # Read twice, and twice nothing was there: what a transaction leaves at the log's end.
                empty = not standing.out and self._gap_checked.get(place) == standing.expected
                if standing.expected is None or empty:
                    standing = standing._replace(expected=self._thread.next_offset(tp))
                standings[place] = standing
        return standings

    def find_lost(self, now_s: float) -> None:
        """Look whether something got lost on the way here or from here to a stage; once in a while."""
        if self._giving_back or self.ledger.closed or not self.app.tables.actives_ready:
            self._strays = Strays()
            return
        books = self.ledger.standings()
        positions = {place: self._thread.next_offset(TP(*place)) for place in books}
        self._lost.update(self._strays.look(now_s, books, positions))

    async def _go_back(self) -> None:
        """Fetch again what got lost. In the fetch loop, so that no fetch is out meanwhile."""
        lost, self._lost = self._lost, {}
        for place, offset in lost.items():
            standing = self.ledger.standings().get(place)
            if standing is None or standing.stray not in (offset, None):
                continue
            if standing.stray is None:
                if standing.out or standing.expected != offset or self._gap_checked.get(place) == offset:
                    continue
                self._gap_checked[place] = offset
            log.warning("%s[%d]: lost on the way from offset %d on; reading again", *place, offset)
            self.on_lost()
            self.ledger.rewind(place, offset)
            with suppress(IllegalStateError):  # a rebalance; recovery will go back
                await self._thread.seek_wait({TP(*place): offset})

    # -- progress -------------------------------------------------------------------------------

    async def in_group(self) -> None:
        """Wait until the group counts us in for certain, or the work in hand is void anyway."""
        epoch = self.ledger.epoch
        while not self._thread.in_group and epoch == self.ledger.epoch:
            if self._thread.cast_out:
                # Somebody else has the partitions. What is in hand is his, before anything else moves.
                self.ledger.give_up()
                return
            self._group_told.clear()
            await self._group_told.wait()

    @Service.task
    async def _keep_polling(self) -> None:
        while not self.should_stop:
            self._thread.keep_polling()
            await self.sleep(min(1.0, self.app.conf.broker_max_poll_interval / 4))

    def arrived(self, chunk: Chunk) -> None:
        """A stage has the chunk in hand."""
        self.ledger.arrived(chunk)

    def begin(self, chunk: Chunk) -> bool:
        """A stage wants to work on the chunk. False: it is void; drop it."""
        return self.ledger.begin(chunk)

    def holds(self, chunk: Chunk) -> bool:
        """Whether the chunk still counts."""
        return self.ledger.holds(chunk)

    def advance(self, chunk: Chunk, offset: int) -> None:
        """A stage has everything of the chunk below ``offset`` behind it, confirmed."""
        self.ledger.advance(chunk, offset)
        self._moved_on()
        self._commit_due.set()

    def note(self, place: Place) -> None:
        """Something is done that must not be done again, maybe ahead of what can be committed.

        It is committed at once; the commit says what is done ahead (``on_commit``).
        """
        self._noted.add(place)
        self._commit_due.set()
        self._commit_at_once.set()

    def left_off(self, place: Place) -> str:
        """The metadata of the commit at which this partition was taken over."""
        return self._left_off.get(place, "")

    def give_back(self, chunks: Iterable[Chunk]) -> None:
        """No stage works on these any further."""
        self.ledger.give_back(chunks)
        self._progressed.set()

    @Service.task
    async def _commit_when_done(self) -> None:
        """Commit what is done, soon or at once; what comes due meanwhile shares the next commit."""
        while not self.should_stop:
            await self._commit_due.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(COMMIT_WITHIN_S):
                    await self._commit_at_once.wait()
            self._commit_due.clear()
            self._commit_at_once.clear()
            await self.commit()

    async def maybe_wait_for_commit_to_finish(self) -> bool:
        """As in Faust, whose own swallows the cancellation of whoever waits."""
        if self._commit_fut is None:
            return False
        await asyncio.wait({self._commit_fut})
        return True

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what the ledger says is done: exactly the ends of finished work."""
        self._acked.clear()
        self._acked_index.clear()
        assignment = self.assignment()
        offsets = {p: at for p, at in self.ledger.committable().items() if TP(*p) in assignment}
        for place in self._noted:
            if (at := self.ledger.position(place)) is not None and TP(*place) in assignment:
                offsets[place] = at
        if not offsets:
            return False
        noted, self._noted = self._noted, set()
        self._thread.notes = {TP(*place): self.on_commit(place) for place in offsets}
        confirmed = await self._commit({TP(*place): at for place, at in offsets.items()})
        if not confirmed:
            self._noted |= noted
        else:
            self.ledger.committed(offsets)
            self._moved_on()
        return confirmed

    def _moved_on(self) -> None:
        """There may be room again. A fetch that left nothing out need not end for that."""
        self._progressed.set()
        if self._short_of_room:
            self._thread.wake()

    # -- giving partitions back -----------------------------------------------------------------

    async def wait_empty(self) -> None:
        """Let chunks in work finish, for at most ``grace_s``; take back the rest; commit."""
        self.ledger.closed = True
        self.on_drain()
        # Nobody waits for work that is somebody else's already.
        grace_s = 0.0 if self._thread.cast_out else self.grace_s
        try:
            async with asyncio.timeout(grace_s):
                while not self.ledger.idle:
                    self._progressed.clear()
                    await self._progressed.wait()
        except TimeoutError:
            log.warning("work in hand did not end within %.1f s; giving it back undone", grace_s)
        try:
            async with asyncio.timeout(COMMIT_S):
                await self.maybe_wait_for_commit_to_finish()  # it may not have the latest
                await self.commit_and_end_transactions()
        except TimeoutError:
            log.warning("no commit within %.0f s; what was done will come again", COMMIT_S)
        self.ledger.give_up()
        self._group_told.set()  # who waits for the group drops its work
        await self.on_drop()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._giving_back = False
        self.joined = True
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.joined = False
        await super().on_partitions_revoked(revoked)
        self.ledger.forget(Place(*tp) for tp in revoked)

    async def perform_seek(self) -> None:
        """Go back to the committed offsets; whatever was fetched or begun before is void."""
        if self._giving_back:
            # Faust's fetch loop, woken by the beginning of a rebalance. Going back now would void the
            # work that wait_empty is waiting for; recovery goes back at the rebalance's end.
            return
        self.ledger.epoch += 1
        async with self._seeking:
            await self._seek_to_committed()

    async def _seek_to_committed(self) -> None:
        self._noted.clear()
        await super().perform_seek()
        sources = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
        # aiokafka leaves the position of a partition without a commit, or committed at 0, where it is.
        fresh = [TopicPartition(*tp) for tp in sources if not self._read_offset[tp]]
        if fresh:
            await self._thread.seek_to_beginning(*fresh)
        metadata = await self._thread.committed_metadata(sources)
        self._left_off = {
            Place(*tp): text for tp, (at, text) in metadata.items() if at == self._read_offset[tp]
        }
        # Without a commit, where the log begins: records that got lost right there would not be missed.
        begins = {tp: self._read_offset[tp] or self._thread.next_offset(tp) for tp in sources}
        self.ledger.restart({Place(*tp): begins[tp] for tp in sources})
        self._gap_checked.clear()
        self._lost.clear()
        self._progressed.set()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's own watchdog reads its acks, which mean nothing here; streams.progress does it."""


async def _nothing() -> None:
    """No one has anything to drop."""


class ChunkTransport(driver.Transport):
    """Faust's aiokafka transport with chunks."""

    Consumer = ChunkConsumer


def register() -> None:
    """Make ``chunks://host:port`` a broker address that Faust understands."""
    TRANSPORTS.aliases[SCHEME] = "streams.transport:ChunkTransport"
