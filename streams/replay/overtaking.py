"""Users that must not be delivered again, for what came later has overtaken them. Pure.

A user element sets attributes. One that is sent again behind a later one of the same customer would set
them back; where the later one has the same attributes, or more, there is nothing to be had from it. And
a customer who was merged away or deleted since must not be made anew by anything from before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.codec import decode_object
from events.elements import Delivery
from events.errors import InvalidData


class Overtaking:
    """What stands, by customer, of the deliveries that were told in the order of their partition.

    Memory: for every customer the users that stand, mostly one. Deliveries are those of one
    configuration, without replayed ones: these come later than what is newer.
    """

    def __init__(self) -> None:
        self._standing: dict[str, dict[int, frozenset[str]]] = {}
        self._gone: dict[str, int] = {}
        self._known: dict[frozenset[str], frozenset[str]] = {}

    def take(self, offset: int, delivery: Delivery, *, overtakes: bool = True) -> None:
        """The next delivery of its partition; whether it overtakes others, where it is a user."""
        customer = delivery.customer_id
        if delivery.kind == "delete" or (delivery.kind == "merge" and delivery.then):
            self._gone[customer] = offset
            self._standing.pop(customer, None)
        elif delivery.kind == "user":
            names = frozenset(attributes_of(delivery))
            names = self._known.setdefault(names, names)
            standing = self._standing.setdefault(customer, {})
            if overtakes:
                for earlier in [at for at, fewer in standing.items() if fewer <= names]:
                    del standing[earlier]
            standing[offset] = names

    def stands(self, offset: int, delivery: Delivery) -> bool:
        """Whether the user or event of this offset was not overtaken by anything that was told."""
        if delivery.kind == "user":
            return offset in self._standing.get(delivery.customer_id, ())
        return offset > self._gone.get(delivery.customer_id, -1)


def attributes_of(delivery: Delivery) -> Mapping[str, Any]:
    """The attributes of a user's body; none where it has none that can be read."""
    try:
        attributes = decode_object(delivery.body).get("attributes")
    except InvalidData:
        return {}
    return attributes if isinstance(attributes, dict) else {}
