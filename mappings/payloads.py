"""Payloads as people write them down, in tests and for a preview, into envelopes.

{topic: ticket.created, item: {…}, id: n1, at: 2026-01-10T09:00:00Z}   a notification in short
{type: notification_event, topic: …, data: {item: {…}}, …}             one as Intercom sends it
{connector: {…}}, {connector_event: {…}}                               a data connector's body, by
{series: {…}}, {series_event: {…}}                                     endpoint; or a Series webhook's
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from events.codec import encode
from events.envelope import Envelope, partner_envelope, webhook_envelope
from events.errors import InvalidPayload
from events.times import iso_utc, parse_ms

#: The forms of a body that comes without a topic, and the last part of the path that each is sent to.
PARTNER_FORMS: Mapping[str, str] = {
    "connector": "user",
    "connector_event": "event",
    "series": "user",
    "series_event": "event",
}
#: What a notification in short may say.
SHORT_KEYS = ("topic", "item", "id", "at")

# When the first payload was received that names no time, 2026-01-01T00:00:00Z, and how long after one
# the next is: longer than two bodies without an id count as the same.
_BEGAN_MS = 1_767_225_600_000
_STEP_MS = 300_000

_HOLDERS = ("contact", "company", "ticket", "conversation")


def envelopes(payloads: Iterable[Mapping[str, Any]]) -> list[Envelope]:
    """The envelopes of payloads that came one after the other. Raises InvalidPayload.

    A payload came at its ``at``, else at the newest time that it names, else five minutes after the one
    before; and never before that one.
    """
    made: list[Envelope] = []
    for payload in payloads:
        made.append(following(made, payload))
    return made


def following(before: Sequence[Envelope], payload: Mapping[str, Any]) -> Envelope:
    """The envelope of a payload that came after these. Raises InvalidPayload."""
    last = before[-1].received_at if before else _BEGAN_MS - _STEP_MS
    return _envelope(payload, len(before), last)


def written(topic: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A payload of ``topic``, given as Intercom's notification, as its item, or as a partner's body."""
    if topic in ("partner.user", "partner.event"):
        return {"connector" if topic == "partner.user" else "connector_event": document}
    if "data" in document:
        return {**document, "topic": topic or document.get("topic")}
    return {"topic": topic, "item": document}


def _envelope(payload: Mapping[str, Any], number: int, last: int) -> Envelope:
    form = next((form for form in PARTNER_FORMS if form in payload), None)
    if form is not None:
        _refuse_other_keys(payload, (form, "at"))
        body = _object(payload, form)
        at = _time(payload) or _newest(body) or last + _STEP_MS
        return partner_envelope(
            _encoded(body), body, kind=PARTNER_FORMS[form], workspace="", config="",
            received_at=max(at, last),
        )  # fmt: skip
    if "topic" not in payload:
        forms = ", ".join(PARTNER_FORMS)
        raise InvalidPayload("topic", f"expected a topic, beside 'item' or 'data'; or one of {forms}")
    if "data" in payload:
        notification = dict(payload)
        at = parse_ms(notification.get("created_at")) or last + _STEP_MS
    else:
        _refuse_other_keys(payload, SHORT_KEYS)
        item = _object(payload, "item")
        at = _time(payload) or _newest(item) or last + _STEP_MS
        notification = {
            "type": "notification_event",
            "id": payload.get("id", f"rehearsal_{number}"),
            "topic": payload.get("topic"),
            "created_at": iso_utc(at) if at % 1000 == 0 else at,
            "data": {"type": "notification_event_data", "item": item},
        }
    return webhook_envelope(_encoded(notification), notification, config="", received_at=max(at, last))


def _refuse_other_keys(payload: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in payload:
        if key not in known:
            forms = ", ".join((*SHORT_KEYS, "data", *PARTNER_FORMS))
            raise InvalidPayload(key, f"not beside {', '.join(known)}; a payload has some of: {forms}")


def _object(payload: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = payload.get(key)
    if not isinstance(value, dict):
        raise InvalidPayload(key, "expected an object")
    return value


def _time(payload: Mapping[str, Any]) -> int | None:
    if "at" not in payload:
        return None
    at = parse_ms(payload["at"])
    if at is None:
        raise InvalidPayload("at", "expected a time such as 2026-01-10T09:00:00Z, or epoch seconds")
    return at


def _newest(item: Mapping[str, Any]) -> int | None:
    """The newest time at which the item, or an object in it, says that it was made or changed."""
    holders = [item, *(item[name] for name in _HOLDERS if isinstance(item.get(name), dict))]
    times = [
        parse_ms(holder.get(name)) or 0
        for holder in holders
        for name in ("created_at", "updated_at", "modified_at")
    ]
    return max(times) or None


def _encoded(document: Mapping[str, Any]) -> bytes:
    try:
        return encode(document)
    except orjson.JSONEncodeError as error:
        raise InvalidPayload("$", f"JSON cannot hold this: {error}") from None
