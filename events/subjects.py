"""Whom an event is about: the contacts and companies that a payload names, by topic.

Shapes are those of captured payloads and Intercom's documentation: the topic decides, never the
``type`` of the item, which several topics leave out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from events.envelope import Source

#: What a contact's key begins with where a connector's body does not name it by Intercom's id.
NOT_INTERCOM_IDS = ("customer:", "email:")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Subjects:
    """Ids of contacts and companies, each once, in the payload's order."""

    contacts: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()

    def ordering_key(self, event_id: str) -> bytes:
        """The key on intercom.events: events about one contact keep their order of arrival."""
        first = (*self.contacts[:1], *self.companies[:1], event_id)[0]
        return first.encode()


def subjects_of(source: Source, topic: str, document: Mapping[str, Any]) -> Subjects:
    """Whom a decoded payload is about; empty where it names nobody that we know how to find."""
    if source is Source.PARTNER:
        return Subjects(contacts=_ids([_partner_contact(document)]))
    item = item_of(document)
    family = topic.partition(".")[0]
    if topic == "contact.merged":  # the item is the contact that is left
        return Subjects(contacts=_ids([item.get("id"), merged_from(item)]))
    if family in ("contact", "visitor", "granular"):
        return Subjects(contacts=_ids([_mapping(item.get("contact"), item).get("id")]))
    if family == "company":
        company = _mapping(item.get("company"), item)
        contact = _mapping(item.get("contact"), {})
        return Subjects(contacts=_ids([contact.get("id")]), companies=_ids([company.get("id")]))
    if family == "ticket":
        return Subjects(contacts=_ids(_referenced(item, _mapping(item.get("ticket"), item))))
    if family == "conversation":
        return Subjects(contacts=_ids(_referenced(item, _mapping(item.get("conversation"), item))))
    if family == "event":
        return Subjects(contacts=_ids([item.get("intercom_user_id")]))
    return Subjects()


def is_id(value: Any) -> TypeGuard[str]:
    """Whether a value can be an id of ours: a string of 1 to 256, without control characters."""
    return isinstance(value, str) and 0 < len(value) <= 256 and not _CONTROL.search(value)


def item_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """``data.item`` of a notification; empty where there is none."""
    return _mapping(_mapping(document.get("data"), {}).get("item"), {})


def merged_from(item: Mapping[str, Any]) -> Any:
    """The id of the contact that was merged into the item of contact.merged.

    Documented as ``merged_from: {type, id}``; captured payloads leave it out, so it may be None.
    """
    return _mapping(item.get("merged_from"), {}).get("id")


def ticket_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The ticket of a ticket topic's item: the item itself, or what it wraps."""
    return _mapping(item.get("ticket"), item)


def _partner_contact(document: Mapping[str, Any]) -> str | None:
    """The contact's id where the body carries it, else a key of its own for what it does carry."""
    users = _mapping(document.get("user_attributes"), {})
    for name, prefix in (("intercom_id", ""), ("customer_id", "customer:"), ("u_em", "email:")):
        value = document.get(name) or users.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return prefix + value.strip()
    return None


def _referenced(item: Mapping[str, Any], holder: Mapping[str, Any]) -> Iterable[Any]:
    """Contact ids beside (``item.contact``) and inside (``contacts.contacts[]``) a ticket or so."""
    yield _mapping(item.get("contact"), {}).get("id")
    references = _mapping(holder.get("contacts"), {}).get("contacts")
    if isinstance(references, list):
        for reference in references:
            yield _mapping(reference, {}).get("id")


def _mapping(value: Any, otherwise: Mapping[str, Any]) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else otherwise


def _ids(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if is_id(value)))
