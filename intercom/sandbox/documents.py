"""Contacts, companies and lists in Intercom's shapes. Pure.

Source: the examples in Intercom's OpenAPI description 2.14, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: A contact lists so many of its companies (source: Contact companies).
MAX_LISTED = 10

_CONTACT_NULLS = (
    "external_id", "phone", "name", "avatar", "owner_id", "signed_up_at", "last_seen_at",
    "last_replied_at", "last_contacted_at", "last_email_opened_at", "last_email_clicked_at",
    "language_override", "browser", "browser_version", "browser_language", "os", "utm_campaign",
    "utm_content", "utm_medium", "utm_source", "utm_term", "referrer",
)  # fmt: skip


def contact(
    contact_id: str,
    fields: Mapping[str, Any],
    company_ids: Sequence[str],
    *,
    workspace_id: str,
    now_s: int,
) -> dict[str, Any]:
    """A contact with these fields, and Intercom's for all others."""
    url = f"/contacts/{contact_id}"
    return {
        "type": "contact",
        "id": contact_id,
        "workspace_id": workspace_id,
        "role": "user",
        "email": None,
        **dict.fromkeys(_CONTACT_NULLS),
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": False,
        "created_at": now_s,
        "updated_at": now_s,
        "location": {"type": "location", "country": None, "region": None, "city": None},
        "custom_attributes": {},
        "tags": _listed("tag", [], f"{url}/tags"),
        "notes": _listed("note", [], f"{url}/notes"),
        **fields,
        "companies": _listed("company", company_ids, f"{url}/companies"),
    }


def company(
    company_id: str, fields: Mapping[str, Any], user_count: int, *, workspace_id: str, now_s: int
) -> dict[str, Any]:
    """A company with these fields, and Intercom's for all others."""
    return {
        "type": "company",
        "company_id": company_id,
        "id": company_id,
        "app_id": workspace_id,
        "name": "",
        "remote_created_at": now_s,
        "created_at": now_s,
        "updated_at": now_s,
        "monthly_spend": 0,
        "session_count": 0,
        "user_count": user_count,
        "tags": {"type": "tag.list", "tags": []},
        "segments": {"type": "segment.list", "segments": []},
        "plan": {},
        "custom_attributes": {},
        **fields,
    }


def ticket_states() -> dict[str, Any]:
    """The four states that every workspace begins with."""
    labels = {
        "submitted": ("Submitted", "Submitted"),
        "in_progress": ("In progress", "In progress"),
        "waiting_on_customer": ("Waiting on customer", "Waiting on you"),
        "resolved": ("Resolved", "Resolved"),
    }
    states = [
        {
            "type": "ticket_state",
            "id": str(number),
            "category": category,
            "internal_label": internal,
            "external_label": external,
            "archived": False,
            "ticket_types": {"type": "list", "data": []},
        }
        for number, (category, (internal, external)) in enumerate(labels.items(), 1)
    ]
    return {"type": "list", "data": states}


def page_of(objects: Sequence[dict[str, Any]], *, page: int, per_page: int) -> dict[str, Any]:
    """One page, counted from 1, without the way to the next one."""
    total_pages = -(-len(objects) // per_page)
    return {
        "type": "list",
        "data": list(objects[(page - 1) * per_page : page * per_page]),
        "total_count": len(objects),
        "pages": {"type": "pages", "page": page, "per_page": per_page, "total_pages": total_pages},
    }


def _listed(kind: str, ids: Sequence[str], url: str) -> dict[str, Any]:
    plural = "companies" if kind == "company" else f"{kind}s"
    data = [{"type": kind, "id": each, "url": f"/{plural}/{each}"} for each in ids[:MAX_LISTED]]
    more = len(ids) > MAX_LISTED
    return {"type": "list", "data": data, "url": url, "total_count": len(ids), "has_more": more}
