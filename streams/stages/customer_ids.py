"""Under which MoEngage ids a contact is known, and what becomes of those that it leaves.

Every function changes the row it is given and says what that came to.
"""

from __future__ import annotations

from events.rows import ContactRow
from mappings.merging import Merges, is_made_up, merges_contacts, merges_on_change

#: Ids that wait to be merged; one contact takes in few others before anything is sent of it.
_MERGING_MAX = 50


def handed_on(row: ContactRow, customer_id: str, merges: Merges) -> list[str]:
    """Elements went out under this id of the contact's own; the ids that are merged into it now.

    Not before, for MoEngage merges two users that it has.
    """
    left, left_made_up = row.customer_id, row.id_made_up
    row.customer_id, row.id_made_up = customer_id, is_made_up(row, customer_id)
    if left == customer_id and not row.merging:
        return []
    gone, row.merging = [one for one in row.merging if one != customer_id], []
    if left not in ("", customer_id, *gone) and merges_on_change(
        merges, old_made_up=left_made_up, new_made_up=row.id_made_up
    ):
        gone.append(left)
    return gone


def merged_away(row: ContactRow, into: str, merges: Merges) -> list[str] | None:
    """The contact was merged into the one of customer id ``into``; the ids to tell that one.

    None where nothing is to change: merges are off, or not of ids like this contact's, which then stays
    a user of its own. Else whatever comes of it later goes to ``into``.
    """
    known = row.customer_id
    if merges == "off" or row.merged_into:
        return None
    if known and not merges_contacts(merges, made_up=row.id_made_up):
        return None
    told = [one for one in (*row.merging, known) if one and one != into]
    row.merged_into, row.customer_id, row.merging = into, "", []
    return told


def taken_in(row: ContactRow, other: str) -> str:
    """A contact that MoEngage knows as ``other`` was merged into this one: the id that is kept.

    "" where it waits for this one's first element, or where nothing comes of it.
    """
    kept = row.merged_into or row.customer_id
    if row.deleted or other == kept:
        return ""
    if not kept and other not in row.merging and len(row.merging) < _MERGING_MAX:
        row.merging.append(other)
    return kept


def left(row: ContactRow) -> list[str]:
    """The contact was deleted: the ids under which MoEngage has it from here."""
    known = [one for one in (*row.merging, row.customer_id) if one]
    row.customer_id, row.merging = "", []
    return known
