"""route: which contact, which company is an event about?

Reads intercom.events; writes intercom.contacts keyed by contact id, one record for every contact that
the event names, and intercom.companies keyed by company id, both within the event's configuration. The
envelope goes on as it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from events.codec import decode_object
from events.configurations import ONE_CONFIGURATION, Configurations
from events.envelope import Envelope
from events.keys import scoped
from events.subjects import subjects_of
from events.topics import COMPANIES, CONTACTS, EVENTS, TopicName, topic_name
from streams.publishing import Outgoing
from streams.stages.stage import Step, each_record
from streams.state import State


class Route:
    """The stage."""

    name = "route"
    source: TopicName = EVENTS
    table: str | None = None

    def __init__(self, prefix: str = "", *, configurations: Configurations = ONE_CONFIGURATION) -> None:
        self._prefix = prefix
        self._configurations = configurations
        self._contacts = topic_name(CONTACTS, prefix)
        self._companies = topic_name(COMPANIES, prefix)

    def step(self, records: Sequence[Any], state: State, now_ms: int) -> Step:
        """See Stage. ``state`` is not used."""
        result = Step()
        out, counts = result.out, result.counts

        def route(record: Any) -> None:
            envelope = Envelope.from_record(record.value, record.headers)
            scope = self._configurations.scope(envelope.config)
            subjects = subjects_of(envelope.source, envelope.topic, decode_object(envelope.payload))
            for contact in subjects.contacts:
                key = scoped(scope, contact).encode()
                out.append(Outgoing(self._contacts, key, record.value, record.headers))
            for company in subjects.companies:
                key = scoped(scope, company).encode()
                out.append(Outgoing(self._companies, key, record.value, record.headers))
            if not subjects.contacts and not subjects.companies:
                counts["about_nobody"] += 1

        return each_record(self.name, self._prefix, records, result, now_ms, route)
