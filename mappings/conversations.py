"""Conversations, as expressions see them: what they are in, never what was said in them, or by whom.

Shapes: the bare conversation; ``{conversation, contact}`` on conversation.contact.*; and, captured there
once, an older one with the conversation under ``model`` (payloads captured in 2024 and 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What the part ``conversation`` has.
FIELDS = (
    "id",
    "state",
    "open",
    "priority",
    "attributes",
    "tags",
    "rating",
    "created_at",
    "updated_at",
)


def conversation_part(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """FIELDS of a conversation topic's ``data.item``; None where it has no id. Never raises.

    ``tags`` are names, ``rating`` is the number that a customer gave, times are Intercom's.
    """
    wrapped = item.get("conversation")
    conversation = wrapped if isinstance(wrapped, dict) else item
    model = conversation.get("model")
    if isinstance(model, dict):
        conversation = model
    conversation_id = _id_text(conversation.get("id")) or _id_text(conversation.get("conversation_id"))
    if not conversation_id:
        return None
    rating = conversation.get("conversation_rating")
    attributes = conversation.get("custom_attributes")
    return {
        "id": conversation_id,
        "state": conversation.get("state"),
        "open": conversation.get("open"),
        "priority": conversation.get("priority"),
        "attributes": attributes if isinstance(attributes, dict) else {},
        "tags": _tag_names(conversation.get("tags")),
        "rating": rating.get("rating") if isinstance(rating, dict) else None,
        "created_at": conversation.get("created_at"),
        "updated_at": conversation.get("updated_at"),
    }


def _tag_names(tags: Any) -> list[str]:
    listed = tags.get("tags") if isinstance(tags, dict) else None
    names = (
        tag.get("name") for tag in (listed if isinstance(listed, list) else ()) if isinstance(tag, dict)
    )
    return [name for name in names if isinstance(name, str)]


def _id_text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""
