"""Request bodies: one element as MoEngage wants it, and rendered users and events as one bulk body.

An element is rendered once, when it is mapped; what is joined afterwards is bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from events.elements import DeleteElement, Element, EventElement, MergeElement, UserElement
from events.times import iso_utc
from moengage.errors import InvalidElement

_HEAD = b'{"type":"transition","elements":['
_TAIL = b"]}"

#: Bytes of a bulk body around its elements, and between two of them.
FRAME_BYTES = len(_HEAD) + len(_TAIL)
SEPARATOR_BYTES = 1


def render(element: Element, *, now_ms: int, real_time_action: bool = False) -> bytes:
    """One element as JSON: a user or event of a bulk request, or the body of a merge's or delete's call.

    An event's time is written in whole seconds and is never after ``now_ms`` (milliseconds), because
    MoEngage refuses events of the future and stamps its own time where there is none.
    ``real_time_action`` adds the flag that one of MoEngage's FAQs asks for to start campaigns.
    Raises InvalidElement where an attribute is nothing that JSON can hold.
    """
    document: dict[str, Any]
    match element:
        case UserElement(customer_id, attributes):
            document = {
                "type": "customer",
                "customer_id": customer_id,
                "attributes": dict(attributes),
            }
        case EventElement(customer_id, name, attributes, occurred_at):
            action = {
                "action": name,
                "attributes": dict(attributes),
                "platform": "unknown",
                "current_time": iso_utc(min(occurred_at, now_ms)),
            }
            if real_time_action:
                action["real_time_action"] = "true"
            document = {"type": "event", "customer_id": customer_id, "actions": [action]}
        case MergeElement(kept_id, merged_id):
            document = {"merge_data": [{"retained_user": kept_id, "merged_user": merged_id}]}
        case DeleteElement(customer_id):
            document = {"identity_type": "customer_id", "identity_value": customer_id}
    try:
        # A datetime has to come as the string that the mapping chose: orjson's own form is one that
        # MoEngage stores as text.
        return orjson.dumps(document, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except orjson.JSONEncodeError as error:
        what = f"event {element.name!r}" if isinstance(element, EventElement) else element.kind
        raise InvalidElement(f"{what}: an attribute cannot be written as JSON: {error}") from None


def read_merge(body: bytes) -> MergeElement:
    """The merge that ``render`` wrote."""
    [pair] = orjson.loads(body)["merge_data"]
    return MergeElement(pair["retained_user"], pair["merged_user"])


def transition(bodies: Sequence[bytes]) -> bytes:
    """The body of ``POST /transition``: rendered elements in order, their bytes untouched."""
    return b"".join((_HEAD, b",".join(bodies), _TAIL))


def transition_size(sizes: Iterable[int]) -> int:
    """The length in bytes of the bulk body that elements of these lengths would make."""
    lengths = list(sizes)
    return FRAME_BYTES + sum(lengths) + SEPARATOR_BYTES * max(0, len(lengths) - 1)
