"""Receipts for people: those of one event, and deliveries that count as not delivered after all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import click

from events.keys import SCOPE_END, scoped, split_scope
from events.receipts import Outcome, Receipt
from events.topics import RECEIPTS, topic_name
from streams.publishing import Outgoing

#: Deliveries in one record, as many as in a request at most.
BATCH = 100


class Said(NamedTuple):
    """What a receipt says of one delivery."""

    at: int
    outcome: Outcome
    status: int
    request_id: str
    mapping_version: str
    delivery_id: str
    written: int

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return self._asdict()


def of_event(receipt: Receipt, written: int, scope: str, event_id: str) -> Iterator[Said]:
    """What a receipt says of the deliveries of an event. ``written``: its record's time in ms."""
    begins = scoped(scope, f"{event_id}/")
    for version, ids in receipt.deliveries.items():
        for one in ids:
            if one.startswith(begins):
                yield Said(
                    receipt.at, receipt.outcome, receipt.status, receipt.request_id, version,
                    split_scope(one)[1], written,
                )  # fmt: skip


def delivery_ids(lines: Iterable[str], scope: str) -> list[str]:
    """The ids of a list, one a line, each once; empty lines are passed over.

    With or without the configuration's name and U+001F before them. Raises UsageError for an id that is
    another configuration's.
    """
    ids: dict[str, None] = {}
    for number, line in enumerate(lines, start=1):
        one = line.strip(" \t\r\n")
        if not one:
            continue
        of, bare = split_scope(one)
        if SCOPE_END in one and of != scope:
            raise click.UsageError(f"line {number}: of another configuration; give --config-name")
        ids[scoped(scope, bare)] = None
    return list(ids)


def voids(
    ids: Sequence[str], config: str, prefix: str, now_ms: Callable[[], int]
) -> Iterator[list[Outgoing]]:
    """Records, a batch at a time, that say that these were never delivered."""
    topic = topic_name(RECEIPTS, prefix)
    for first in range(0, len(ids), BATCH):
        batch = tuple(ids[first : first + BATCH])
        receipt = Receipt("void", now_ms(), config, 0, "", {"": batch})
        yield [Outgoing(topic, batch[0].encode(), receipt.value())]
