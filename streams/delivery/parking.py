"""Whose elements wait behind a dead letter until that is redriven. Pure.

With ``delivery.after_refusal = "park"``, a customer of whom MoEngage refused an element is parked: what
comes later for it is put among the dead letters too, in order, until all of it was redriven. A redriven
element passes; when the newest letter of a customer came back and was taken, the customer is parked no
more. Where a redriven one is refused again, the others of the same redrive are parked anew.

One row for a parked customer, in the table ``parked``, so that it outlives a restart and moves with the
partition.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from events.keys import scoped, split_scope
from streams.delivery.element import Element

#: The reason that a dead letter has which nobody refused.
PARKED = "parked"

#: A row to write, None to delete it.
Change = tuple[bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class Parked:
    """``newest``: the delivery id of the customer's newest dead letter.

    ``since``: the offset of the element that was refused; what is before it, and comes again after a
    crash, is none of this. ``run``: the redrive of which one was refused again; "" for none.
    """

    newest: str
    since: int
    run: str = ""


class Parking:
    """The parked customers of one workspace, of the partitions at hand. ``scope`` begins their keys."""

    def __init__(self, scope: str = "", *, active: bool = False) -> None:
        self._scope = scope
        self._active = active
        self._parked: dict[str, Parked] = {}

    def __len__(self) -> int:
        return len(self._parked)

    def stops(self, element: Element) -> bool:
        """Whether the element is to be put away, for it is behind one that was."""
        parked = self._parked.get(element.customer)
        if parked is None:
            return False
        return element.run == parked.run if element.run else element.record.offset >= parked.since

    def put_away(self, element: Element, *, refused: bool) -> Change | None:
        """The element is among the dead letters: its customer is parked. The row to write, if any.

        A merge or a delete that is refused parks nobody: what comes later does not build on it.
        """
        if not self._active or (refused and element.kind in ("merge", "delete")):
            return None
        before = self._parked.get(element.customer) or Parked("", element.record.offset)
        parked = Parked(element.id, before.since, element.run or before.run)
        self._parked[element.customer] = parked
        return self._key(element), orjson.dumps(parked)

    def taken(self, element: Element) -> Change | None:
        """The element went its way. The row to delete, if this was what its customer waited for."""
        parked = self._parked.get(element.customer)
        if parked is None or not element.run or parked.newest != element.id:
            return None
        del self._parked[element.customer]
        return self._key(element), None

    def load(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Take in the rows of a partition; those of other workspaces are left out."""
        if self._active:
            for key, row in rows:
                scope, customer = split_scope(key.decode())
                if scope == self._scope:
                    self._parked[customer] = Parked(**orjson.loads(row))

    def reset(self, key: bytes, row: bytes | None) -> None:
        """A change of this row is void: it is as it is written."""
        self._parked.pop(split_scope(key.decode())[1], None)
        if row is not None:
            self.load([(key, row)])

    def clear(self) -> None:
        """The partitions are gone."""
        self._parked.clear()

    def _key(self, element: Element) -> bytes:
        return scoped(self._scope, element.customer).encode()
