"""Whether a MoEngage user is merged into another when a contact goes on under another customer id. Pure.

MoEngage cannot undo a merge. A user under an id that Intercom made up is nobody else's: what it holds
came from here. A user under an id of the customer's own may be known to an app or a website as well, and
such an id may change because it was wrong (docs/decisions/0011-merges-and-deletes.md).
"""

from __future__ import annotations

from typing import Literal, get_args

from events.rows import ContactRow

#: What may be merged: nothing, users under ids that Intercom made up, or users under any id.
Merges = Literal["off", "intercom_ids", "all"]

MERGES: tuple[Merges, ...] = get_args(Merges)


def is_made_up(row: ContactRow, customer_id: str) -> bool:
    """Whether Intercom made up this customer id of the contact: its own id, or a lead's external id.

    A lead's external_id is a UUID of Intercom's (captured payloads, API reference).
    """
    if customer_id.startswith("intercom:"):
        return True
    profile = row.profile
    external_id = profile.get("external_id")
    return (
        profile.get("role") == "lead"
        and isinstance(external_id, str)
        and external_id.strip() == customer_id
    )


def merges_on_change(merges: Merges, *, old_made_up: bool, new_made_up: bool) -> bool:
    """Whether the user under a contact's old id is merged into the one under its new id.

    Never one under the customer's own id into one under an id that Intercom made up: a contact that lost
    its external id must not take the user with it.
    """
    if merges == "all":
        return old_made_up or not new_made_up
    return merges == "intercom_ids" and old_made_up


def merges_contacts(merges: Merges, *, made_up: bool) -> bool:
    """Whether the user of a contact that was merged into another in Intercom is merged in MoEngage."""
    return merges == "all" or (merges == "intercom_ids" and made_up)
