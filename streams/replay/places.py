"""Whose a delivery is: its id is the event's id, then the contact's, then its place among those. Pure."""

from __future__ import annotations

from events.elements import Delivery
from events.keys import split_scope


def contact_of(delivery: Delivery) -> str:
    """The contact's id, of one that has no slash in it."""
    _, place = split_scope(delivery.delivery_id)
    return place.removeprefix(f"{delivery.event_id}/").partition("/")[0]


def is_of_contact(delivery: Delivery, contact: str) -> bool:
    """Whether it was made for this contact."""
    _, place = split_scope(delivery.delivery_id)
    return place.startswith(f"{delivery.event_id}/{contact}/")
