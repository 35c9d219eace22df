"""Hypothesis strategies for what Intercom's API references (2.7 to 2.16) say that webhooks carry."""

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
_VALUES = (
    _TEXTS | _FLAGS | _NUMBERS | _FILES
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
        updated_at=_TIMES,
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
        "ticket_type": st.none() | some(id=st.just("5"), name=_TEXTS),
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
        "created_at": _EPOCHS,
        "updated_at": _EPOCHS,
        "conversation_parts": st.fixed_dictionaries({"conversation_parts": st.lists(PARTS, max_size=2)}),
    },
)
_CUSTOM_EVENTS = st.fixed_dictionaries(
    {"intercom_user_id": _CONTACT_IDS},
    optional={
        "event_name": _TEXTS,
        "created_at": _EPOCHS,
        "metadata": ATTRIBUTES,
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


def _told(topics: list[str], item: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"topic": st.sampled_from(topics), "item": item})


def _holding(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(fields)


_GONE = _CONTACT_IDS.map(lambda one: {"type": "contact", "id": one, "deleted": True})
_ARCHIVED = _CONTACT_IDS.map(lambda one: {"type": "contact", "id": one, "archived": True})
_SUBSCRIPTIONS = listed(some(id=st.just("4"), default_translation=some(name=_TEXTS)))

NOTIFICATIONS = (
    _told(["contact.user.created", "contact.user.updated", "contact.lead.created",
           "contact.email.updated", "contact.merged", "contact.unarchive"], contacts())
    | _told(["contact.deleted"], _GONE)
    | _told(["contact.archived"], _ARCHIVED)
    | _told(["contact.user.tag.created", "contact.lead.tag.deleted"],
            _holding(tag=_TAGS, contact=contacts()))
    | _told(["contact.subscribed", "contact.unsubscribed", "granular.unsubscribe"],
            _holding(contact=contacts(), subscription_types=_SUBSCRIPTIONS))
    | _told(["company.created", "company.updated"], COMPANIES)
    | _told(["company.contact.attached", "company.contact.detached"],
            _holding(company=COMPANIES, contact=contacts()))
    | _told(["ticket.created", "ticket.state.updated", "ticket.resolved", "ticket.rating.provided"],
            TICKETS)
    | _told(["ticket.closed"], TICKETS | _holding(ticket=TICKETS))
    | _told(["ticket.admin.assigned", "ticket.attribute.updated", "ticket.note.created",
             "ticket.contact.replied"], _holding(ticket=TICKETS, ticket_part=PARTS))
    | _told(["ticket.contact.attached", "ticket.contact.detached"],
            _holding(ticket=LEGACY_TICKETS, contact=contacts()))
    | _told(["conversation.admin.closed", "conversation.user.replied", "conversation.rating.added",
             "conversation.new.topic"], CONVERSATIONS)
    | _told(["conversation.contact.attached"], _holding(conversation=CONVERSATIONS, contact=contacts()))
    | _told(["event.created"], _CUSTOM_EVENTS)
)  # fmt: skip
