"""What an Intercom topic alone tells of what happened, and the topics that Intercom documents.

The rest of ``moment.HAPPENINGS`` takes the contact's row to know: whether a contact, a ticket or its
state is really another one.
"""

from __future__ import annotations

from collections.abc import Mapping

from mappings.moment import (
    CONTACT_ARCHIVED,
    CONTACT_DELETED,
    CONTACT_MERGED,
    CONTACT_UNARCHIVED,
    CONVERSATION,
    INTERCOM_EVENT,
    SUBSCRIBED,
    TAG_ADDED,
    TAG_REMOVED,
    TICKET,
    TICKET_ATTRIBUTES_CHANGED,
    UNSUBSCRIBED,
)

_NOTHING: frozenset[str] = frozenset()

_BY_TOPIC: Mapping[str, frozenset[str]] = {
    "contact.archived": frozenset({CONTACT_ARCHIVED}),
    "contact.unarchive": frozenset({CONTACT_UNARCHIVED}),  # so spelled by Intercom
    "contact.unarchived": frozenset({CONTACT_UNARCHIVED}),
    "contact.deleted": frozenset({CONTACT_DELETED}),
    "contact.merged": frozenset({CONTACT_MERGED}),
    "contact.user.tag.created": frozenset({TAG_ADDED}),
    "contact.lead.tag.created": frozenset({TAG_ADDED}),
    "contact.user.tag.deleted": frozenset({TAG_REMOVED}),
    "contact.lead.tag.deleted": frozenset({TAG_REMOVED}),
    "contact.subscribed": frozenset({SUBSCRIBED}),
    "contact.unsubscribed": frozenset({UNSUBSCRIBED}),
    "granular.subscribe": frozenset({SUBSCRIBED}),
    "granular.unsubscribe": frozenset({UNSUBSCRIBED}),
    "ticket.attribute.updated": frozenset({TICKET, TICKET_ATTRIBUTES_CHANGED}),
    "event.created": frozenset({INTERCOM_EVENT}),
}
_BY_FAMILY: Mapping[str, frozenset[str]] = {
    "ticket": frozenset({TICKET}),
    "conversation": frozenset({CONVERSATION}),
}


def told_by_topic(topic: str) -> frozenset[str]:
    """The words of HAPPENINGS that a notification's topic stands for; none for an unknown topic."""
    words = _BY_TOPIC.get(topic)
    return _BY_FAMILY.get(topic.partition(".")[0], _NOTHING) if words is None else words


#: Topics about a contact that Intercom's API references 2.7 to 2.16 name (read in November 2026). Rules
#: may name others: topics grow with the versions.
DOCUMENTED_TOPICS = (
    *_BY_TOPIC,
    "contact.user.created",
    "contact.user.updated",
    "contact.lead.created",
    "contact.lead.updated",
    "contact.lead.added_email",
    "contact.lead.signed_up",
    "contact.email.updated",
    "company.contact.attached",
    "company.contact.detached",
    "visitor.signed_up",
    "ticket.created",
    "ticket.state.updated",
    "ticket.resolved",
    "ticket.closed",
    "ticket.rating.provided",
    "ticket.admin.assigned",
    "ticket.team.assigned",
    "ticket.note.created",
    "ticket.admin.replied",
    "ticket.contact.replied",
    "ticket.contact.attached",
    "ticket.contact.detached",
    "conversation.user.created",
    "conversation.user.replied",
    "conversation.admin.single.created",
    "conversation.admin.replied",
    "conversation.admin.assigned",
    "conversation.admin.noted",
    "conversation.admin.opened",
    "conversation.admin.closed",
    "conversation.admin.snoozed",
    "conversation.admin.unsnoozed",
    "conversation.operator.replied",
    "conversation.priority.updated",
    "conversation.rating.added",
    "conversation.read",
    "conversation.contact.attached",
    "conversation.contact.detached",
    "partner.user",
    "partner.event",
)
