"""Which MoEngage user a moment is about."""

from __future__ import annotations

import hashlib

from events.keys import allowed_customer_id, customer_id
from events.rows import ContactRow
from events.subjects import NOT_INTERCOM_IDS
from mappings.moment import Moment
from mappings.partner import given, is_partner


def customer_id_of(moment: Moment, order: tuple[str, ...]) -> str:
    """The customer_id: what a connector's body asks for where MoEngage takes it, else ``events.keys``.

    A body without Intercom's id or a usable customer_id is the user of its e-mail address, unless
    Intercom has told whose that is: then it is the user that the contact is anyway. Always an id that
    MoEngage takes.
    """
    row = moment.row
    if not is_partner(moment):
        return customer_id_of_row(row, order)
    wanted = given(moment.document, "customer_id")
    if wanted and allowed_customer_id(wanted):
        return wanted
    email = row.profile.get("email")
    if not isinstance(email, str):
        email = given(moment.document, "u_em")
    if _contact_id(row).startswith(NOT_INTERCOM_IDS) and email and allowed_customer_id(email):
        return email
    return _of_row(row, email, order)


def customer_id_of_row(row: ContactRow, order: tuple[str, ...]) -> str:
    """The customer_id of a contact, going by its row alone."""
    return _of_row(row, row.profile.get("email"), order)


def _of_row(row: ContactRow, email: object, order: tuple[str, ...]) -> str:
    if row.merged_into:
        return row.merged_into
    profile = row.profile
    contact_id = _contact_id(row)
    # A visitor who signed up carries the customer's own id as user_id (captured payload).
    chosen = customer_id(
        contact_id=contact_id,
        external_id=profile.get("external_id") or profile.get("user_id"),
        email=email,
        order=order,
    )
    if allowed_customer_id(chosen):
        return chosen
    # Only an id that is no id of Intercom's can be too long.
    return "intercom:" + hashlib.sha256(contact_id.encode()).hexdigest()


def _contact_id(row: ContactRow) -> str:
    """Intercom's id, which a row under a connector's name for somebody has once Intercom has told."""
    own = row.profile.get("id")
    return own if isinstance(own, str) and own else row.contact_id
