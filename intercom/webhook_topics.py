"""The webhook topics that Intercom offers about contacts, companies, tickets, conversations and events.

Source: Intercom, Webhook topics, API reference 2.17, read in November 2026. A topic that an app's API
version does not know is not in its list. Topics about admins, articles, calls, content and jobs are left
out: they are about no contact.
"""

from __future__ import annotations

from collections.abc import Mapping

_LIST_USERS = "Read and list users and companies"
_WRITE_USERS = "Read and write users"
_ONE_USER = "Read one user and one company"

_CONTACT = (_LIST_USERS, _WRITE_USERS, _ONE_USER)
_COMPANY = (_LIST_USERS, _ONE_USER)
_CONVERSATION = ("Read conversations",)
_TICKET = ("Read tickets",)

#: Permissions by topic: any one of them is enough; none for a topic for which Intercom names none.
PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "contact.user.created": _CONTACT,
    "contact.user.updated": _CONTACT,
    "contact.lead.created": _CONTACT,
    "contact.lead.updated": _CONTACT,
    "contact.lead.added_email": _CONTACT,
    "contact.lead.signed_up": _CONTACT,
    "visitor.signed_up": _CONTACT,
    "contact.email.updated": _CONTACT,
    "contact.user.tag.created": _CONTACT,
    "contact.user.tag.deleted": _CONTACT,
    "contact.lead.tag.created": _CONTACT,
    "contact.lead.tag.deleted": _CONTACT,
    "contact.subscribed": _CONTACT,
    "contact.unsubscribed": _CONTACT,
    "granular.subscribe": _CONTACT,
    "granular.unsubscribe": _CONTACT,
    "contact.merged": _CONTACT,
    "contact.archived": _CONTACT,
    "contact.unarchive": _CONTACT,  # so spelled by Intercom
    "contact.deleted": _COMPANY,
    "company.created": _COMPANY,
    "company.updated": _COMPANY,
    "company.deleted": _COMPANY,
    "company.contact.attached": _COMPANY,
    "company.contact.detached": _COMPANY,
    "ticket.created": _TICKET,
    "ticket.state.updated": _TICKET,
    "ticket.resolved": _TICKET,
    "ticket.closed": _TICKET,
    "ticket.attribute.updated": _TICKET,
    "ticket.admin.assigned": _TICKET,
    "ticket.team.assigned": _TICKET,
    "ticket.admin.replied": _TICKET,
    "ticket.contact.replied": _TICKET,
    "ticket.note.created": _TICKET,
    "ticket.rating.provided": _TICKET,
    "ticket.contact.attached": _TICKET,
    "ticket.contact.detached": _TICKET,
    "conversation.user.created": _CONVERSATION,
    "conversation.user.replied": _CONVERSATION,
    "conversation.admin.single.created": _CONVERSATION,
    "conversation.admin.replied": _CONVERSATION,
    "conversation.admin.assigned": _CONVERSATION,
    "conversation.admin.open.assigned": _CONVERSATION,
    "conversation.admin.noted": _CONVERSATION,
    "conversation.admin.opened": _CONVERSATION,
    "conversation.admin.closed": _CONVERSATION,
    "conversation.admin.snoozed": _CONVERSATION,
    "conversation.admin.unsnoozed": _CONVERSATION,
    "conversation.operator.replied": _CONVERSATION,
    "conversation.priority.updated": _CONVERSATION,
    "conversation.rating.added": _CONVERSATION,
    "conversation.contact.attached": _CONVERSATION,
    "conversation.contact.detached": _CONVERSATION,
    "conversation.company.updated": _CONVERSATION,
    "conversation.deleted": _CONVERSATION,
    "conversation.read": (),
    "event.created": ("Read events",),
}
