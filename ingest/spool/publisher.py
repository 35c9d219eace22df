"""To the broker while it takes records, to the spool while it does not, and from the spool in order.

While anything is in the spool, every new event goes behind it: one line for all, so that events of one
key reach the broker in the order in which they came.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from events.envelope import Envelope
from events.errors import InvalidRecord
from ingest.errors import BodyTooLarge, BrokerUnavailable
from ingest.metrics import SpoolMetrics
from ingest.publisher import RunningPublisher
from ingest.spool.folder import Contents
from ingest.spool.record import decode
from ingest.spool.spool import Spool

log = logging.getLogger(__name__)

#: Handed on at once, of different keys; of one key, one after the other.
SLICE_EVENTS = 500
#: Between two looks whether the broker takes records again, and after what should not happen, in seconds.
LOOK_S = 0.1
AGAIN_S = 1.0

_Event = tuple[Envelope, bytes]


class SpoolingPublisher:
    """A publisher that takes events while another one, ``broker``, cannot.

    A publish returns when every in-sync replica has the record, or the disk. It raises SpoolUnavailable
    where the broker is away and the spool is full or cannot be written, BodyTooLarge as ``broker`` does.

    What the broker confirmed too late may be there twice, with the same event id: once from the producer,
    which goes on trying, and once from the spool.
    """

    def __init__(self, broker: RunningPublisher, spool: Spool, metrics: SpoolMetrics) -> None:
        self._broker = broker
        self._spool = spool
        self._metrics = metrics
        self._last: dict[bytes, asyncio.Future[None]] = {}  # by key, of those that have no place yet
        self._draining: asyncio.Task[None] | None = None
        metrics.watch(lambda: spool.events, lambda: spool.size)

    @property
    def ready(self) -> bool:
        """Whether a publish has a chance now."""
        return self._spool.takes or (self._broker.ready and not self._spool.events)

    @property
    def broker_up(self) -> bool:
        """Whether the broker takes records."""
        return self._broker.broker_up

    @property
    def spooled(self) -> int:
        """How many events wait in the spool."""
        return self._spool.events

    async def start(self) -> None:
        """Take the spool's folder and begin to connect. Raises SpoolInUse, SpoolUnusable."""
        await self._spool.open()
        self._draining = asyncio.create_task(self._drain(), name="ingest-spool-drain")
        await self._broker.start()

    async def close(self, timeout_s: float) -> None:
        """Stop handing on, disconnect, and let go of the folder; what is in it waits for the next run."""
        draining, self._draining = self._draining, None
        if draining is not None:
            draining.cancel()
            await asyncio.wait({draining})
        await self._broker.close(timeout_s)
        await self._spool.close(timeout_s)

    async def publish(self, envelope: Envelope, key: bytes) -> None:
        """Return once the broker or the disk has the event."""
        before = self._last.get(key)
        placed = self._last[key] = asyncio.get_running_loop().create_future()
        try:
            if await self._published(envelope, key):
                return
            # An earlier event of the key may still be with the broker, and come here too.
            if before is not None:
                await asyncio.wait({before})
            on_disk = self._put(envelope, key)
        finally:
            if before is None or before.done():
                self._placed(key, placed)
            else:
                before.add_done_callback(lambda _: self._placed(key, placed))
        await on_disk
        self._metrics.spooled.inc()

    def _placed(self, key: bytes, last: asyncio.Future[None]) -> None:
        """The broker or the spool has this event of the key, and all before it: nobody waits for it."""
        last.set_result(None)
        if self._last[key] is last:
            del self._last[key]

    async def _published(self, envelope: Envelope, key: bytes) -> bool:
        """Whether the broker has it. It is not asked while others wait for it."""
        if self._spool.events:
            return False
        try:
            await self._broker.publish(envelope, key)
        except BrokerUnavailable as error:
            log.debug("to the spool: %s", error.reason)
            return False
        return True

    def _put(self, envelope: Envelope, key: bytes) -> asyncio.Future[None]:
        first = not self._spool.events
        on_disk = self._spool.put(envelope, key)
        if first:
            self._metrics.oldest_ms = envelope.received_at
            log.warning("the broker takes no records: events wait in the spool, %s", self._spool.path)
        return on_disk

    async def _drain(self) -> None:
        """Hand on what is in the spool, the oldest first, for ever."""
        while True:
            await self._spool.filled.wait()
            self._spool.filled.clear()
            done = 0
            try:
                while (contents := await self._spool.oldest()) is not None:
                    done += await self._hand_on(contents)
            except Exception as error:  # noqa: BLE001 - what is in the spool must not be forgotten there
                reason = error.strerror if isinstance(error, OSError) else type(error).__name__
                log.error("the spool cannot be read (%s); trying again", reason)
                self._spool.filled.set()
                await asyncio.sleep(AGAIN_S)
            if done:
                log.info("handed on %d events from the spool; %d wait", done, self._spool.events)

    async def _hand_on(self, contents: Contents) -> int:
        """Everything of one file to the broker, then the file away; how many events it was."""
        trouble = [contents.unreadable] if contents.unreadable else []
        records: list[tuple[int, _Event]] = []
        for piece in contents.pieces:
            if piece.torn:
                log.info("the last event in the spool was not whole; it was not answered with 200")
            elif piece.body is not None:
                try:
                    records.append((piece.end, decode(piece.body)))
                except InvalidRecord as error:
                    trouble.append(f"bytes {piece.start} to {piece.end} ({error})")
        for first in range(0, len(records), SLICE_EVENTS):
            part = records[first : first + SLICE_EVENTS]
            self._metrics.oldest_ms = part[0][1][0].received_at
            too_large = await self._publish_all([event for _, event in part])
            if too_large:
                trouble.append(f"{too_large} events are larger than the broker takes")
            self._metrics.drained.inc(len(part) - too_large)
            await self._spool.mark(contents.number, part[-1][0], len(records) - first - len(part))
        place = await self._spool.finish(contents.number, aside=bool(trouble))
        if trouble:
            self._metrics.aside.inc()
            log.error(
                "a file of the spool is damaged and was moved to %s: %s; the rest of it was handed on",
                place,
                "; ".join(trouble),
            )
        return len(records)

    async def _publish_all(self, events: Sequence[_Event]) -> int:
        """Return once the broker has all of them but those too large for it; how many these are."""
        lines: dict[bytes, list[_Event]] = {}
        for event in events:
            lines.setdefault(event[1], []).append(event)
        too_large = 0
        while lines:
            while not self._broker.ready:  # noqa: ASYNC110 - its watch tells nobody
                await asyncio.sleep(LOOK_S)
            too_large += sum(await asyncio.gather(*map(self._publish_line, lines.values())))
            lines = {key: line for key, line in lines.items() if line}
            if lines:
                await asyncio.sleep(LOOK_S)
        return too_large

    async def _publish_line(self, line: list[_Event]) -> int:
        """One key's events, one after the other, until the broker takes no more; taken ones leave."""
        too_large = 0
        while line:
            try:
                await self._broker.publish(*line[0])
            except BrokerUnavailable:
                return too_large
            except BodyTooLarge:
                too_large += 1
            except Exception as error:  # noqa: BLE001 - the others of this round go on meanwhile
                log.error("unexpected %s on the way from the spool; trying again", type(error).__name__)
                await asyncio.sleep(AGAIN_S)
                return too_large
            del line[0]
        return too_large
