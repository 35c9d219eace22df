"""What the front door raises.

    MoebridgeError
    └── IngestError
        ├── InvalidConfig              settings that cannot be meant
        ├── CannotListen               the address is taken or not ours
        ├── SpoolUnusable              its folder cannot be written
        │   └── SpoolInUse             another process has it
        └── Refusal                    an answer other than 200, with its HTTP status
            ├── BadRequest             400
            │   ├── NotJson            malformed, with the position
            │   ├── WrongShape         JSON, but a field is missing or wrong
            │   └── BodyBroken         the body ended or broke off before its end
            ├── NotAuthentic           401
            │   ├── SignatureMissing
            │   ├── SignatureWrong
            │   └── CredentialsWrong
            ├── SourceNotAllowed       403, an address that is not on the list
            ├── UnknownPath            404
            ├── UnknownConfig          404
            ├── WrongMethod            405
            ├── BodyTooSlow            408
            ├── BodyTooLarge           413
            ├── WrongContentType       415
            ├── TryLater               429, with Retry-After
            │   ├── TooBusy            too many requests in work, or too many bytes
            │   ├── TooOften           more requests from one source than it may send
            │   ├── BrokerUnavailable  no broker has confirmed the record in time
            │   └── SpoolUnavailable   nor has the disk
            └── Unexpected             500, an error of ours

410 is not among them and never may be: Intercom answers it by disabling the subscription. Descriptions
go out to the caller: they hold no value of the body, no secret and no address of ours.
"""

from __future__ import annotations

from typing import ClassVar

from events.errors import MoebridgeError


class IngestError(MoebridgeError):
    """Root of this package's errors."""


class InvalidConfig(IngestError):
    """Settings that cannot be meant. Names the field, not the secret."""


class CannotListen(IngestError):
    """The address to listen on is taken, not ours, or not allowed."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"cannot listen on {host}:{port}: {reason}; choose another port or stop what uses it"
        )
        self.host = host
        self.port = port


class SpoolUnusable(IngestError):
    """The folder of the spool cannot be made or written; names it."""


class SpoolInUse(SpoolUnusable):
    """Another process holds the lock of the spool's folder."""


class Refusal(IngestError):
    """An answer other than 200: ``status``, a ``name`` for machines, a ``description`` for people."""

    status: ClassVar[int]
    name: ClassVar[str]

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class BadRequest(Refusal):
    """The body can never be taken as it is."""

    status = 400


class NotJson(BadRequest):
    """The body is not JSON; the description gives line, column and byte."""

    name = "not_json"


class WrongShape(BadRequest):
    """The body is JSON, but not what its producer promises; the description names the field."""

    name = "wrong_shape"


class BodyBroken(BadRequest):
    """The body could not be read to its end."""

    name = "body_broken"


class NotAuthentic(Refusal):
    """The request does not prove where it comes from."""

    status = 401


class SignatureMissing(NotAuthentic):
    """No X-Hub-Signature, or one of another form."""

    name = "signature_missing"


class SignatureWrong(NotAuthentic):
    """The signature fits none of the accepted client secrets."""

    name = "signature_wrong"


class CredentialsWrong(NotAuthentic):
    """No Basic credentials, or none that we accept."""

    name = "credentials_wrong"


class SourceNotAllowed(Refusal):
    """The request comes from an address that ``ingest.allowed_sources`` does not name."""

    status = 403
    name = "source_not_allowed"


class UnknownPath(Refusal):
    """There is nothing at this path."""

    status = 404
    name = "unknown_path"


class UnknownConfig(Refusal):
    """``configName`` is not ours. The description does not tell which ones are."""

    status = 404
    name = "unknown_config"


class WrongMethod(Refusal):
    """The path exists, for other methods."""

    status = 405
    name = "wrong_method"


class BodyTooSlow(Refusal):
    """The body did not arrive in time."""

    status = 408
    name = "body_too_slow"


class BodyTooLarge(Refusal):
    """The body, or the record made from it, exceeds the limit."""

    status = 413
    name = "body_too_large"


class WrongContentType(Refusal):
    """Neither JSON nor silent about its type, or compressed."""

    status = 415
    name = "wrong_content_type"


class TryLater(Refusal):
    """Nothing is wrong with the request; it is to be sent again later."""

    status = 429


class TooBusy(TryLater):
    """More requests are in work than this process takes on."""

    name = "too_busy"


class TooOften(TryLater):
    """This source has sent more requests a second than ``ingest.max_requests_per_source_s``."""

    name = "too_often"


class BrokerUnavailable(TryLater):
    """No broker has confirmed the record in time. ``reason`` is for our logs, not for the caller."""

    name = "broker_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The event was not taken: the store behind this endpoint is away. Send it again later."
        )
        self.reason = reason

    def __str__(self) -> str:
        return f"no broker takes records: {self.reason}"


class SpoolUnavailable(TryLater):
    """The broker is away and the spool is full, or its disk fails. ``reason`` is for our logs."""

    name = "spool_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The event was not taken: the store behind this endpoint is away. Send it again later."
        )
        self.reason = reason

    def __str__(self) -> str:
        return f"the spool takes no records: {self.reason}"


class Unexpected(Refusal):
    """An error of ours; the log says where."""

    status = 500
    name = "unexpected_error"
