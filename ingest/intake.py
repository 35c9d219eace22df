"""From a body to the record on intercom.events, or to a refusal. Pure: the clock is an argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from events.envelope import PING_TOPIC, Envelope, partner_envelope, webhook_envelope
from events.errors import InvalidPayload
from events.subjects import subjects_of
from ingest.config import IngestConfig
from ingest.content import json_object
from ingest.errors import SignatureMissing, SignatureWrong, UnknownConfig, WrongShape
from ingest.signature import verify, well_formed

#: Intercom's ids have some 40 characters; what travels in a record's headers must be bounded.
MAX_ID_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event to publish, and the key that keeps it in order with others about the same contact."""

    envelope: Envelope
    key: bytes


def webhook_event(
    body: bytes, signature: str | None, *, config: IngestConfig, received_at: int
) -> Accepted | None:
    """Take a webhook's raw body; None for a ``ping``, which is answered and not stored.

    The signature is checked before anything is parsed. Unknown topics are accepted: Intercom adds
    topics with every API version. ``received_at`` is in ms. Raises SignatureMissing, SignatureWrong,
    NotJson, WrongShape.
    """
    if not well_formed(signature):
        raise SignatureMissing("X-Hub-Signature: expected sha1= and 40 hexadecimal digits.")
    if not verify(body, signature, config.webhook_secrets):
        raise SignatureWrong("X-Hub-Signature: does not fit the body and an accepted client secret.")
    document = json_object(body)
    if document.get("topic") == PING_TOPIC:
        return None
    return _accepted(
        document,
        lambda: webhook_envelope(body, document, config=config.config_name, received_at=received_at),
    )


def partner_event(
    body: bytes, *, kind: str, workspace: str, config_name: str, received_at: int
) -> Accepted:
    """Take the body of a connector or a Series webhook; ``kind`` is the path's last part.

    The sender is authenticated before: ``workspace`` is whose credentials it gave. ``received_at`` is
    in ms. Raises NotJson, WrongShape.
    """
    document = json_object(body)
    return _accepted(
        document,
        lambda: partner_envelope(
            body,
            document,
            kind=kind,
            workspace=workspace,
            config=config_name,
            received_at=received_at,
        ),
    )


def known_config(asked: str | None, config: IngestConfig) -> str:
    """The configuration that a request names, or the configured one where it names none.

    Raises UnknownConfig, without telling which names there are.
    """
    if asked is not None and asked != config.config_name:
        raise UnknownConfig("configName: there is no such configuration; check the URL.")
    return config.config_name


def _accepted(document: dict[str, Any], make: Callable[[], Envelope]) -> Accepted:
    try:
        envelope = make()
    except InvalidPayload as error:
        raise WrongShape(str(error)) from None
    for field, value in (("id", envelope.event_id), ("app_id", envelope.workspace)):
        if len(value) > MAX_ID_LENGTH:
            raise WrongShape(f"{field}: expected at most {MAX_ID_LENGTH} characters")
    subjects = subjects_of(envelope.source, envelope.topic, document)
    return Accepted(envelope, subjects.ordering_key(envelope.event_id))
