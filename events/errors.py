"""The root of every exception that moebridge raises on purpose.

    MoebridgeError
    ├── InvalidData             what came in cannot be used; never retried
    │   ├── InvalidJson         not JSON, with the position
    │   ├── InvalidPayload      JSON, but not the shape that was promised
    │   └── InvalidRecord       a record on one of our topics that we did not write so
    │       └── UnknownConfiguration   one of a configuration that the settings do not have
    ├── ingest.errors           what the front door refuses, each with its HTTP status
    ├── mappings.errors         rule files that do not compile
    ├── moengage.errors         what delivery meets
    ├── intercom.errors         what asking Intercom meets
    ├── streams.errors          what stops a worker
    └── moebridge.errors        settings and processes

Messages name the field, the value where it is not secret or personal, and the remedy.
"""

from __future__ import annotations


class MoebridgeError(Exception):
    """Root of the tree."""


class InvalidData(MoebridgeError):
    """What came in cannot be used, now or later; a retry would fail the same way."""


class InvalidJson(InvalidData):
    """The bytes are not JSON.

    ``position`` is the byte offset of the first byte that does not fit; ``line`` and ``column`` count
    from 1.
    """

    def __init__(self, reason: str, *, position: int, line: int, column: int) -> None:
        super().__init__(f"not JSON: {reason} (line {line}, column {column}, byte {position})")
        self.reason = reason
        self.position = position
        self.line = line
        self.column = column


class InvalidPayload(InvalidData):
    """JSON, but without the shape that its producer promises. ``field`` is a dotted path."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class InvalidRecord(InvalidData):
    """A record on one of our topics lacks what every record of that topic has."""


class UnknownConfiguration(InvalidRecord):
    """The record belongs to a configuration that is not in the settings (any more)."""

    def __init__(self, config: str) -> None:
        super().__init__(
            f"header 'config': there is no configuration {config[:100]!r} in the settings; put it back "
            "and deliver the record again, or leave it here"
        )
        self.config = config
