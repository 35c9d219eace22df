"""The tags of a contact, with their names.

Intercom's contacts list their tags by id, ten at most; a tag's name comes only with the notification that
it was added or taken away (captured payloads). So names are remembered by id, and tags beyond the ten as
long as nothing tells that they were taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.rows import TAGS_MAX, ContactRow
from events.subjects import is_id
from mappings.happenings import told_by_topic
from mappings.moment import TAG_ADDED, TAG_REMOVED

Tags = list[dict[str, Any]]


def listed(row: ContactRow) -> Tags:
    """The tags in the profile; empty where it has no list of them."""
    tags = row.profile.get("tags")
    data = tags.get("data") if isinstance(tags, dict) else None
    return [tag for tag in data if isinstance(tag, dict)] if isinstance(data, list) else []


def take(row: ContactRow, topic: str, item: Mapping[str, Any], before: Tags | None) -> bool:
    """Make the list in the profile whole; whether one of its tags has got its name, or another one.

    ``before`` is what was listed until the payload's contact was taken in; None where that is old news.
    """
    words = told_by_topic(topic)
    added, removed = TAG_ADDED in words, TAG_REMOVED in words
    told = item.get("tag") if added or removed else None
    tag = told if isinstance(told, dict) and is_id(told.get("id")) else None
    if before is not None:
        _complete(row, before, tag, added=added)
    return _name(row, tag)


def _complete(row: ContactRow, before: Tags, tag: Mapping[str, Any] | None, *, added: bool) -> None:
    """With the tags that a list of ten leaves out, and with the tag that was added, or without it."""
    tags = row.profile.get("tags")
    if not isinstance(tags, dict) or not isinstance(tags.get("data"), list):
        return
    by_id = {one["id"]: dict(one) for one in listed(row) if is_id(one.get("id"))}
    if tags.get("has_more"):
        for one in before:
            by_id.setdefault(one["id"], one)
    if tag is not None and added:
        by_id.setdefault(tag["id"], {"type": "tag", "id": tag["id"]})
    elif tag is not None:
        by_id.pop(tag["id"], None)
    tags["data"] = list(by_id.values())[:TAGS_MAX]


def _name(row: ContactRow, tag: Mapping[str, Any] | None) -> bool:
    """Remember the tag's name, the one told longest ago going first, and name those that are listed."""
    names = row.tag_names
    if tag is not None and isinstance(tag.get("name"), str) and tag["name"]:
        names.pop(tag["id"], None)
        names[tag["id"]] = tag["name"]
        if len(names) > TAGS_MAX:
            del names[next(iter(names))]
    new = False
    for one in listed(row) if names else ():
        known = names.get(one.get("id", ""))
        if known is not None and one.get("name") != known:
            one["name"], new = known, True
    return new
