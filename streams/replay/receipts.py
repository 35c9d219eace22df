"""What MoEngage said of deliveries, from the receipts: the newest word of each delivery counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import NamedTuple

from events.errors import InvalidData
from events.receipts import Outcome, Receipt
from events.topics import RECEIPTS, topic_name
from streams.replay.reading import Reader, spans_of

#: Of two words of the same millisecond the later one here counts: what is parked can be redriven and
#: refused, what is refused redriven and taken, what was taken can be voided.
_RANKED: tuple[Outcome, ...] = ("parked", "refused", "taken", "void")
_MS_BITS = 48  # of a time in ms


class ReceiptIndex:
    """The newest word of every delivery, from receipts that come in any order.

    A delivery's receipts may stand in several partitions, so the record's time decides, then ``at``, and
    not the order in which they are read. Ids are kept as digests of 64 bits, and a receipt's word once
    for all its deliveries: about 100 MB for a million of them. Two of n ids share a digest with a chance
    of n²/2⁶⁵; of ten million, about 1 in 370,000.
    """

    def __init__(self) -> None:
        self._words: dict[int, int] = {}
        #: Records that are no receipts.
        self.unreadable = 0

    def __len__(self) -> int:
        return len(self._words)

    def take(self, receipt: Receipt, timestamp: int) -> None:
        """Take one in. ``timestamp`` is its record's, in ms."""
        word = (max(0, timestamp) << _MS_BITS | max(0, receipt.at)) << 2 | _RANKED.index(receipt.outcome)
        words = self._words
        for ids in receipt.deliveries.values():
            for delivery_id in ids:
                digest = _digest(delivery_id)
                if word >= words.get(digest, 0):
                    words[digest] = word

    def outcome(self, delivery_id: str) -> Outcome | None:
        """The newest word of a delivery; None where there is none."""
        word = self._words.get(_digest(delivery_id))
        return None if word is None else _RANKED[word & 3]

    def counts(self) -> Counter[Outcome]:
        """How many deliveries there are by the newest word."""
        return Counter(_RANKED[word & 3] for word in self._words.values())


class Written(NamedTuple):
    """A receipt and its record's time in ms; None in place of what is no receipt."""

    timestamp: int
    receipt: Receipt | None


async def receipts_since(
    reader: Reader, prefix: str, since_ms: int | None = None
) -> AsyncIterator[Written]:
    """All receipts that were written at this time or later, up to now; None: all that are kept.

    Raises RecordsUnreadable.
    """
    topic = topic_name(RECEIPTS, prefix)
    async for record in reader.read(topic, await spans_of(reader, topic, first_ms=since_ms)):
        try:
            yield Written(record.timestamp, Receipt.read(record.value))
        except InvalidData:
            yield Written(record.timestamp, None)


async def index_since(reader: Reader, prefix: str, since_ms: int | None = None) -> ReceiptIndex:
    """The index of them; a delivery is written before its receipts. Raises RecordsUnreadable."""
    index = ReceiptIndex()
    async for timestamp, receipt in receipts_since(reader, prefix, since_ms):
        if receipt is None:
            index.unreadable += 1
        else:
            index.take(receipt, timestamp)
    return index


def _digest(delivery_id: str) -> int:
    return int.from_bytes(blake2b(delivery_id.encode(), digest_size=8).digest())
