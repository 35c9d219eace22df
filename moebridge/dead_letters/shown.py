"""Dead letters as they are shown: a row of a list, a line of JSON, one of them whole.

What is on them may have come from anybody, so nothing of it reaches a terminal as a control character.
In lists, whose they are is shown as a digest: equal ones look equal, and nobody can be read from it who
is not on a list of ids at hand.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from events.codec import decode
from events.errors import InvalidJson
from events.masking import masked as masked
from moebridge.dead_letters.letter import OURS, REDRIVE, Letter
from moebridge.dead_letters.settlements import Settlement

#: Headers of a record that ``show`` has a line for; of others it shows the name alone.
_KNOWN = frozenset(
    {"config", "delivery_id", "event_id", "kind", "mapping_version", "name", "occurred_at", "received_at",
     "source", "topic", "v", "workspace"}
)  # fmt: skip

#: The end of the year 9999.
_LAST_MS = 253_402_300_799_000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Text for a terminal: what would move its cursor, or more, as an escape."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def when(ms: int) -> str:
    """A time, to the second; nothing where there is none, or none that a calendar has."""
    if not 0 < ms <= _LAST_MS:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def element(letter: Letter) -> str:
    """What was to be delivered, in a few words."""
    return " ".join(part for part in (letter.own.get("kind", ""), letter.what) if part)


def state(settlement: Settlement | None) -> str:
    """What became of a letter."""
    if settlement is None:
        return "open"
    return f"{settlement.did} {when(settlement.at)} by run {settlement.run}"


def row(letter: Letter, *, personal: bool) -> tuple[str, ...]:
    """A row of the table: id, time, stage, answer, what, whose, reason."""
    whose = letter.whose if personal else masked(letter.whose)
    cells = (
        letter.id, when(letter.failed_at), letter.stage, str(letter.status or ""), element(letter), whose,
        letter.reason or letter.problem,
    )  # fmt: skip
    return tuple(printable(cell) for cell in cells)


def line(letter: Letter, settlement: Settlement | None, *, personal: bool) -> dict[str, Any]:
    """An object of the list as JSON: all but the body, and whose it is masked unless ``personal``."""
    own = letter.own
    return {
        "id": letter.id,
        "state": "open" if settlement is None else settlement.did,
        "settled_at": None if settlement is None else when(settlement.at),
        "failed_at": when(letter.failed_at) or None,
        "stage": letter.stage or None,
        "reason": letter.reason or letter.problem,
        "answer_status": letter.status,
        "request_id": letter.request_id or None,
        "attempts": letter.attempts,
        "first_answer_status": letter.first_status,
        "first_answer": letter.first_message or None,
        "kind": own.get("kind"),
        "name": letter.what or None,
        "whose": letter.whose if personal else masked(letter.whose),
        "config": own.get("config") or None,
        "event_id": own.get("event_id"),
        "received_at": _time(own.get("received_at")),
        "occurred_at": _time(own.get("occurred_at")),
        "mapping_version": own.get("mapping_version"),
        "from": None
        if letter.problem
        else {
            "topic": letter.topic,
            "partition": letter.source_partition,
            "offset": letter.source_offset,
        },
        "redriven_before": letter.redriven_before,
    }


def whole(letter: Letter, settlement: Settlement | None) -> dict[str, Any]:
    """Everything about a letter as JSON, its body too."""
    value = letter.value or b""
    shown = {
        **line(letter, settlement, personal=True),
        "delivery_id": letter.own.get("delivery_id"),
        "redriven_from": letter.own.get(f"{REDRIVE}letter"),
        "other_headers": _others(letter),
    }
    try:
        shown["body"] = decode(value)
    except InvalidJson:
        shown["body_text"] = value.decode(errors="replace")
    return shown


def lines(letter: Letter, settlement: Settlement | None, default_configuration: str) -> list[str]:
    """Everything about a letter, for people; the body comes last."""
    own = letter.own
    told = [
        ("dead letter", f"{letter.id}, {state(settlement)}"),
        ("refused", f"{when(letter.failed_at)} by {letter.stage}" if letter.stage else ""),
        ("because", letter.reason or letter.problem),
        ("answer", _answer(letter)),
        ("first answer", _first_answer(letter)),
        ("attempts", "" if letter.attempts is None else str(letter.attempts)),
        ("was at", _origin(letter)),
        ("what", element(letter)),
        ("whose", letter.whose),
        ("configuration", letter.configuration(default_configuration)),
        ("event id", own.get("event_id", "")),
        ("delivery id", own.get("delivery_id", "")),
        ("mapping", own.get("mapping_version", "")),
        ("occurred", _time(own.get("occurred_at")) or ""),
        ("received", _time(own.get("received_at")) or ""),
        ("redriven", _redriven(letter)),
        ("other headers", ", ".join(_others(letter))),
    ]
    return [
        *(f"{name:<14}{printable(text)}" for name, text in told if text),
        "",
        *_body(letter.value),
    ]


def _body(value: bytes | None) -> list[str]:
    if value is None:
        return ["(no body)"]
    try:
        text = json.dumps(decode(value), indent=2, ensure_ascii=False)
    except InvalidJson:
        text = value.decode(errors="replace")
    return [printable(one) for one in text.splitlines()]


def _answer(letter: Letter) -> str:
    request = f"request id {letter.request_id}" if letter.request_id else ""
    return ", ".join(part for part in (str(letter.status or ""), request) if part)


def _first_answer(letter: Letter) -> str:
    if letter.first_status is None:
        return ""
    return f"{letter.first_status} {letter.first_message}".strip()


def _origin(letter: Letter) -> str:
    if letter.problem:
        return ""
    return f"{letter.topic}, partition {letter.source_partition}, offset {letter.source_offset}"


def _redriven(letter: Letter) -> str:
    own = letter.own
    if not letter.redriven_before:
        return ""
    at = _time(own.get(f"{REDRIVE}at")) or "?"
    times = "once" if letter.redriven_before == 1 else f"{letter.redriven_before} times"
    return f"{times} before, last from {own.get(f'{REDRIVE}letter', '?')} at {at}"


def _others(letter: Letter) -> list[str]:
    known = (OURS, REDRIVE)
    return [name for name, _ in letter.headers if name not in _KNOWN and not name.startswith(known)]


def _time(text: str | None) -> str | None:
    """Milliseconds in a header as a time; None where there are none."""
    if not text or len(text) > 20 or not (text.isascii() and text.isdigit()):
        return None
    return when(int(text)) or None
