"""What a replay comes to, in words and tables; elements without what is personal in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from events.codec import decode, encode
from events.elements import Delivery
from events.errors import InvalidJson
from moebridge.dead_letters.shown import masked, printable
from moebridge.screen import console, table
from streams.replay.pace import PaceConfig
from streams.replay.plan import LeftOut, Totals
from streams.replay.request import ReplayRequest

_LEFT_OUT: Mapping[LeftOut, str] = {
    "delivered": "elements that MoEngage has taken",
    "refused": "elements that MoEngage has refused: moebridge dead-letters",
    "parked": "elements that wait behind one that MoEngage has refused: moebridge dead-letters",
    "pending": "elements or records that the workers have still in front of them",
    "overtaken": "elements that newer ones of the same customer have overtaken",
    "repeated": "records that are in the topic twice",
    "merges_and_deletes": "merges and deletes: they cannot be undone, so they are never replayed",
    "unreadable": "records that cannot be read",
}

#: Numbers below this tell nobody.
_SMALL = 1_000_000


def show_plan(
    request: ReplayRequest, totals: Totals, pace: PaceConfig, *, personal: bool, execute: bool
) -> None:
    """What the replay would do, or is about to."""
    screen, will = console(), "will" if execute else "would"
    what = (
        "received events, through the mapping as it is now"
        if request.kind == "derive"
        else "elements again, as they were"
    )
    _say(screen, f"replay of {request.source} ({what}), configuration {request.config}")
    _say(
        screen,
        f"{totals.records:,} records read, {totals.matched:,} asked for, {totals.chosen:,} {will} be "
        f"published ({size(totals.bytes)})",
    )
    if totals.chosen:
        _table(screen, totals)
        _say(
            screen,
            f"{_count(totals.elements, 'element')} {will} go to MoEngage, of "
            f"{_count(totals.contacts, 'contact')}: {_count(totals.users, 'user')}, "
            f"{_count(totals.events.total(), 'event')}",
        )
    if totals.already:
        _say(
            screen,
            f"  of these {totals.already:,}: delivered before, they {will} come twice (--only-missing "
            "leaves them out)",
        )
    for why, said in _LEFT_OUT.items():
        if totals.left_out[why]:
            _say(screen, f"  left out {totals.left_out[why]:,}: {said}")
    for delivery in totals.examples:
        _say(screen, body_line(delivery, personal=personal))
    if not totals.chosen:
        _say(screen, "there is nothing to replay")
        return
    label = f'labelled "{request.label}"' if request.label else "without a label"
    _say(
        screen,
        f"{label}, at {pace.share:g} of the budget: {minutes(_minutes(totals, pace))} at least, live "
        "traffic first",
    )
    if not execute:
        _say(screen, "nothing was done; --execute does it")


def document(
    request: ReplayRequest, totals: Totals, pace: PaceConfig, *, personal: bool
) -> dict[str, Any]:
    """The plan as JSON."""
    return {
        "replay": request.document(),
        "totals": totals.document(),
        "minutes": round(_minutes(totals, pace), 6),
        "examples": [shown_body(one, personal=personal) for one in totals.examples],
    }


def shown_body(delivery: Delivery, *, personal: bool) -> Any:
    """An element; unless ``personal``, with digests for texts and large numbers among its values."""
    try:
        body = decode(delivery.body)
    except InvalidJson:
        return None
    if personal or not isinstance(body, dict):
        return body
    return {name: value if name == "type" else _redacted(name, value) for name, value in body.items()}


def body_line(delivery: Delivery, *, personal: bool) -> str:
    """An element on one line."""
    return "  " + printable(encode(shown_body(delivery, personal=personal)).decode())


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count:,} bytes" if count < 10_000 else f"{count / 1000:,.0f} kB"


def minutes(count: float) -> str:
    """Minutes for people."""
    if count < 1:
        return f"{max(1, round(count * 60))} s"
    return f"{count:,.0f} min" if count >= 10 else f"{count:.1f} min"


def _minutes(totals: Totals, pace: PaceConfig) -> float:
    return pace.minutes(totals.users, totals.events.total())


def _redacted(name: str, value: Any) -> Any:
    """Names of attributes and events, times, and small numbers stay."""
    if isinstance(value, dict):
        return {key: _redacted(key, one) for key, one in value.items()}
    if isinstance(value, list):
        return [_redacted(name, one) for one in value]
    if isinstance(value, str):
        return value if name in _NOT_PERSONAL else masked(value)
    is_large = isinstance(value, int | float) and abs(value) >= _SMALL
    return masked(str(value)) if is_large else value


#: Parts of an element around its attributes.
_NOT_PERSONAL = frozenset({"action", "platform", "current_time"})


def _table(screen: Console, totals: Totals) -> None:
    rows = table("published", "of", "comes to", "elements")
    left = [(f"{count:,}", what) for what, count in totals.by_topic.most_common()]
    right = [(f"{totals.users:,}", "users")] if totals.users else []
    right += [(f"{count:,}", f"event {name}") for name, count in totals.events.most_common()]
    for number in range(max(len(left), len(right))):
        cells = [*_at(left, number), *_at(right, number)]
        rows.add_row(*(escape(printable(cell)) for cell in cells))
    screen.print(rows)


def _at(rows: list[tuple[str, str]], number: int) -> tuple[str, str]:
    return rows[number] if number < len(rows) else ("", "")


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _say(screen: Console, line: str) -> None:
    screen.print(line, markup=False, soft_wrap=True)
