"""From a body to the record on intercom.events, or to a refusal. Pure: the clock is an argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from events.envelope import PING_TOPIC, Envelope, partner_envelope, webhook_envelope
from events.errors import InvalidPayload, UnknownConfiguration
from events.subjects import subjects_of
from ingest import basic_auth
from ingest.config import IngestConfig
from ingest.content import json_object
from ingest.errors import (
    CredentialsWrong,
    SignatureMissing,
    SignatureWrong,
    UnknownConfig,
    WrongShape,
)
from ingest.signature import signer, well_formed

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

    The signature is checked before anything is parsed; the secret that made it tells the configuration.
    Unknown topics are accepted: Intercom adds topics with every API version. ``received_at`` is in ms.
    Raises SignatureMissing, SignatureWrong, NotJson, WrongShape.
    """
    if not well_formed(signature):
        raise SignatureMissing("X-Hub-Signature: expected sha1= and 40 hexadecimal digits.")
    secrets = [(one.config, secret) for one in config.senders for secret in one.webhook_secrets]
    name = signer(body, signature, secrets)
    if name is None:
        raise SignatureWrong("X-Hub-Signature: does not fit the body and an accepted client secret.")
    document = json_object(body)
    if document.get("topic") == PING_TOPIC:
        return None
    return _accepted(
        document,
        lambda: webhook_envelope(body, document, config=name, received_at=received_at),
    )


def partner_event(
    body: bytes, *, kind: str, workspace: str, config_name: str, received_at: int
) -> Accepted:
    """Take the body of a connector or a Series webhook; ``kind`` is the path's last part.

    The sender is authenticated before (``partner_sender``). ``received_at`` is in ms. Raises NotJson,
    WrongShape.
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


def partner_sender(header: str | None, asked: str | None, config: IngestConfig) -> tuple[str, str]:
    """Workspace id and configuration of who sends, by its Authorization and ``configName``.

    Without ``configName`` it is the default configuration. Whoever has no credentials of ours learns
    nothing of names: that comes first. Raises CredentialsWrong where they are none of ours, or not those
    of this configuration; UnknownConfig, without telling which names there are.
    """
    pairs = [(one.config, pair) for one in config.senders for pair in one.partner_credentials]
    fits = basic_auth.accepted(header, (pair for _, pair in pairs))
    workspaces = {name: pair[0] for (name, pair), fit in zip(pairs, fits, strict=True) if fit}
    if not workspaces:
        raise CredentialsWrong("Authorization: expected Basic base64(workspace id:data key).")
    name = config.config_name if asked is None else _known(asked, config)
    if name not in workspaces:
        raise CredentialsWrong(
            "Authorization: not the credentials of this configuration; check configName."
        )
    return workspaces[name], name


def _known(asked: str, config: IngestConfig) -> str:
    try:
        if asked:
            return config.configurations.named(asked)
    except UnknownConfiguration:
        pass
    raise UnknownConfig("configName: there is no such configuration; check the URL.")


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
