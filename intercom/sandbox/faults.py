"""What goes wrong on demand: read from JSON, kept in a queue, handed out call by call. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from events.codec import kind_of
from events.errors import InvalidPayload
from intercom.errors import SandboxRefusal


@dataclass(slots=True)
class StatusFault:
    """Answer with this status; ``call`` empty means any. A 429 tells of a reset so many seconds away."""

    call: str
    count: int
    status: int
    reset_after: float = 1.0

    def refusal(self, now_s: float) -> SandboxRefusal:
        """The answer."""
        code = {401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "rate_limit_exceeded"}
        fallback = "service_unavailable" if self.status >= 500 else "client_error"
        headers = {}
        if self.status == 429:
            reset_s = math.ceil(now_s + self.reset_after)
            headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset_s)}
        message = f"{self.status} on demand"
        return SandboxRefusal(self.status, code.get(self.status, fallback), message, headers=headers)


@dataclass(slots=True)
class LostAnswer:
    """Close the connection after this many seconds, with no answer; ``call`` empty means any."""

    call: str
    count: int
    seconds: float


Fault = StatusFault | LostAnswer


class Faults:
    """The faults that are due, in the order of posting."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Line a fault up."""
        self._queue.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        self._queue.clear()

    def next(self, call: str) -> Fault | None:
        """The first fault that is meant for this call, counted down."""
        for place, fault in enumerate(self._queue):
            if fault.call in ("", call):
                fault.count -= 1
                if fault.count <= 0:
                    del self._queue[place]
                return fault
        return None


def read_fault(document: Mapping[str, Any], *, calls: Collection[str]) -> Fault:
    """A fault from its JSON; ``calls`` are those it can be meant for. Raises InvalidPayload."""
    kind = document.get("kind")
    fields = _FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise InvalidPayload("kind", f"expected one of {', '.join(_FIELDS)}")
    for name in document:
        if name != "kind" and name not in fields:
            raise InvalidPayload(name, f"not a field of {kind}; it has {', '.join(fields)}")
    call = document.get("call", "")
    if call not in ("", *calls):
        raise InvalidPayload("call", f"expected one of {', '.join(calls)}")
    count = _number(document.get("count", 1), "count", whole=True, least=1, most=1_000_000)
    if kind == "status":
        status = _number(document.get("status"), "status", whole=True, least=400, most=599)
        after = _number(document.get("reset_after", 1.0), "reset_after", least=0, most=3_600)
        return StatusFault(call, int(count), int(status), after)
    seconds = document.get("seconds", 0 if kind == "reset" else None)
    return LostAnswer(call, int(count), _number(seconds, "seconds", least=0, most=3_600))


_FIELDS: Mapping[str, tuple[str, ...]] = {
    "status": ("status", "count", "call", "reset_after"),
    "timeout": ("seconds", "count", "call"),
    "reset": ("count", "call"),
}


def _number(value: Any, name: str, *, least: float, most: float, whole: bool = False) -> float:
    what = f"a {'whole ' if whole else ''}number from {least} to {most}"
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise InvalidPayload(name, f"expected {what}, got {kind_of(value)}")
    if not least <= value <= most:
        raise InvalidPayload(name, f"expected {what}, got {value}")
    return value
