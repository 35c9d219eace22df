"""Publishing: an event is taken when the broker has it, and not before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from events.envelope import Envelope
from events.keys import partition_for
from ingest.breaker import Breaker
from ingest.errors import BodyTooLarge, BrokerUnavailable
from ingest.kafka_producer import check_producer, client_noise_dropped, close_producer, open_producer

log = logging.getLogger(__name__)

#: While the broker answers it is looked at this often, so that readiness tells the truth in quiet hours.
LOOK_EVERY_S = 10.0
#: While it does not: first after this long, then twice as long each time, up to the last.
RETRY_FIRST_S = 0.1
RETRY_LAST_S = 3.0
#: A producer only asks brokers that it knows. After this long without any, a new one starts from the
#: bootstrap servers, in case the whole cluster has moved; likewise when a partition has been stalled for
#: so long although the broker answers, in case the producer itself is stuck.
FRESH_START_AFTER_S = 60.0


class Publisher(Protocol):
    """What the front door needs."""

    @property
    def ready(self) -> bool:
        """Whether a publish has a chance now."""

    @property
    def broker_up(self) -> bool:
        """Whether the broker takes records."""

    @property
    def spooled(self) -> int:
        """How many events wait on disk for the broker."""

    async def publish(self, envelope: Envelope, key: bytes) -> None:
        """Return once the event is safe; raise TryLater (or BodyTooLarge) otherwise."""


class RunningPublisher(Publisher, Protocol):
    """A publisher with a life of its own, as ``ingest.server`` runs it."""

    async def start(self) -> None:
        """Begin to connect. Returns at once, whether or not a broker is there."""

    async def close(self, timeout_s: float) -> None:
        """Let records in flight finish, for ``timeout_s`` seconds at most, and disconnect."""


class KafkaPublisher:
    """Publishes to one topic with one idempotent producer; the broker may come and go.

    A publish returns when every in-sync replica has the record (``acks=all``). It raises
    BrokerUnavailable after ``deadline_s`` seconds, or at once while the broker is known to be away,
    while the record's partition is stalled (``ingest.breaker``), or while ``max_in_flight`` records, or
    ``max_in_flight_bytes`` bytes of them, wait for their confirmation. A record larger than
    ``max_record_bytes``, or than the broker takes, raises BodyTooLarge; keep the first below the second
    (``max.message.bytes``), since after a refusal by the broker the producer has to be replaced, which
    costs everyone a moment of 429.

    **What stays ambiguous**: a record that was handed to the producer before the deadline passed may
    still be stored when the broker comes back, although its request was answered with 429. That is
    wanted: connectors and Series do not repeat a request, so for them it is the event's last chance.
    Webhooks do repeat; the event id is deterministic, so the second copy is known as one downstream.

    Records of concurrent requests share batches: each waits ``linger_ms`` for company.
    ``security`` goes to aiokafka as it is (``security_protocol``, ``ssl_context``, ``sasl_…``).
    """

    def __init__(
        self,
        bootstrap_servers: str | Sequence[str],
        topic: str,
        *,
        deadline_s: float = 1.5,
        max_in_flight: int = 2000,
        max_in_flight_bytes: int = 64_000_000,
        max_record_bytes: int = 1_048_576,
        linger_ms: int = 3,
        request_timeout_ms: int = 5_000,
        **security: Any,
    ) -> None:
        self._topic = topic
        self._deadline_s = deadline_s
        self._max_in_flight = max_in_flight
        self._max_in_flight_bytes = max_in_flight_bytes
        self._in_flight_bytes = 0
        self._options: dict[str, Any] = {
            **security,
            "bootstrap_servers": bootstrap_servers,
            "client_id": "moebridge-ingest",
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": linger_ms,
            "request_timeout_ms": request_timeout_ms,
            "max_request_size": max_record_bytes,
            # One batch waits per partition; a larger one lets more requests share it. Never larger than
            # what a record may be: a batch that the broker refuses takes all its records with it.
            "max_batch_size": min(128 * 1024, max_record_bytes),
        }
        self._producer: AIOKafkaProducer | None = None
        self._breaker = Breaker("not connected yet")
        self._doubt = asyncio.Event()
        self._in_flight: dict[asyncio.Task[None], AIOKafkaProducer] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether the broker was last seen, and takes records on some partition."""
        return self._producer is not None and self._breaker.ready

    @property
    def broker_up(self) -> bool:
        """The same: there is nothing but the broker."""
        return self.ready

    @property
    def spooled(self) -> int:
        """None ever is."""
        return 0

    async def start(self) -> None:
        """Begin to connect, in the background; a second call does nothing."""
        if self._watch is None:
            with client_noise_dropped():
                self._watch = asyncio.create_task(self._keep_watch(), name="ingest-broker-watch")

    async def close(self, timeout_s: float) -> None:
        """Let records in flight finish for ``timeout_s`` seconds, then drop the rest and disconnect."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.wait({watch})
        self._breaker.lose("closed")
        if self._producer is not None:
            self._retire(self._producer, "closed", flush_s=timeout_s)
        if self._retiring:
            await asyncio.wait(self._retiring)

    async def publish(self, envelope: Envelope, key: bytes) -> None:
        """Return once the broker has the record. Raises BrokerUnavailable, BodyTooLarge."""
        producer, partitions = self._producer, self._breaker.partitions
        if producer is None or not partitions:
            raise BrokerUnavailable(self._breaker.reason or "connecting")
        partition = partition_for(key, partitions)
        refusal = self._breaker.refusal(partition)
        if refusal:
            raise BrokerUnavailable(refusal)
        if len(self._in_flight) >= self._max_in_flight:
            raise BrokerUnavailable(f"{self._max_in_flight} records wait for their confirmation")
        size = len(envelope.payload)
        if self._in_flight and self._in_flight_bytes + size > self._max_in_flight_bytes:
            raise BrokerUnavailable(f"{self._in_flight_bytes} bytes wait for their confirmation")
        record = asyncio.create_task(self._deliver(producer, envelope, key, partition))
        self._in_flight[record] = producer
        self._in_flight_bytes += size
        record.add_done_callback(partial(self._settled, partition, size))
        # The task goes on after the deadline: its end tells whether the partition moves again.
        done, _ = await asyncio.wait({record}, timeout=self._deadline_s)
        if not done:
            late = f"no confirmation within {self._deadline_s:g} s"
            if self._breaker.stall(partition, asyncio.get_running_loop().time()):
                self._lose(late)
            raise BrokerUnavailable(late)
        if record.cancelled():
            raise BrokerUnavailable(self._breaker.reason or "the producer was replaced")
        record.result()

    async def _deliver(
        self, producer: AIOKafkaProducer, envelope: Envelope, key: bytes, partition: int
    ) -> None:
        try:
            confirmation = await producer.send(
                self._topic,
                envelope.payload,
                key=key,
                partition=partition,
                timestamp_ms=envelope.received_at,
                headers=envelope.headers(),
            )
        except MessageSizeTooLargeError:
            raise _too_large() from None
        except KafkaTimeoutError as error:  # the batch before this one has not left; it still may
            self._lose(_reason(error))
            raise BrokerUnavailable(_reason(error)) from error
        except KafkaError as error:
            self._retire(producer, _reason(error))
            raise BrokerUnavailable(_reason(error)) from error
        try:
            await confirmation
        except KafkaError as error:
            # An idempotent producer numbers its batches; one that failed leaves a gap, and the broker
            # then refuses all that follow. A new producer starts a new count.
            self._retire(producer, _reason(error))
            if isinstance(error, MessageSizeTooLargeError):
                raise _too_large() from None
            raise BrokerUnavailable(_reason(error)) from error

    def _settled(self, partition: int, size: int, record: asyncio.Task[None]) -> None:
        del self._in_flight[record]
        self._in_flight_bytes -= size
        self._breaker.move(partition)
        if not record.cancelled():
            record.exception()  # its request may be gone; nobody else asks

    async def _keep_watch(self) -> None:
        """Connect, look at the broker now and then, and whenever it is in doubt."""
        loop = asyncio.get_running_loop()
        retry_s = RETRY_FIRST_S
        seen_at = loop.time()
        while True:
            fresh = self._producer is None
            if seen := await self._look():
                seen_at = loop.time()
                if not fresh:
                    retry_s = RETRY_FIRST_S
                await self._doubted_within(LOOK_EVERY_S)
                stuck_for = self._breaker.stalled_for(loop.time())
            else:
                stuck_for = loop.time() - seen_at
            if self._producer is not None and stuck_for > FRESH_START_AFTER_S:
                self._retire(self._producer, f"no progress for {stuck_for:.0f} s, connecting anew")
                seen_at = loop.time()
            if not seen or self._producer is None:
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, RETRY_LAST_S)

    async def _look(self) -> bool:
        """Whether a broker answers now; connects first if there is no producer."""
        self._doubt.clear()
        try:
            if self._producer is None:
                self._producer, partitions = await open_producer(self._topic, self._options)
            else:
                partitions = await check_producer(self._producer, self._topic)
        except (KafkaError, OSError, BrokerUnavailable) as error:
            self._lose(_reason(error))
            return False
        except Exception as error:  # noqa: BLE001 - the watch must outlive what a client library raises
            self._lose(f"cannot use the broker: {_reason(error)}")
            return False
        if self._breaker.see(partitions):
            log.info("the broker takes records: %s, %d partitions", self._topic, partitions)
        return True

    async def _doubted_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._doubt.wait()
        except TimeoutError:
            pass

    def _lose(self, reason: str) -> None:
        if self._breaker.lose(reason):
            log.warning("the broker takes no records: %s", reason)
        self._doubt.set()

    def _retire(self, producer: AIOKafkaProducer, reason: str, flush_s: float | None = None) -> None:
        """Let go of a producer that cannot go on; what it still holds gets a moment to leave."""
        if producer is not self._producer:
            return
        self._producer = None
        self._lose(reason)
        records = [record for record, its in self._in_flight.items() if its is producer]
        flush_s = self._deadline_s if flush_s is None else flush_s
        end = asyncio.create_task(close_producer(producer, records, flush_s=flush_s))
        self._retiring.add(end)
        end.add_done_callback(self._retiring.discard)


def _reason(error: Exception) -> str:
    if isinstance(error, BrokerUnavailable):
        return error.reason
    return str(error) if isinstance(error, KafkaError) else f"{type(error).__name__}: {error}"


def _too_large() -> BodyTooLarge:
    return BodyTooLarge("The event is larger than the store behind this endpoint takes.")
