"""How a record leaves for a replay: marked, and labelled where it is an element already. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from events.codec import decode_object, encode
from events.elements import Delivery
from events.replays import Replayed
from mappings.safety import MAX_EVENT_ATTRIBUTES, MAX_USER_ATTRIBUTES, safe_name
from streams.publishing import Headers, Outgoing

#: A replayed element is no redriven dead letter, whatever it was before.
_NOT_AGAIN = "redrive."


def marked(record: Outgoing, replayed: Replayed) -> Outgoing:
    """The record with the mark behind its own headers."""
    return record._replace(headers=(*record.headers, *replayed.headers()))


def delivered_again(topic: str, delivery: Delivery, headers: Headers, replayed: Replayed) -> Outgoing:
    """A user or event as it was, with the label among its attributes.

    Raises InvalidJson, InvalidPayload for a body that is no JSON object.
    """
    own = [(name, value) for name, value in headers if not name.startswith(_NOT_AGAIN)]
    body = labelled(delivery.body, replayed) if replayed.label else delivery.body
    return marked(Outgoing(topic, delivery.customer_id.encode(), body, own), replayed)


def labelled(body: bytes, replayed: Replayed) -> bytes:
    """A rendered user or event with the attribute that says which replay it came by.

    It displaces nothing (streams.stages.label).
    """
    document = decode_object(body)
    actions = document.get("actions")
    holders: Sequence[object] = actions if isinstance(actions, list) else [document]
    for holder in holders:
        attributes = holder.get("attributes") if isinstance(holder, dict) else None
        limit = MAX_EVENT_ATTRIBUTES if isinstance(actions, list) else MAX_USER_ATTRIBUTES
        if isinstance(attributes, dict) and len(attributes) < limit:
            attributes.setdefault(safe_name(replayed.label), replayed.id)
    return encode(document)
