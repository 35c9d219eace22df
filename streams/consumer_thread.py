"""Faust's consumer thread, and what the rest must know of it: is it alive, does its group count us in?

The broker takes the partitions of a worker from which it hears nothing for ``session_timeout_s``. One
that was held up for so long (stopped, suspended, cut off) and goes on does not know yet; what it writes
then comes after its successor's. So whoever is about to put something out asks ``in_group`` first:
whether the last heartbeat that was answered is recent enough for the partitions to be ours still.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import OffsetAndMetadata, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.threads import WorkerThread

#: The part of the session time-out for which a heartbeat's answer counts; the rest is for what is put out
#: to get there.
LEASE_PART = 0.75

log = logging.getLogger(__name__)


def lease_clock() -> float:
    """Seconds that also pass while the machine sleeps, where it can tell."""
    boot: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class _DaemonThread(WorkerThread):
    """A thread that does not keep a process alive whose broker is away and whose stop timed out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.daemon = True


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, whose wait for records can be cut short from the main loop."""

    Worker = _DaemonThread

    #: Called in this thread when the group has answered a heartbeat, or has cast us out.
    on_group: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Metadata for the next commit, by partition.
        self.notes: Mapping[TP, str] = {}
        #: Least seconds between two fetches from one broker.
        self.linger_s = 0.0

    async def on_start(self) -> None:
        self._wake = asyncio.Event()
        self._heard_at = lease_clock()
        await super().on_start()
        self._hear_heartbeats()
        self._space_fetches()

    def wake(self) -> None:
        """End the present wait for records, or the next one. From any thread."""
        if getattr(self, "_wake", None) is not None:
            self._soon(self._wake.set)

    # -- the group --------------------------------------------------------------------------------

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._heard_at = lease_clock()  # a join ended well, so the group has just heard of us
        await super().on_partitions_assigned(assigned, generation_id)

    @property
    def in_group(self) -> bool:
        """Whether the group counts us in for certain. From any thread."""
        lease_s = LEASE_PART * self.app.conf.broker_session_timeout
        return not self.cast_out and lease_clock() < self._heard_at + lease_s

    @property
    def cast_out(self) -> bool:
        """Whether the group has told that it does not know us any more. From any thread."""
        coordinator = None if self._consumer is None else self._consumer._coordinator
        return coordinator is not None and coordinator.generation == driver.DEFAULT_GENERATION_ID

    def _hear_heartbeats(self) -> None:
        coordinator = self._ensure_consumer()._coordinator
        beat = coordinator._do_heartbeat

        async def heard() -> bool:
            sent_at = lease_clock()
            answered: bool = await beat()
            if answered:
                self._heard_at = sent_at
            self.on_group()
            return answered

        coordinator._do_heartbeat = heard

    def keep_polling(self) -> None:
        """Say that the worker polls, whatever its partitions wait for. From any thread.

        A consumer that fetches nothing for the poll interval leaves its group. Waiting for MoEngage is
        no reason to leave; a worker that does stand still is found out by streams.progress. An error that
        the coordinator holds out to whoever polls is taken here: Faust never asks, and until somebody
        does the coordinator waits, for ever.
        """
        self._soon(self._poll)

    def _poll(self) -> None:
        consumer = self._consumer
        if consumer is None or consumer._closed:
            return
        with consumer._subscription.fetch_context():
            pass
        coordinator = consumer._coordinator
        if coordinator is None or coordinator._coordination_task.done():
            return
        try:
            coordinator.check_errors()
        except KafkaError as error:
            log.warning("the group's coordinator: %r; trying again", error)

    def ended(self) -> list[str]:
        """The parts that have ended and never come back by themselves. From any thread."""
        consumer = self._consumer
        if self._thread is None or consumer is None or consumer._closed or self.should_stop:
            return [] if self._thread is None or self._thread.is_alive() else ["the consumer's thread"]
        if not self._thread.is_alive():
            return ["the consumer's thread"]
        parts = []
        if consumer._coordinator is not None and consumer._coordinator._coordination_task.done():
            parts.append("the consumer's part in its group")
        if consumer._fetcher is not None and consumer._fetcher._fetch_task.done():
            parts.append("the consumer's fetching")
        return parts

    def next_offset(self, tp: TP) -> int | None:
        """Offset that is read next, as the client has it; None: not known. From any thread."""
        consumer = self._consumer
        subscription = None if consumer is None else consumer._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        state = None if assignment is None else assignment.state_value(tp)
        return None if state is None else state._position

    async def _serve(self) -> None:
        try:
            await super()._serve()
        finally:
            # A request that was under way when the consumer stopped may have connected anew since.
            if self._consumer is not None:
                await self._consumer._client.close()

    # -- commits ----------------------------------------------------------------------------------

    async def committed_metadata(self, tps: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        """Offset and metadata of the last commit of each partition that has one."""
        found: dict[Any, Any] = await self.call_thread(
            self._ensure_consumer()._coordinator.fetch_committed_offsets,
            [TopicPartition(*tp) for tp in tps],
        )
        return {TP(*place): (commit.offset, commit.metadata or "") for place, commit in found.items()}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """As in Faust, with metadata; Faust's own writes "" there."""
        commits = {
            TopicPartition(*tp): OffsetAndMetadata(at, self.notes.get(tp, ""))
            for tp, at in offsets.items()
            if tp in self.assignment()
        }
        try:
            await self._ensure_consumer().commit(commits)
        except CommitFailedError as error:
            if "already rebalanced" not in str(error):
                await self.crash(error)
            return False
        except KafkaError as error:
            await self.crash(error)
            return False
        return True

    # -- fetching ---------------------------------------------------------------------------------

    def _space_fetches(self) -> None:
        """Let a broker gather for ``linger_s`` what it hands out.

        A pause before records are taken would do worse: the client fetches as soon as some were taken,
        and not again until all of that was; what came in during the pause would wait for the next one.
        """
        fetcher = self._ensure_consumer()._fetcher
        fetch = fetcher._proc_fetch_request
        asked_at: dict[Any, float] = {}

        async def spaced(assignment: Any, node: Any, request: Any) -> Any:
            pause = asked_at.get(node, 0.0) + self.linger_s - time.monotonic()
            if pause > 0:
                try:
                    await asyncio.sleep(pause)
                except asyncio.CancelledError:
                    return False  # as aiokafka's own does: nobody wants the records any more
            asked_at[node] = time.monotonic()
            return await fetch(assignment, node, request)

        fetcher._proc_fetch_request = spaced

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Mapping[TP, list[Any]]:
        if self._wake.is_set():
            self._wake.clear()
            timeout = 0
        fetch = asyncio.ensure_future(
            super()._fetch_records(consumer, active_partitions, timeout, max_records)
        )
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({fetch, woken}, return_when=asyncio.FIRST_COMPLETED)
            if not fetch.done():
                # Records are taken out of the fetcher without an await in between: a fetch that is
                # cancelled while it waits has taken none.
                self._wake.clear()
                fetch.cancel()
                await asyncio.wait({fetch})
                if fetch.cancelled():
                    return {}
            return fetch.result()
        finally:
            woken.cancel()
            if not fetch.done():
                fetch.cancel()

    def _soon(self, call: Callable[[], object]) -> None:
        try:
            self.thread_loop.call_soon_threadsafe(call)
        except RuntimeError:
            pass  # the thread has ended, which streams.progress finds out
