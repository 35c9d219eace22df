"""Deliver again: which records of moengage.deliveries a replay publishes once more, and as what."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from events.configurations import Configurations
from events.elements import Delivery
from events.errors import InvalidData
from events.receipts import DEAD_LETTERED, Outcome
from events.replays import ID_HEADER, Replayed
from streams.chunks import Place
from streams.publishing import Outgoing
from streams.replay.filters import ELEMENTS, DeliveryFilter
from streams.replay.marking import delivered_again
from streams.replay.overtaking import Overtaking
from streams.replay.places import contact_of
from streams.replay.plan import SETTLED, Judged
from streams.replay.request import ReplayRequest


class Deliveries:
    """Judges the records of one replay, in order. Pure, but for what it is told by ``heard``."""

    def __init__(
        self,
        request: ReplayRequest,
        topic: str,
        configurations: Configurations,
        outcome_of: Callable[[str], Outcome | None],
        *,
        pending: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._request = request
        self._topic = topic
        self._configurations = configurations
        self._outcome_of = outcome_of
        self._pending = pending
        self._scope = configurations.scope(request.config)
        self._wanted = DeliveryFilter(request.filters)
        self._replayed = Replayed(request.id, request.label)
        self._overtaking = Overtaking()
        self._told: set[bytes] = set()

    def heard(self, record: Any) -> None:
        """A record of the topic, of the spans or behind; each once, in order, before it is judged."""
        try:
            delivery = self._of_ours(record)
        except InvalidData:
            return
        if delivery is not None:
            # A redriven one stands behind what may be newer; what is a dead letter has set nothing.
            outcome = self._outcome_of(delivery.delivery_id)
            overtakes = not delivery.redrive_run and outcome not in DEAD_LETTERED
            self._overtaking.take(record.offset, delivery, overtakes=overtakes)

    def begin(self) -> Deliveries:
        """The records are judged from the first one on, once more."""
        self._told.clear()
        return self

    def stands(self, offset: int, outgoing: Outgoing) -> bool:
        """Whether what was chosen of this offset has still not been overtaken."""
        delivery = Delivery.from_record(outgoing.key, outgoing.value, outgoing.headers)
        return self._overtaking.stands(offset, delivery)

    def judge(self, record: Any) -> Judged:
        """What becomes of the next record of the spans."""
        place = Place(record.topic, record.partition)
        nothing = Judged(place, record.offset)
        try:
            delivery = self._of_ours(record)
            if delivery is None or not self._wanted.takes(delivery):
                return nothing
            judged = nothing._replace(what=delivery.kind)
            if delivery.kind not in ELEMENTS:
                return judged._replace(left_out=("merges_and_deletes",))
            outgoing = delivered_again(self._topic, delivery, record.headers, self._replayed)
        except InvalidData:
            return nothing._replace(left_out=("unreadable",))
        digest = hashlib.blake2b(delivery.delivery_id.encode(), digest_size=12).digest()
        if digest in self._told:
            return judged._replace(left_out=("repeated",))
        self._told.add(digest)
        outcome = self._outcome_of(delivery.delivery_id)
        if self._request.only_missing and outcome in SETTLED:
            return judged._replace(left_out=(SETTLED[outcome],))
        if self._request.only_missing and self._pending(delivery.event_id):
            return judged._replace(left_out=("pending",))
        if not self._overtaking.stands(record.offset, delivery):
            return judged._replace(left_out=("overtaken",))
        return judged._replace(
            outgoing=(outgoing,),
            deliveries=(replace(delivery, body=outgoing.value or b""),),
            already=int(outcome == "taken"),
            contacts=(contact_of(delivery),),
        )

    def _of_ours(self, record: Any) -> Delivery | None:
        """The delivery; None where it is a replay's, or another configuration's. Raises InvalidData."""
        headers = record.headers or ()
        if any(name == ID_HEADER for name, _ in headers):
            return None
        delivery = Delivery.from_record(record.key, record.value, headers)
        ours = self._configurations.scope(delivery.config) == self._scope
        return delivery if ours else None
