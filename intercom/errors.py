"""What asking Intercom meets.

MoebridgeError
└── IntercomError
    ├── InvalidConfig          settings that cannot work; names the field
    ├── TransportFailed        one call without an answer; the client tries again
    ├── IntercomUnavailable    no answer within tries and patience; may work later
    ├── IntercomRefused        credentials or settings; names the setting
    ├── IntercomRejected       a request that Intercom will never take
    └── SandboxRefusal         the sandbox's own refusal of a request, as Intercom words it

No message holds a token, an id, an address or anything else of a contact: of what Intercom said, only
the status and the error code are repeated.
"""

from __future__ import annotations

from collections.abc import Mapping

from events.errors import MoebridgeError


class IntercomError(MoebridgeError):
    """Root of this branch."""


class InvalidConfig(IntercomError):
    """A setting that cannot work. ``problem`` never holds a secret."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class TransportFailed(IntercomError):
    """No whole answer came back."""


class IntercomUnavailable(IntercomError):
    """Intercom did not answer usefully in time; the same question may be answered later."""


class IntercomRefused(IntercomError):
    """Intercom does not let us in. ``setting`` is the field of IntercomConfig to look at first."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.setting = setting
        self.problem = problem


class IntercomRejected(IntercomError):
    """Intercom will never take this request; others may well pass."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"Intercom rejected the request ({status}{f' {code}' if code else ''})")
        self.status = status
        self.code = code


class SandboxRefusal(IntercomError):
    """What the sandbox answers in place of what was asked for; becomes its ``error.list``."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = dict(headers or {})
