"""What goes wrong on demand: read from JSON, kept in a queue, handed out request by request. Pure.

Faults that count down are used up in the order of posting; ``refuse``, ``random`` and ``forget`` stay
until cleared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from events.codec import kind_of
from events.errors import InvalidPayload
from moengage.errors import SandboxRefusal
from moengage.sandbox.validation import NewEvent, Taken


@dataclass(slots=True)
class StatusFault:
    """Answer with this status and take nothing. ``retry_after`` is in seconds."""

    status: int
    count: int
    retry_after: float | None = None

    def refusal(self) -> SandboxRefusal:
        """The answer."""
        headers = {}
        if self.status == 429:
            headers = {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0"}
            if self.retry_after is None:
                headers["x-ratelimit-reset"] = "1"
        if self.retry_after is not None:
            headers["Retry-After"] = f"{self.retry_after:g}"
        return SandboxRefusal(self.status, "SandboxFault", f"{self.status} on demand", headers=headers)


@dataclass(slots=True)
class LostAnswer:
    """Close the connection after this many seconds, with no answer; take the request before or never."""

    seconds: float
    count: int
    after_taking: bool = False


@dataclass(frozen=True, slots=True)
class RefuseFault:
    """Refuse every request with an element of this customer id or of this action."""

    customer_id: str | None = None
    action: str | None = None

    def hits(self, element: Taken) -> bool:
        """Whether the element is meant."""
        if self.customer_id is not None:
            return element.customer_id == self.customer_id
        return isinstance(element, NewEvent) and element.action == self.action


@dataclass(slots=True)
class RandomFaults:
    """Let a share of the requests go wrong: 429, 500, a reset, and an answer that never comes.

    ``seed`` makes the order the same in every run; ``seconds`` is how long a missing answer takes.
    """

    share: float
    seed: int
    seconds: float
    _random: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - no secret depends on it

    def next(self) -> StatusFault | LostAnswer | None:
        """The fault of this request, if it has one."""
        if self._random.random() >= self.share:
            return None
        kind = self._random.choice(("429", "500", "reset", "timeout"))
        if kind == "429":
            return StatusFault(429, 1, retry_after=0.2)
        if kind == "500":
            return StatusFault(500, 1)
        taken = self._random.random() < 0.5
        return LostAnswer(self.seconds if kind == "timeout" else 0.0, 1, after_taking=taken)


@dataclass(slots=True)
class ForgetFault:
    """Leave a share of the elements out of what is kept, though they were taken. ``seed``: as above."""

    share: float
    seed: int
    _random: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - no secret depends on it

    def next(self) -> bool:
        """Whether the next element is forgotten."""
        return self._random.random() < self.share


Fault = StatusFault | LostAnswer | RefuseFault | RandomFaults | ForgetFault


class Faults:
    """The faults that are due."""

    def __init__(self) -> None:
        self._queue: deque[StatusFault | LostAnswer] = deque()
        self._refusals: list[RefuseFault] = []
        self._random: RandomFaults | None = None
        self._forget: ForgetFault | None = None

    def add(self, fault: Fault) -> None:
        """Line a fault up."""
        if isinstance(fault, RefuseFault):
            self._refusals.append(fault)
        elif isinstance(fault, RandomFaults):
            self._random = fault
        elif isinstance(fault, ForgetFault):
            self._forget = fault
        else:
            self._queue.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        self._queue.clear()
        self._refusals.clear()
        self._random = None
        self._forget = None

    def next(self) -> StatusFault | LostAnswer | None:
        """The fault of this request, counted down."""
        if not self._queue:
            return None if self._random is None else self._random.next()
        fault = self._queue[0]
        fault.count -= 1
        if fault.count <= 0:
            self._queue.popleft()
        return fault

    def refuse(self, elements: Iterable[Taken]) -> None:
        """Raises SandboxRefusal (400) where an element is to be refused, without saying which."""
        if self._refusals and any(fault.hits(e) for e in elements for fault in self._refusals):
            raise SandboxRefusal(400, "AttributeError", "An element is refused on demand")

    def forget(self, count: int) -> frozenset[int]:
        """Which of so many elements, by their place among them, are forgotten once they are taken."""
        fault = self._forget
        return frozenset() if fault is None else frozenset(n for n in range(count) if fault.next())


def read_fault(document: Mapping[str, Any]) -> Fault:
    """A fault from its JSON. Raises InvalidPayload naming the field."""
    kind = document.get("kind")
    fields = _FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise InvalidPayload("kind", f"expected one of {', '.join(_FIELDS)}")
    for name in document:
        if name != "kind" and name not in fields:
            raise InvalidPayload(name, f"not a field of {kind}; it has {', '.join(fields)}")
    if kind == "refuse":
        return _read_refuse(document)
    if kind in ("random", "forget"):
        share = _number(document, "share", None, least=0, most=1)
        seed = _number(document, "seed", 0, whole=True, least=0, most=2**32)
        if kind == "forget":
            return ForgetFault(share, int(seed))
        seconds = _number(document, "seconds", 3.0, least=0, most=3_600)
        return RandomFaults(share, int(seed), seconds)
    count = _number(document, "count", 1, whole=True, least=1, most=1_000_000)
    if kind == "status":
        status = _number(document, "status", None, whole=True, least=400, most=599)
        after = document.get("retry_after")
        if after is not None:
            after = _number(document, "retry_after", None, least=0, most=86_400)
        return StatusFault(int(status), int(count), after)
    seconds = 0.0 if kind == "reset" else _number(document, "seconds", None, least=0, most=3_600)
    after_taking = document.get("after_taking", False)
    if not isinstance(after_taking, bool):
        raise InvalidPayload("after_taking", f"expected a boolean, got {kind_of(after_taking)}")
    return LostAnswer(seconds, int(count), after_taking)


_FIELDS: Mapping[str, tuple[str, ...]] = {
    "status": ("status", "count", "retry_after"),
    "timeout": ("seconds", "count", "after_taking"),
    "reset": ("count", "after_taking"),
    "refuse": ("customer_id", "action"),
    "random": ("share", "seed", "seconds"),
    "forget": ("share", "seed"),
}


def _read_refuse(document: Mapping[str, Any]) -> RefuseFault:
    named = [name for name in _FIELDS["refuse"] if name in document]
    if len(named) != 1:
        raise InvalidPayload("customer_id", "expected either customer_id or action, one of the two")
    value = document[named[0]]
    if not isinstance(value, str) or not value:
        raise InvalidPayload(named[0], f"expected a string that is not empty, got {kind_of(value)}")
    return RefuseFault(**{named[0]: value})


def _number(
    document: Mapping[str, Any],
    name: str,
    default: float | None,
    *,
    whole: bool = False,
    least: float,
    most: float,
) -> float:
    value = document.get(name, default)
    what = "a whole number" if whole else "a number"
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise InvalidPayload(name, f"expected {what} from {least} to {most}, got {kind_of(value)}")
    if not least <= value <= most:
        raise InvalidPayload(name, f"expected {what} from {least} to {most}, got {value}")
    return value
