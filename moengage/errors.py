"""What delivery meets.

MoebridgeError
└── MoEngageError
    ├── InvalidConfig       settings that cannot work; names the field
    ├── InvalidElement      an element that cannot be written as JSON
    ├── TransportFailed     a call without a whole answer; may or may not have arrived
    └── SandboxRefusal      the sandbox's own refusal of a request, as MoEngage words it
"""

from __future__ import annotations

from collections.abc import Mapping

from events.errors import MoebridgeError


class MoEngageError(MoebridgeError):
    """Root of this branch."""


class InvalidConfig(MoEngageError):
    """A setting that cannot work. ``problem`` never holds a secret."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class InvalidElement(MoEngageError):
    """An element that JSON cannot hold; no retry helps, the mapping that made it has to change."""


class TransportFailed(MoEngageError):
    """No answer. ``ambiguous``: the request may have arrived; else it certainly has not."""

    def __init__(self, reason: str, *, ambiguous: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.ambiguous = ambiguous


class SandboxRefusal(MoEngageError):
    """What the sandbox answers in place of taking a request; becomes its error document."""

    def __init__(
        self,
        status: int,
        error_type: str,
        message: str,
        *,
        attribute: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message
        self.attribute = attribute
        self.headers = dict(headers or {})
