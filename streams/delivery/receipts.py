"""The receipts of elements that are settled, as they go to moengage.receipts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from events.configurations import Configurations
from events.receipts import Outcome, Receipt
from events.topics import RECEIPTS, topic_name
from moengage.answers import Answer
from streams.delivery.element import Element
from streams.publishing import Outgoing


class Receipts:
    """Makes records of receipts, each of ``max_bytes`` at most: one for a configuration and an answer."""

    def __init__(self, configurations: Configurations, prefix: str, max_bytes: int) -> None:
        self._configurations = configurations
        self._topic = topic_name(RECEIPTS, prefix)
        self._max_bytes = max_bytes

    def of(
        self, elements: Iterable[Element], outcome: Outcome, answer: Answer | None, at: int
    ) -> list[Outgoing]:
        """The records for what an answer settled, or, without one, for what is parked.

        ``at``: when that was, in ms since the epoch.
        """
        by_config: dict[str, list[Element]] = {}
        for element in elements:
            by_config.setdefault(self._configurations.named(element.config), []).append(element)
        return [
            record
            for config, of_config in by_config.items()
            for record in self._records(config, of_config, outcome, answer, at)
        ]

    def _records(
        self, config: str, elements: Sequence[Element], outcome: Outcome, answer: Answer | None, at: int
    ) -> Iterator[Outgoing]:
        by_version: dict[str, list[str]] = {}
        for element in elements:
            by_version.setdefault(element.mapping_version, []).append(element.id)
        deliveries = {version: tuple(ids) for version, ids in by_version.items()}
        status, request_id = (answer.status, answer.request_id) if answer else (0, "")
        receipt = Receipt(outcome, at, config, status, request_id, deliveries)
        record = Outgoing(self._topic, elements[0].id.encode(), receipt.value())
        if len(record.key) + len(record.value or b"") <= self._max_bytes or len(elements) == 1:
            yield record
            return
        half = len(elements) // 2
        yield from self._records(config, elements[:half], outcome, answer, at)
        yield from self._records(config, elements[half:], outcome, answer, at)
