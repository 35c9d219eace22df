"""What a ticket's payload itself tells of its moves between states.

Up to API 2.15 by the ticket's parts, which name categories and come with every topic but
ticket.contact.*; from 2.16 on also by the id of the state before (captured payloads, and Intercom's API
references 2.7 to 2.16).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from events.times import parse_ms

RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class ToldMoves:
    """What the parts tell. Categories are "" and times, in ms, 0 where they tell nothing.

    ``at`` is when the newest part that names two states was made, and ``before`` the first of the two,
    which can be equal: such a part is written when nothing moved, and for a move within one category.
    ``began`` is when the newest move to another category was made, ``origin`` where that came from,
    ``origin_began`` when the ticket had come there. ``reopened`` counts moves out of resolved.
    """

    at: int = 0
    before: str = ""
    began: int = 0
    origin: str = ""
    origin_began: int = 0
    reopened: int = 0


def told_moves(item: Mapping[str, Any], ticket: Mapping[str, Any]) -> ToldMoves:
    """What the parts in and beside a ticket tell. Never raises."""
    at, before = 0, ""
    moves: dict[int, str] = {}  # a part may be told twice, in the ticket and beside it
    for part in _parts(item, ticket):
        if not isinstance(part, dict) or part.get("ticket_state") is None:
            continue
        origin, state = category_of(part.get("previous_ticket_state")), category_of(part["ticket_state"])
        made_at = parse_ms(part.get("created_at"))
        if not origin or made_at is None:
            continue
        if made_at >= at:
            at, before = made_at, origin
        if origin != state:
            moves[made_at] = origin
    if not moves:
        return ToldMoves(at, before)
    newest, *older = sorted(moves, reverse=True)
    return ToldMoves(
        at=at,
        before=before,
        began=newest,
        origin=moves[newest],
        origin_began=older[0] if older else 0,
        reopened=sum(origin == RESOLVED for origin in moves.values()),
    )


def category_of(state: Any) -> str:
    """The category of a state, which is a string up to API 2.11 and an object since; "" for neither."""
    if isinstance(state, dict):
        state = state.get("category")
    return state.strip().lower().replace(" ", "_") if isinstance(state, str) else ""


def _parts(item: Mapping[str, Any], ticket: Mapping[str, Any]) -> Iterable[Any]:
    holder = ticket.get("ticket_parts")
    parts = holder.get("ticket_parts") if isinstance(holder, dict) else None
    if isinstance(parts, list):
        yield from parts
    yield item.get("ticket_part")
