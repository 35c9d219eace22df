"""What a tail has seen, as lines for people and as JSON. Names nobody unless asked to."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from events.codec import encode
from events.masking import masked
from moebridge.dead_letters.shown import printable
from moebridge.lag_table import duration
from streams.tail.sighting import Sighting, Stage

_COLOURS: dict[Stage, str] = {
    "received": "cyan", "routed": "blue", "mapped": "yellow", "delivered": "green",
    "refused": "red", "parked": "magenta", "voided": "magenta", "unreadable": "red",
}  # fmt: skip

#: The end of the year 9999.
_LAST_MS = 253_402_300_799_000
#: Characters of an event id that are enough to tell events apart at a glance.
_ID_CHARS = 14
_REASON_CHARS = 300

_EMAIL = re.compile(r"[^\s@'\"<>()\[\],;:=]+@[^\s@'\"<>()\[\],;:=]+")


def text_line(one: Sighting, *, personal: bool, colour: bool) -> str:
    """One line: time, stage, event, how long after its receipt, what, whose, and what else there is."""
    stage = f"{one.stage:<10}"
    cells = (
        f"{moment(one.at) or '?':<24}",
        click.style(stage, fg=_COLOURS[one.stage]) if colour else stage,
        f"{short(one.event_id):<15}",
        f"{lag(one):>9}",
        f"{what(one):<34}",
        f"{_whose(one, personal):<16}",
        _more(one, personal),
    )
    return " ".join(cells).rstrip()


def json_line(one: Sighting, *, personal: bool) -> str:
    """One JSON object, with the event's whole id."""
    ids: Callable[[str], str] = str if personal else masked
    document: dict[str, Any] = {
        "time": moment(one.at),
        "stage": one.stage,
        "event_id": one.event_id or None,
        "event_topic": one.event_topic or None,
        "config": one.config or None,
        "contacts": [ids(contact) for contact in one.contacts],
        "companies": [ids(company) for company in one.companies],
        "customer": ids(one.customer) or None,
        "kind": one.kind or None,
        "name": one.name or None,
        "received_at": moment(one.received_at),
        "lag_ms": one.lag_ms,
        "status": one.status,
        "request_id": one.request_id or None,
        "reason": _said(one, one.reason, personal) or None,
        "refused_by": one.refused_by or None,
        "replay": one.replay,
        "redriven": one.redriven,
        "mapping_version": one.mapping_version or None,
        "record": {"topic": one.topic, "partition": one.partition, "offset": one.offset},
        "problem": _said(one, one.problem, personal) or None,
    }
    if personal:
        document["delivery_id"] = one.delivery_id or None
    if document["lag_ms"] is not None and abs(document["lag_ms"]) > _LAST_MS:
        document["lag_ms"] = None  # of a time that no calendar has
    return encode(document).decode()


def moment(ms: int | None) -> str | None:
    """A time in UTC to the millisecond; None where there is none, or none that a calendar has."""
    if ms is None or not 0 < ms <= _LAST_MS:
        return None
    at = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def short(event_id: str) -> str:
    """The beginning of an event id; ``--event-id`` takes it as it is."""
    text = printable(event_id)
    return text if len(text) <= _ID_CHARS + 1 else f"{text[:_ID_CHARS]}…"


def what(one: Sighting) -> str:
    """Intercom's topic, or the element, in a few words."""
    if one.stage == "unreadable":
        return printable(f"{one.topic}[{one.partition}] at {one.offset}")
    words = (one.event_topic, one.kind, one.name)
    return printable(" ".join(word for word in words if word)) or "?"


def lag(one: Sighting) -> str:
    """How long after its receipt; nothing where it is the receipt itself."""
    if one.stage == "received" or one.lag_ms is None or abs(one.lag_ms) > _LAST_MS:
        return ""
    if abs(one.lag_ms) < 1000:
        return f"{one.lag_ms:+d} ms"
    return ("+" if one.lag_ms > 0 else "-") + duration(abs(one.lag_ms) / 1000)


def _whose(one: Sighting, personal: bool) -> str:
    ids: Callable[[str], str] = printable if personal else masked
    if one.customer:
        return f"customer {ids(one.customer)}"
    told = [f"contact {ids(contact)}" for contact in one.contacts]
    told += [f"company {ids(company)}" for company in one.companies]
    if len(told) > 1 and one.stage == "received":
        return f"{told[0]} +{len(told) - 1}"
    return ", ".join(told)


def _more(one: Sighting, personal: bool) -> str:
    by = f"by {one.refused_by}:" if one.refused_by and one.refused_by != "deliver" else ""
    told = (
        str(one.status or ""),
        by,
        _said(one, one.reason or one.problem, personal),
        one.request_id,
        f"replay {one.replay}" if one.replay else "",
        "redriven" if one.redriven else "",
    )
    return " ".join(printable(text) for text in told if text)


def _said(one: Sighting, text: str, personal: bool) -> str:
    """A reason as it was given; without what may be somebody's id or address unless ``personal``."""
    if not personal:
        for whose in sorted((one.customer, *one.contacts, *one.companies), key=len, reverse=True):
            if whose:
                text = text.replace(whose, masked(whose))
        text = _EMAIL.sub(lambda found: masked(found[0]), text)
    return text[:_REASON_CHARS]
