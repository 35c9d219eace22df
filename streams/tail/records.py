"""From a record to what is seen in it. Nothing that stands on a topic makes this fail.

A record that nobody of ours wrote is seen as such, with the reason and its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from events.codec import decode_object
from events.elements import Delivery
from events.envelope import Envelope
from events.errors import InvalidData, InvalidRecord
from events.joins import CompanySnapshot, MembershipChange, kind_of_record
from events.keys import split_scope
from events.receipts import Outcome, Receipt
from events.replays import Replayed
from events.subjects import subjects_of
from events.topics import (
    COMPANIES,
    CONTACTS,
    DEAD_LETTERS,
    DELIVERIES,
    EVENTS,
    RECEIPTS,
    TopicName,
)
from streams.tail.sighting import Sighting, Stage, event_of

#: The topics that a tail reads, in the order of an event's way. Letters come before receipts, for a
#: refused delivery has both, and the letter tells more.
FOLLOWED: tuple[TopicName, ...] = (EVENTS, CONTACTS, COMPANIES, DELIVERIES, DEAD_LETTERS, RECEIPTS)

#: What the dead letters call those that were not refused themselves.
_PARKED = "parked"

_OUTCOMES: Mapping[Outcome, Stage] = {
    "taken": "delivered",
    "refused": "refused",
    "parked": "parked",
    "void": "voided",
}

#: No number of ours has more digits; what has is not worth a conversion.
_MAX_DIGITS = 18


def sightings(record: Any, name: TopicName) -> list[Sighting]:
    """What a record of this topic says; several things where it is a receipt for several deliveries."""
    try:
        return _READ[name](record)
    except InvalidData as error:
        return [_at(record, "unreadable", record.timestamp, problem=str(error))]


def _received(record: Any) -> list[Sighting]:
    envelope = Envelope.from_record(record.value, record.headers)
    subjects = subjects_of(envelope.source, envelope.topic, decode_object(envelope.payload))
    return [
        _of_envelope(
            record, "received", envelope, contacts=subjects.contacts, companies=subjects.companies,
            replay="",
        )
    ]  # fmt: skip


def _for_contact(record: Any) -> list[Sighting]:
    envelope = Envelope.from_record(record.value, record.headers)
    kind = kind_of_record(record.headers)
    companies: tuple[str, ...] = ()
    if kind == "snapshot":
        companies = (CompanySnapshot.from_envelope(envelope).company_id,)
    return [_routed(record, envelope, kind, (_id(record),), companies)]


def _for_company(record: Any) -> list[Sighting]:
    envelope = Envelope.from_record(record.value, record.headers)
    kind = kind_of_record(record.headers)
    contacts: tuple[str, ...] = ()
    if kind == "membership":
        contacts = (MembershipChange.from_envelope(envelope).contact_id,)
    return [_routed(record, envelope, kind, contacts, (_id(record),))]


def _routed(
    record: Any, envelope: Envelope, kind: str, contacts: tuple[str, ...], companies: tuple[str, ...]
) -> Sighting:
    return _of_envelope(
        record, "routed", envelope, contacts=contacts, companies=companies,
        kind="" if kind == "event" else kind, replay=_replay(record.headers),
        redriven=_redriven(record.headers),
    )  # fmt: skip


def _of_envelope(record: Any, stage: Stage, envelope: Envelope, **fields: Any) -> Sighting:
    return _at(
        record, stage, record.timestamp,
        event_id=envelope.event_id, config=envelope.config, event_topic=envelope.topic,
        received_at=envelope.received_at, **fields,
    )  # fmt: skip


def _mapped(record: Any) -> list[Sighting]:
    delivery = Delivery.from_record(record.key, record.value, record.headers)
    return [
        _at(
            record, "mapped", record.timestamp,
            event_id=delivery.event_id, config=delivery.config, customer=delivery.customer_id,
            kind=delivery.kind, name=delivery.name, delivery_id=delivery.delivery_id,
            mapping_version=delivery.mapping_version, received_at=delivery.received_at,
            replay=_replay(record.headers), redriven=_redriven(record.headers),
        )
    ]  # fmt: skip


def _answered(record: Any) -> list[Sighting]:
    receipt = Receipt.read(record.value)
    stage = _OUTCOMES[receipt.outcome]
    return [
        _at(
            record, stage, receipt.at,
            event_id=event_of(one), config=receipt.config, delivery_id=one, mapping_version=version,
            status=receipt.status or None, request_id=receipt.request_id,
        )
        for version, ids in receipt.deliveries.items()
        for one in ids
    ]  # fmt: skip


def _refused(record: Any) -> list[Sighting]:
    own = _texts(record.headers)
    refused_by, reason = own.get("dead_letter.stage", ""), own.get("dead_letter.reason", "")
    failed_at = _number(own.get("dead_letter.failed_at"))
    if not refused_by or failed_at is None:
        raise InvalidRecord("no dead letter: header 'dead_letter.stage' or '.failed_at' is missing")
    whose = _id(record)
    return [
        _at(
            record, "parked" if reason == _PARKED else "refused", failed_at,
            event_id=own.get("event_id", ""), config=own.get("config", ""),
            event_topic=own.get("topic", ""),
            contacts=(whose,) if refused_by == "contacts" else (),
            companies=(whose,) if refused_by == "companies" else (),
            customer=whose if refused_by == "deliver" else "",
            kind=own.get("kind", ""), name=own.get("name", ""),
            delivery_id=own.get("delivery_id", ""), mapping_version=own.get("mapping_version", ""),
            received_at=_number(own.get("received_at")),
            status=_number(own.get("dead_letter.answer_status")) or None,
            request_id=own.get("dead_letter.request_id", ""), reason=reason, refused_by=refused_by,
            replay=own.get("replay.id", ""), redriven=_redriven(record.headers),
        )
    ]  # fmt: skip


_READ: Mapping[TopicName, Callable[[Any], list[Sighting]]] = {
    EVENTS: _received,
    CONTACTS: _for_contact,
    COMPANIES: _for_company,
    DELIVERIES: _mapped,
    DEAD_LETTERS: _refused,
    RECEIPTS: _answered,
}


def _at(record: Any, stage: Stage, at: int, **fields: Any) -> Sighting:
    return Sighting(stage, at, record.topic, record.partition, record.offset, **fields)


def _id(record: Any) -> str:
    """The id in the record's key, without what its configuration put before it."""
    return split_scope((record.key or b"").decode(errors="replace"))[1]


def _replay(headers: Iterable[tuple[str, bytes]]) -> str:
    replayed = Replayed.from_headers(headers)
    return "" if replayed is None else replayed.id


def _redriven(headers: Iterable[tuple[str, bytes]]) -> bool:
    return any(name == "redrive.run" for name, _ in headers)


def _texts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    return {name: (value or b"").decode(errors="replace") for name, value in headers}


def _number(text: str | None) -> int | None:
    if not text or len(text) > _MAX_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
