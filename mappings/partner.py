"""Bodies of data connectors and Series webhooks, in the forms that MoEngage's pages document.

    flat        {type, u_fn, u_ln, u_mb, customer_id, intercom_id, createdate, modified_at, own keys …}
    grouped     {customer_id, u_fn, …, user_attributes: {…}, event_attributes: {event_name, …}}
    MoEngage's  {type: "customer", customer_id, attributes: {…}}
                {type: "event", customer_id, actions: [{action, attributes, current_time}]}

Which endpoint a body came to only decides whose a flat body's own keys are: the user's or the event's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mappings.moment import PARTNER_EVENT, PARTNER_USER, Moment
from mappings.safety import STANDARD_ATTRIBUTES, scalar_text

_HAPPENINGS = frozenset({PARTNER_USER, PARTNER_EVENT})

# What a body says about itself, not about the user or the event.
_FRAME = frozenset(
    {"type", "customer_id", "event_name", "user_attributes", "event_attributes", "attributes", "actions"}
    | {"update_existing_only", "createdate", "modified_at", "updated_at"}
)

# What a flat body about an event says of its user; all else is the event's.
_OF_THE_USER = frozenset({"intercom_id", *STANDARD_ATTRIBUTES})


def is_partner(moment: Moment) -> bool:
    """Whether a moment comes from such a body."""
    return not moment.happened.isdisjoint(_HAPPENINGS)


def given(document: Mapping[str, Any], name: str) -> str | None:
    """A field that identifies the user, beside or inside ``user_attributes``; a number becomes text."""
    for holder in (document, document.get("user_attributes")):
        if isinstance(holder, dict):
            text = scalar_text(holder.get(name))
            if text is not None and text.strip():
                return text.strip()
    return None


def partner_part(moment: Moment) -> dict[str, Any]:
    """``{user, created_at, updated_at, events: [{name, at, attributes}]}`` of a body, all as given."""
    document = moment.document
    grouped = document.get("event_attributes")
    actions = document.get("actions")
    own = {name: value for name, value in document.items() if name not in _FRAME}
    if isinstance(actions, list):
        events = [
            _event(action.get("action"), action.get("attributes"), action.get("current_time"))
            for action in actions
            if isinstance(action, dict)
        ]
    elif isinstance(grouped, dict):
        attributes = {name: value for name, value in grouped.items() if name != "event_name"}
        events = [_event(grouped.get("event_name") or document.get("event_name"), attributes)]
    elif PARTNER_EVENT in moment.happened:
        attributes = {name: value for name, value in own.items() if name not in _OF_THE_USER}
        own = {name: value for name, value in own.items() if name in _OF_THE_USER}
        events = [_event(document.get("event_name"), attributes)]
    else:
        events = []
    for group in ("attributes", "user_attributes"):
        users = document.get(group)
        if isinstance(users, dict):
            own.update((name, value) for name, value in users.items() if name != "customer_id")
    return {
        "user": own,
        "created_at": document.get("createdate"),
        "updated_at": document.get("modified_at") or document.get("updated_at"),
        "events": events,
    }


def _event(name: Any, attributes: Any, at: Any = None) -> dict[str, Any]:
    return {"name": name, "at": at, "attributes": attributes}
