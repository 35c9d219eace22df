"""One thing that is seen of an event, at one stage of its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from events.keys import split_scope

#: received: the front door took it. routed: it is about this contact or company. mapped: an element of it
#: waits for MoEngage. delivered: MoEngage took that. refused: MoEngage or a stage did not. parked: it
#: waits behind a refused one. voided: its receipt was. unreadable: a record that nobody of ours wrote.
Stage = Literal["received", "routed", "mapped", "delivered", "refused", "parked", "voided", "unreadable"]

STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one record says. What it does not say is empty or None.

    ``topic``, ``partition`` and ``offset`` are the record's place; ``at`` is when it happened, and
    ``received_at`` when the event was received, in ms. ``kind`` is that of an element, or of a message
    between rows. ``refused_by`` names the stage of a dead letter. ``replay`` is a replay's id, "" of what
    is live, None where it is not known. ``problem`` says why a record cannot be read.
    """

    stage: Stage
    at: int
    topic: str
    partition: int
    offset: int
    event_id: str = ""
    config: str = ""
    event_topic: str = ""
    contacts: tuple[str, ...] = field(default=(), repr=False)
    companies: tuple[str, ...] = field(default=(), repr=False)
    customer: str = field(default="", repr=False)
    kind: str = ""
    name: str = ""
    delivery_id: str = field(default="", repr=False)
    mapping_version: str = ""
    received_at: int | None = None
    status: int | None = None
    request_id: str = ""
    reason: str = field(default="", repr=False)
    refused_by: str = ""
    replay: str | None = None
    redriven: bool = False
    problem: str = ""

    @property
    def lag_ms(self) -> int | None:
        """How long after its receipt this happened; None where that is not known."""
        return None if self.received_at is None else self.at - self.received_at

    @property
    def of_contact(self) -> str:
        """What a delivery id says behind its event id: it begins with a contact's id."""
        one_id = split_scope(self.delivery_id)[1]
        return one_id[len(self.event_id) + 1 :] if one_id.startswith(f"{self.event_id}/") else ""


def event_of(delivery_id: str) -> str:
    """The event id in a delivery id, where nothing else tells: all before the first ``/``."""
    return split_scope(delivery_id)[1].partition("/")[0]
