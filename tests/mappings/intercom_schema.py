"""Hypothesis strategies for what Intercom's API references (2.7 to 2.16) say that webhooks carry.

``ITEMS``: by topic, what the notification is about.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

#: Seconds: whatever is made lies within a day of this.
BEGAN = 1_768_000_000

_SECONDS = st.integers(BEGAN, BEGAN + 86_400)
_EPOCHS = st.none() | _SECONDS
_ISO = _SECONDS.map(lambda at: datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"))
_TIMES = st.none() | _ISO | _SECONDS

_WORDS = st.text(max_size=20) | st.sampled_from(
    ["Mira van Dijk", "x" * 600, "https://files.example/" + "x" * 600, "2026-01-10", " ", "null"]
)
_TEXTS = st.none() | _WORDS
_FLAGS = st.none() | st.booleans()
_NUMBERS = st.integers(-(1 << 63), (1 << 64) - 1) | st.floats(allow_nan=False, allow_infinity=False)

_NAMES = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["Root cause?", "status", "id", "u_em", "moe_spam", "MOE_ANY", "user_attribute_x", "company_name",
     "ends_at", "n" * 300, "🎉", "Fin AI Agent: Preview", "_default_description_", "intercom_status"]
)  # fmt: skip
_FILES = st.fixed_dictionaries(
    {
        "type": st.just("upload"),
        "name": _TEXTS,
        "url": _WORDS,
        "content_type": _TEXTS,
        "filesize": _NUMBERS,
    }
)
#: A relationship to custom objects, which carry attributes of their own.
_RELATED = st.fixed_dictionaries(
    {
        "type": st.just("Order.list"),
        "instances": st.lists(
            st.fixed_dictionaries(
                {
                    "id": _WORDS,
                    "custom_attributes": st.dictionaries(_NAMES, _TEXTS | _NUMBERS, max_size=3),
                }
            ),
            max_size=3,
        ),
    }
)
_VALUES = (
    _TEXTS | _FLAGS | _NUMBERS | _FILES | _RELATED
    | st.lists(_TEXTS | _NUMBERS | _FLAGS, max_size=4)
    | st.integers(40, 60).map(lambda count: [f"Choice {number}" for number in range(count)])
    | st.lists(_FILES, max_size=3)
)  # fmt: skip
ATTRIBUTES = st.dictionaries(_NAMES, _VALUES, max_size=8) | st.integers(90, 300).map(
    lambda count: {f"Field {number}": number for number in range(count)}
)

_CONTACT_IDS = st.sampled_from(["c1", "c2"])
_COMPANY_IDS = st.sampled_from(["k1", "k2"])
_EXTERNAL_IDS = st.sampled_from([None, "", "cust-1", "cust-2", "null", "1", "x" * 300, "a b"])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """An object with any of these fields: payloads leave some out, by topic and API version."""
    return st.fixed_dictionaries({}, optional=fields)


def listed(elements: st.SearchStrategy[Any], key: str = "data") -> st.SearchStrategy[Json]:
    """A list of Intercom's."""
    return st.fixed_dictionaries(
        {"type": st.just("list"), key: st.lists(elements, max_size=3)},
        optional={"total_count": st.integers(0, 20), "has_more": st.booleans()},
    )


_TAGS = some(id=st.sampled_from(["1", "2"]), name=_TEXTS)


def contacts(contact_id: st.SearchStrategy[str] = _CONTACT_IDS) -> st.SearchStrategy[Json]:
    """Contacts, whole or in part."""
    place = some(country=_TEXTS, region=_TEXTS, city=_TEXTS)
    fields = {
        "external_id": _EXTERNAL_IDS, "role": st.sampled_from(["user", "lead"]),
        "email": st.sampled_from([None, "", "a@b.example"]), "phone": _TEXTS, "name": _TEXTS,
        "has_hard_bounced": _FLAGS, "marked_email_as_spam": _FLAGS, "unsubscribed_from_emails": _FLAGS,
        "created_at": _TIMES, "updated_at": _TIMES, "signed_up_at": _TIMES, "last_seen_at": _TIMES,
        "language_override": _TEXTS, "browser_language": _TEXTS, "browser": _TEXTS, "os": _TEXTS,
        "location": st.none() | place, "custom_attributes": ATTRIBUTES, "utm_source": _TEXTS,
        "tags": listed(_TAGS), "companies": listed(some(id=_COMPANY_IDS)),
        "sms_consent": _FLAGS, "unsubscribed_from_sms": _FLAGS,
        "workspace_id": _WORDS, "owner_id": st.none() | st.integers(1, 1 << 40), "email_domain": _TEXTS,
        "last_replied_at": _TIMES, "last_contacted_at": _TIMES, "last_email_opened_at": _TIMES,
        "browser_version": _TEXTS, "android_app_name": _TEXTS, "ios_last_seen_at": _TIMES,
        "avatar": _TEXTS | some(type=st.just("avatar"), image_url=_TEXTS),
        "notes": listed(some(id=_WORDS, url=_WORDS)),
        "social_profiles": listed(some(type=_WORDS, name=_TEXTS, url=_WORDS)),
    }  # fmt: skip
    return st.tuples(contact_id, some(**fields)).map(
        lambda pair: {"type": "contact", "id": pair[0], **pair[1]}
    )


COMPANIES = st.tuples(
    _COMPANY_IDS,
    some(
        company_id=_EXTERNAL_IDS,
        name=_TEXTS,
        plan=st.none() | some(id=_TEXTS, name=_TEXTS),
        size=st.none() | st.integers(0, 1 << 40),
        website=_TEXTS,
        industry=_TEXTS,
        monthly_spend=_NUMBERS,
        session_count=_NUMBERS,
        user_count=_NUMBERS,
        created_at=_TIMES,
        remote_created_at=_TIMES,
        last_request_at=_TIMES,
        updated_at=_TIMES,
        tags=listed(_TAGS, "tags"),
        segments=listed(some(id=_WORDS, name=_TEXTS), "segments"),
        custom_attributes=ATTRIBUTES,
    ),
).map(lambda pair: {"type": "company", "id": pair[0], **pair[1]})

_CATEGORIES = st.sampled_from(["submitted", "in_progress", "waiting_on_customer", "resolved", "reopened"])
_STATES = (
    st.none() | _CATEGORIES
    | some(id=st.sampled_from(["11", "12", "13"]), category=_CATEGORIES, internal_label=_TEXTS,
           external_label=_TEXTS)
)  # fmt: skip
PARTS = some(
    id=st.just("p1"),
    part_type=st.sampled_from(["comment", "note", "ticket_state_updated_by_admin", "assignment"]),
    ticket_state=st.none() | _CATEGORIES,
    previous_ticket_state=st.none() | _CATEGORIES,
    created_at=_EPOCHS,
    body=st.just("<p>SECRET</p>"),
    author=st.just({"type": "admin", "name": "SECRET", "email": "SECRET@desk.example"}),
)
_REFERENCES = st.tuples(_CONTACT_IDS, some(external_id=_EXTERNAL_IDS, role=st.just("user"))).map(
    lambda pair: {"type": "contact", "id": pair[0], **pair[1]}
)
_REFERRING = st.fixed_dictionaries({"contacts": st.lists(_REFERENCES, min_size=1, max_size=2)})
_ASSIGNEES = st.sampled_from(["0", 0, "811", 811, None])

TICKETS = st.fixed_dictionaries(
    {"id": st.sampled_from(["t1", "t2"]), "contacts": _REFERRING},
    optional={
        "ticket_id": st.just("42"),
        "category": st.sampled_from(["Customer", "Back-office", "Tracker"]),
        "ticket_attributes": ATTRIBUTES,
        "ticket_state": _STATES,
        "ticket_state_internal_label": _TEXTS,
        "previous_ticket_state_id": st.sampled_from([None, "11", "12"]),
        "ticket_type": st.none()
        | some(
            id=st.just("5"),
            name=_TEXTS,
            description=_TEXTS,
            ticket_states=listed(some(id=st.sampled_from(["11", "12"]), category=_CATEGORIES)),
        ),
        "snoozed_until": _EPOCHS,
        "is_shared": _FLAGS,
        "company_id": _EXTERNAL_IDS,
        "linked_objects": listed(some(type=_WORDS, id=_WORDS, category=_TEXTS)),
        "admin_assignee_id": _ASSIGNEES,
        "team_assignee_id": _ASSIGNEES,
        "created_at": _EPOCHS,
        "updated_at": _EPOCHS,
        "open": _FLAGS,
        "ticket_parts": st.fixed_dictionaries({"ticket_parts": st.lists(PARTS, max_size=3)}),
    },
)
#: The older shape, on ticket.contact.*.
LEGACY_TICKETS = st.fixed_dictionaries(
    {"id": st.just(215)},
    optional={
        "state": _CATEGORIES,
        "ticket_type": _TEXTS,
        "ticket_custom_state_admin_label": _TEXTS,
        "custom_attributes": st.dictionaries(_NAMES, some(type=_TEXTS, value=_VALUES), max_size=4),
    },
)
CONVERSATIONS = st.fixed_dictionaries(
    {"id": st.sampled_from(["9", "10"]), "contacts": _REFERRING},
    optional={
        "state": st.sampled_from(["open", "closed", "snoozed"]),
        "open": _FLAGS,
        "priority": st.sampled_from(["priority", "not_priority", "none", "urgent"]),
        "custom_attributes": ATTRIBUTES,
        "tags": st.fixed_dictionaries({"tags": st.lists(_TAGS, max_size=3)}),
        "conversation_rating": st.none() | some(rating=st.integers(1, 5), remark=st.just("SECRET")),
        "source": st.just({"body": "SECRET", "author": {"name": "SECRET"}}),
        "title": st.just("SECRET"),
        "statistics": st.dictionaries(_WORDS, _NUMBERS, max_size=3),
        "waiting_since": _EPOCHS,
        "ai_agent": st.none() | some(resolution_state=_TEXTS, rating=st.none() | st.integers(1, 5)),
        "created_at": _EPOCHS,
        "updated_at": _EPOCHS,
        "conversation_parts": st.fixed_dictionaries({"conversation_parts": st.lists(PARTS, max_size=2)}),
    },
)
#: Metadata of an event may be a sum of money or a link.
_RICH = some(amount=_NUMBERS, currency=_WORDS) | some(url=_WORDS, value=_TEXTS)
_CUSTOM_EVENTS = st.fixed_dictionaries(
    {"intercom_user_id": _CONTACT_IDS},
    optional={
        "event_name": _TEXTS,
        "created_at": _EPOCHS,
        "metadata": ATTRIBUTES | st.dictionaries(_NAMES, _RICH, max_size=3),
        "id": _WORDS,
        "email": _TEXTS,
        "user_id": _EXTERNAL_IDS,
    },
)

_NAMED = st.sampled_from(
    ["u_n", "u_fn", "u_em", "u_mb", "moe_unsubscribe", "moe_spam", "moe_new", "Plan"]
)
_GIVEN = st.dictionaries(_NAMED | _NAMES, st.booleans() | _VALUES, max_size=5)
#: What data connectors and Series send, in all documented forms.
PARTNER_BODIES = st.dictionaries(
    st.sampled_from(["connector", "connector_event", "series", "series_event"]),
    st.tuples(
        _GIVEN,
        some(
            customer_id=_EXTERNAL_IDS,
            intercom_id=_CONTACT_IDS,
            u_em=st.just("a@b.example"),
            createdate=_TIMES,
            modified_at=_TIMES,
            event_name=_TEXTS,
            user_attributes=_GIVEN,
            event_attributes=_GIVEN,
            attributes=_GIVEN,
            actions=st.lists(some(action=_TEXTS, attributes=_GIVEN, current_time=_TIMES), max_size=3),
        ),
    ).map(lambda pair: {**pair[0], **pair[1]}),
    min_size=1,
    max_size=1,
)


_GONE = _CONTACT_IDS.map(lambda one: {"type": "contact", "id": one, "deleted": True})
_ARCHIVED = _CONTACT_IDS.map(lambda one: {"type": "contact", "id": one, "archived": True})
_COMPANY_GONE = _COMPANY_IDS.map(lambda one: {"type": "company", "id": one, "deleted": True})
_MERGED = st.tuples(contacts(), some(merged_from=some(type=st.just("contact"), id=_CONTACT_IDS)))
_VISITORS = some(user_id=_EXTERNAL_IDS, location_data=some(country_name=_TEXTS, city_name=_TEXTS))
_SIGNED_UP = st.tuples(contacts(), _VISITORS)
_TAGGED = st.fixed_dictionaries({"tag": _TAGS, "contact": contacts()})
_SUBSCRIPTIONS = st.fixed_dictionaries(
    {
        "contact": contacts(),
        "subscription_types": listed(some(id=st.just("4"), default_translation=some(name=_TEXTS))),
    }
)
_OF_COMPANY = st.fixed_dictionaries({"company": COMPANIES, "contact": contacts()})
_BESIDE_PART = st.fixed_dictionaries({"ticket": TICKETS, "ticket_part": PARTS})
_OF_TICKET = st.fixed_dictionaries({"ticket": LEGACY_TICKETS | TICKETS, "contact": contacts()})
_OF_CONVERSATION = st.fixed_dictionaries({"conversation": CONVERSATIONS, "contact": contacts()})


def _both(parts: st.SearchStrategy[tuple[Json, Json]]) -> st.SearchStrategy[Json]:
    return parts.map(lambda pair: {**pair[0], **pair[1]})


def _items(*topics: str, item: st.SearchStrategy[Json]) -> dict[str, st.SearchStrategy[Json]]:
    return dict.fromkeys(topics, item)


#: What is under ``data.item``, by topic; one of them is a topic that nobody has heard of.
ITEMS: dict[str, st.SearchStrategy[Json]] = {
    **_items(
        "contact.user.created", "contact.user.updated", "contact.lead.created", "contact.lead.updated",
        "contact.lead.added_email", "contact.lead.signed_up", "contact.email.updated",
        "contact.unarchive", "contact.unarchived", item=contacts(),
    ),
    **_items("contact.merged", item=_both(_MERGED)),
    **_items("visitor.signed_up", item=_both(_SIGNED_UP)),
    **_items("contact.deleted", item=_GONE),
    **_items("contact.archived", item=_ARCHIVED),
    **_items(
        "contact.user.tag.created", "contact.user.tag.deleted", "contact.lead.tag.created",
        "contact.lead.tag.deleted", item=_TAGGED,
    ),
    **_items(
        "contact.subscribed", "contact.unsubscribed", "granular.subscribe", "granular.unsubscribe",
        item=_SUBSCRIPTIONS,
    ),
    **_items("company.created", "company.updated", item=COMPANIES),
    **_items("company.deleted", item=_COMPANY_GONE),
    **_items("company.contact.attached", "company.contact.detached", item=_OF_COMPANY),
    **_items(
        "ticket.created", "ticket.state.updated", "ticket.resolved", "ticket.rating.provided",
        item=TICKETS,
    ),
    **_items("ticket.closed", item=TICKETS | st.fixed_dictionaries({"ticket": TICKETS})),
    **_items(
        "ticket.admin.assigned", "ticket.team.assigned", "ticket.attribute.updated",
        "ticket.note.created", "ticket.admin.replied", "ticket.contact.replied", item=_BESIDE_PART,
    ),
    **_items("ticket.contact.attached", "ticket.contact.detached", item=_OF_TICKET),
    **_items(
        "conversation.user.created", "conversation.user.replied", "conversation.admin.single.created",
        "conversation.admin.replied", "conversation.admin.assigned", "conversation.admin.noted",
        "conversation.admin.opened", "conversation.admin.closed", "conversation.admin.snoozed",
        "conversation.admin.unsnoozed", "conversation.operator.replied",
        "conversation.priority.updated", "conversation.rating.added", "conversation.read",
        "conversation.new.topic", item=CONVERSATIONS,
    ),
    **_items(
        "conversation.contact.attached", "conversation.contact.detached", item=_OF_CONVERSATION
    ),
    **_items("event.created", item=_CUSTOM_EVENTS),
}  # fmt: skip

NOTIFICATIONS = st.sampled_from(sorted(ITEMS)).flatmap(
    lambda topic: st.fixed_dictionaries({"topic": st.just(topic), "item": ITEMS[topic]})
)
