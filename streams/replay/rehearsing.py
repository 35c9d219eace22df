"""What comes of routed records: the workers' own stages, with the workers' rows, in memory. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from events.configurations import Configurations
from events.elements import Delivery
from events.rows import ContactRow
from events.topics import COMPANIES, CONTACTS, DELIVERIES, topic_name
from mappings.rules import RuleSet
from streams.publishing import Outgoing
from streams.rehearsal import Record
from streams.replay.derivations import Came
from streams.stages.companies import Companies
from streams.stages.contacts import Contacts
from streams.stages.stage import Stage
from streams.state import DictRows, State


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of both tables that are needed."""

    contacts: Mapping[bytes, bytes]
    companies: Mapping[bytes, bytes]


def without_shadow(raw: bytes) -> bytes:
    """A contact's row as it is for a replay from its beginning: one that goes on was told before."""
    if b'"replay":null' in raw:
        return raw
    row = ContactRow.decode(raw)
    row.replay = None
    return row.encode()


class Rehearsing:
    """Works on one record after the other, each until nothing moves. The rows given stay as they are."""

    def __init__(
        self,
        rows: Rows,
        rules: RuleSet,
        *,
        prefix: str,
        configurations: Configurations,
        real_time_action: bool,
        now_ms: int,
        told: Callable[[str], bool | None] | None = None,
    ) -> None:
        """``told``: whether MoEngage was told of a delivery, where only what is missing is wanted."""
        acting = frozenset(configurations.names) if real_time_action else frozenset[str]()
        self._stages: dict[str, tuple[Stage, DictRows]] = {
            topic_name(CONTACTS, prefix): (
                Contacts(
                    lambda _: rules,
                    prefix,
                    configurations=configurations,
                    real_time_action=acting,
                    receipts=told,
                ),
                DictRows(rows.contacts),
            ),
            topic_name(COMPANIES, prefix): (
                Companies(prefix, configurations=configurations),
                DictRows(rows.companies),
            ),
        }
        self._deliveries = topic_name(DELIVERIES, prefix)
        self._now_ms = now_ms
        self._offset = 0

    def __call__(self, outgoing: Outgoing) -> Came:
        """What comes of one record."""
        waiting, came, counts = deque([outgoing]), list[Delivery](), Counter[str]()
        while waiting:
            one = waiting.popleft()
            if one.topic == self._deliveries:
                came.append(Delivery.from_record(one.key, one.value, one.headers))
                continue
            if one.topic not in self._stages:
                continue  # a dead letter
            stage, rows = self._stages[one.topic]
            record = Record(one.topic, 0, self._offset, one.key, one.value, tuple(one.headers))
            self._offset += 1
            state = State(rows)
            step = stage.step([record], state, self._now_ms)
            rows.apply(state.changes)
            waiting += step.out
            counts += step.counts
        return Came(came, counts["not_replayed"])
