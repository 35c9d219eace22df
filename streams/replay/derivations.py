"""Derive again: which records of intercom.events a replay publishes once more, and what comes of them.

What comes of them is not guessed: the stages themselves work on them in memory, with the rows that the
workers have (streams.rehearsal).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from events.codec import decode_object
from events.configurations import Configurations
from events.elements import Delivery
from events.envelope import Envelope
from events.errors import InvalidData
from events.keys import scoped
from events.receipts import Outcome
from events.replays import Replayed
from events.subjects import subjects_of
from events.topics import CONTACTS, topic_name
from streams.chunks import Place
from streams.publishing import Outgoing
from streams.replay.filters import ELEMENTS, EventFilter
from streams.replay.marking import marked
from streams.replay.places import contact_of
from streams.replay.plan import SETTLED, Judged, LeftOut
from streams.replay.request import ReplayRequest
from streams.stages.route import Route
from streams.state import DictRows, State

#: One marked record on intercom.contacts or intercom.companies, and what is delivered for it.
Rehearse = Callable[[Outgoing], "Came"]
#: Whether MoEngage was told of a delivery, or is about to be; None: nothing says so.
Told = Callable[[str], bool | None]


class Came(NamedTuple):
    """What came of one record. ``not_replayed`` counts merges and deletes of Intercom's."""

    deliveries: Sequence[Delivery]
    not_replayed: int = 0


class _Part(NamedTuple):
    """One record that an event is routed to, with what comes of it."""

    outgoing: Outgoing
    contacts: set[str]
    wanted: tuple[Delivery, ...]
    left_out: tuple[LeftOut, ...]
    not_replayed: int


class Meant:
    """The events that a replay was asked for."""

    def __init__(self, request: ReplayRequest, prefix: str, configurations: Configurations) -> None:
        self._configurations = configurations
        self.scope = configurations.scope(request.config)
        self._wanted = EventFilter(request.filters)
        self._route = Route(prefix, configurations=configurations)
        self.contacts_topic = topic_name(CONTACTS, prefix)

    def topic_of(self, record: Any) -> str:
        """Intercom's topic of a record that is meant; "" for another. Raises InvalidData."""
        envelope = Envelope.from_record(record.value, record.headers or ())
        if self._configurations.scope(envelope.config) != self.scope:
            return ""
        document = decode_object(envelope.payload)
        subjects = subjects_of(envelope.source, envelope.topic, document)
        return envelope.topic if self._wanted.takes(envelope, subjects, document) else ""

    def is_of_contact(self, routed: Outgoing) -> bool:
        """Whether a routed record goes to a contact's row, not to a company's."""
        return routed.topic == self.contacts_topic

    def routed(self, record: Any) -> Sequence[Outgoing]:
        """Where the workers' route puts it; for a record that is meant."""
        return self._route.step([record], State(DictRows()), 0).out


class Derivations:
    """Judges the records of one replay, each once and in order. Pure."""

    def __init__(
        self,
        request: ReplayRequest,
        meant: Meant,
        rehearsing: Callable[[Told | None], Rehearse],
        outcome_of: Callable[[str], Outcome | None],
        *,
        pending: Callable[[str], bool] = lambda _: False,
        repaired: frozenset[str] = frozenset(),
    ) -> None:
        """``repaired``: the keys of contacts of whom something is missing, where that is asked."""
        self._request = request
        self._meant = meant
        self._rehearse = rehearsing(self._was_told if request.only_missing else None)
        self._outcome_of = outcome_of
        self._pending = pending
        self._scope = meant.scope
        self._event_id = ""
        self._repaired = repaired
        self._replayed = Replayed(request.id, request.label)
        self._left_out: list[LeftOut] = []
        #: Contacts, by the keys of their rows, of whom something is missing, as far as was judged.
        self.missing: set[str] = set()

    def judge(self, record: Any) -> Judged:
        """What becomes of the next record of the spans."""
        judged = Judged(Place(record.topic, record.partition), record.offset)
        try:
            topic = self._meant.topic_of(record)
        except InvalidData:
            return judged._replace(left_out=("unreadable",))
        if not topic:
            return judged
        self._event_id = dict(record.headers)["event_id"].decode()
        parts = [self._part(one) for one in self._meant.routed(record)]
        kept = [part for part in parts if self._keeps(part)]
        delivered = tuple(one for part in kept for one in part.wanted)
        ends = sum(part.not_replayed for part in parts)
        not_replayed: list[LeftOut] = ["merges_and_deletes"] * ends
        return judged._replace(
            what=topic,
            outgoing=tuple(self._marked(part) for part in kept),
            deliveries=delivered,
            already=sum(self._outcome_of(one.delivery_id) == "taken" for one in delivered),
            left_out=(*not_replayed, *(why for part in parts for why in part.left_out)),
            contacts={contact_of(one) for one in delivered},
        )

    def _part(self, outgoing: Outgoing) -> _Part:
        self._left_out = []
        came = self._rehearse(marked(outgoing, self._replayed))
        wanted = tuple(one for one in came.deliveries if one.kind in ELEMENTS)
        contacts = {scoped(self._scope, contact_of(one)) for one in wanted}
        if self._meant.is_of_contact(outgoing):
            contacts = {outgoing.key.decode()}
        if wanted:
            self.missing |= contacts
        return _Part(outgoing, contacts, wanted, tuple(self._left_out), came.not_replayed)

    def _was_told(self, delivery_id: str) -> bool | None:
        outcome = self._outcome_of(delivery_id)
        why = SETTLED.get(outcome)
        if why is None and outcome is None and self._pending(self._event_id):
            why = "pending"
        if why is None:
            return None if outcome is None else False
        self._left_out.append(why)
        return True

    def _keeps(self, part: _Part) -> bool:
        """Whether it is published. All of a contact is, or nothing: one event builds on another."""
        if part.not_replayed and not part.wanted:
            return False
        return not self._request.only_missing or not part.contacts.isdisjoint(self._repaired)

    def _marked(self, part: _Part) -> Outgoing:
        only = None
        if self._request.only_missing:
            only = frozenset(one.delivery_id for one in part.wanted)
        return marked(part.outgoing, Replayed(self._request.id, self._request.label, only))
