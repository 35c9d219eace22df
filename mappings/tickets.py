"""Tickets, from the several shapes in which Intercom sends them, into one.

Shapes (captured payloads, and Intercom's API references 2.7 to 2.16): the bare ticket; the ticket
beside the part that changed it; the ticket at ``item.ticket`` of ticket.closed since 2.15; and, on
ticket.contact.*, an older shape with an integer id and ``custom_attributes``. The state is a string
up to 2.11, an object or null since 2.12.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.rows import TicketState
from events.subjects import ticket_of
from events.times import parse_ms
from mappings.moment import TicketView
from mappings.ticket_moves import category_of, told_moves

# Between the parts of a key that is made of labels; an id never contains it.
_SEPARATOR = "|"


def ticket_view(item: Mapping[str, Any]) -> TicketView | None:
    """The ticket of a ticket topic's ``data.item``; None where it has no id. Never raises.

    The state's ``at`` is when the newest part that moved the state was made, else when the ticket was
    updated, else 0; how often it was reopened is counted from the parts.
    """
    ticket = ticket_of(item)
    ticket_id = _id_text(ticket.get("id"))
    if not ticket_id:
        return None
    created_at, updated_at = parse_ms(ticket.get("created_at")), parse_ms(ticket.get("updated_at"))
    told = told_moves(item, ticket)
    state = _state(ticket, at=told.at or updated_at or 0)
    state.reopened = told.reopened
    previous_id = _id_text(ticket.get("previous_ticket_state_id"))
    category = _category_of_id(ticket, previous_id)
    if previous_id and has_id(state):
        moved = previous_id != state.key
        if moved and not category and told.before != state.category:
            category = told.before  # else that part may have moved nothing, after the state came
    else:
        category = told.before or category
        moved = category != state.category
    if not moved:  # the newest part moved nothing, or within the category, which only an id would show
        category = told.origin or state.category
    return TicketView(
        id=ticket_id,
        number=_id_text(ticket.get("ticket_id")),
        category=_text(ticket.get("category")),
        type_name=_type_name(ticket.get("ticket_type")),
        state=state,
        began=told.began or (created_at or 0 if told.at else 0),
        moved=moved,
        previous_id=previous_id if moved else "",
        previous_category=category,
        previous_began=told.origin_began,
        attributes=_attributes(ticket),
        created_at=created_at,
        updated_at=updated_at,
        open=ticket["open"] if isinstance(ticket.get("open"), bool) else None,
        admin_assignee_id=_assignee(ticket.get("admin_assignee_id")),
        team_assignee_id=_assignee(ticket.get("team_assignee_id")),
    )


def same_state(a: TicketState, b: TicketState) -> bool:
    """Whether a person would call two states the same.

    With an id on both sides the ids decide. Else category and internal label do, without case, and one
    that is missing fits any; so a state that says nothing (``key`` is "") fits any other: nothing shows a
    change.
    """
    if has_id(a) and has_id(b):
        return a.key == b.key
    if a.category and b.category and a.category != b.category:
        return False
    return (
        not a.internal_label
        or not b.internal_label
        or a.internal_label.casefold() == b.internal_label.casefold()
    )


def has_id(state: TicketState) -> bool:
    """Whether the key of a state is Intercom's id of it, not made of category and labels."""
    return bool(state.key) and _SEPARATOR not in state.key


def _category_of_id(ticket: Mapping[str, Any], state_id: str) -> str:
    """The category of a state's id, where the ticket's type lists its states; else ""."""
    states = _mapping(_mapping(ticket.get("ticket_type")).get("ticket_states")).get("data")
    for state in states if state_id and isinstance(states, list) else ():
        if _id_text(_mapping(state).get("id")) == state_id:
            return category_of(state)
    return ""


def _state(ticket: Mapping[str, Any], *, at: int) -> TicketState:
    raw = ticket.get("ticket_state")
    state_id = ""
    if isinstance(raw, dict):
        state_id = _id_text(raw.get("id"))
        category = category_of(raw)
        labels = raw.get("internal_label"), raw.get("external_label")
    else:
        category = category_of(raw) or category_of(ticket.get("state"))
        labels = None, None
    internal = _text(labels[0]) or _text(ticket.get("ticket_state_internal_label"))
    external = _text(labels[1]) or _text(ticket.get("ticket_state_external_label"))
    internal = internal or _text(ticket.get("ticket_custom_state_admin_label"))
    external = external or _text(ticket.get("ticket_custom_state_user_label"))
    if state_id and _SEPARATOR not in state_id:
        key = state_id
    elif category or internal or external:
        key = _SEPARATOR.join((category, internal.casefold(), external.casefold()))
    else:
        key = ""
    return TicketState(
        key=key, category=category, internal_label=internal, external_label=external, at=at
    )


def _attributes(ticket: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = ticket.get("ticket_attributes")
    if isinstance(attributes, dict):
        return attributes
    # The older shape: name -> {type, value?}.
    return {
        name: attribute.get("value") if isinstance(attribute, dict) else attribute
        for name, attribute in _mapping(ticket.get("custom_attributes")).items()
    }


def _type_name(ticket_type: Any) -> str:
    return _text(ticket_type.get("name") if isinstance(ticket_type, dict) else ticket_type)


def _assignee(value: Any) -> str:
    text = _id_text(value)
    return "" if text == "0" else text


def _id_text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(value)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
