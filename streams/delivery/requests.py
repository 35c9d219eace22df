"""Requests, as the scheduler makes them: what goes out together, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from moengage.errors import InvalidConfig
from streams.delivery.element import Element

#: ``bulk``, ``merge`` and ``delete`` are MoEngage's calls; ``pass_on`` publishes a merge anew under the
#: other customer id, ``park`` puts away what came behind a refused element.
Call = Literal["bulk", "merge", "delete", "pass_on", "park"]


@dataclass(frozen=True, slots=True)
class Limits:
    """A request goes out at ``max_elements``, at ``max_bytes``, or ``linger_s`` after its first element.

    ``in_flight``: requests that are out at once, and batches that are neither taken nor taken apart to
    the customers that hold them up. ``max_attempts``: tries for an element that fails alone, while others
    are taken, before it counts as refused; 0: no end. Raises InvalidConfig.
    """

    max_elements: int = 100
    max_bytes: int = 100_000
    linger_s: float = 0.05
    in_flight: int = 4
    max_attempts: int = 0

    def __post_init__(self) -> None:
        for name, least in (("max_elements", 1), ("max_bytes", 1), ("in_flight", 1), ("max_attempts", 0)):
            value = getattr(self, name)
            if value < least:
                raise InvalidConfig(name, f"expected {least} or more, got {value}")
        if not self.linger_s >= 0:
            raise InvalidConfig("linger_s", f"expected 0 or more, got {self.linger_s}")


class Batch:
    """What went out together first; ``parts`` of it are neither settled nor wait alone.

    ``apart``: it was taken apart, so that one answer does not settle it.
    """

    __slots__ = ("apart", "parts")

    def __init__(self) -> None:
        self.parts = 1
        self.apart = False


class Request:
    """One request: elements in order, of customers that have nothing else on its way."""

    __slots__ = (
        "alone", "batch", "call", "elements", "events", "failures", "kept", "since", "taken_before",
        "users",
    )  # fmt: skip

    def __init__(self, call: Call, elements: list[Element], batch: Batch) -> None:
        self.call = call
        self.elements = elements
        self.batch = batch
        self.failures = 0
        self.since = -inf  # when it went out, or came to wait to be sent again
        self.taken_before = 0  # how many requests were taken before this one failed first
        self.alone = False  # one element that is no part of its batch any more: it fails, or is kept
        self.kept = False  # it was refused, and the brake applied
        self.events = sum(element.kind == "event" for element in elements)
        self.users = len(elements) - self.events

    @property
    def is_moengages(self) -> bool:
        """Whether it is a call of MoEngage's; else something is to be published."""
        return self.call in ("bulk", "merge", "delete")


@dataclass(frozen=True, slots=True)
class Settled:
    """What an answer came to: elements that MoEngage took, and at most one that it never will."""

    taken: Sequence[Element] = ()
    refused: Element | None = None
