"""What a contact tells companies: that it became, or ceased to be, one of their members."""

from __future__ import annotations

from collections.abc import Sequence

from events.envelope import Envelope
from events.joins import MembershipChange
from events.keys import scoped
from events.replays import Replayed
from events.rows import ContactRow
from events.topics import COMPANIES, topic_name
from streams.publishing import Outgoing
from streams.stages import contact_row

Changes = Sequence[tuple[str, bool]]


def told(
    row: ContactRow,
    changes: Changes,
    cause: Envelope,
    *,
    scope: str,
    prefix: str,
    replayed: Replayed | None = None,
) -> list[Outgoing]:
    """The records for intercom.companies: (company id, whether the contact is a member)."""
    topic, out = topic_name(COMPANIES, prefix), []
    for company_id, member in changes:
        # Both sides of the join must judge later reports by the same time.
        at = row.companies[company_id].confirmed_at
        value, headers = MembershipChange(row.contact_id, member, at).record(cause, replayed)
        out.append(Outgoing(topic, scoped(scope, company_id).encode(), value, headers))
    return out


def leave_all(row: ContactRow, cause: Envelope) -> Changes:
    """End every membership of a contact that is no more."""
    return [
        change
        for company_id, tie in row.companies.items()
        if tie.member
        and (change := contact_row.set_member(
            row, company_id, member=False, at=max(tie.confirmed_at, cause.occurred_at)
        ))
    ]  # fmt: skip
