"""Whether a user element tells MoEngage anything that it was not told before."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from events.codec import canonical
from events.elements import UserElement
from events.rows import ContactRow
from mappings.moment import CONTACT, Moment
from mappings.rules import RuleSet, map_moment


def is_news(rules: RuleSet, moment: Moment, element: UserElement) -> bool:
    """Whether to hand on the user of a moment in which the contact may have changed.

    Writes down what is handed on. Some rules tell of the moment alone, such as the tag that was added;
    the next update is no news for having none of that.
    """
    row, digest = moment.row, digest_of(element)
    if digest in (row.sent, row.steady):
        return False
    row.sent = row.steady = digest
    if rules.plan_of(moment).momentary:
        steady = steady_user(rules, moment)
        row.steady = digest_of(steady) if steady is not None and holds(element, steady) else ""
    return True


def would_be_news(row: ContactRow, element: UserElement) -> bool:
    """Whether ``is_news`` would say so; writes nothing down."""
    return digest_of(element) not in (row.sent, row.steady)


def steady_user(rules: RuleSet, moment: Moment) -> UserElement | None:
    """The user as it is at any time."""
    at_any_time = replace(moment, happened=frozenset({CONTACT}), document={}, ticket=None, previous=None)
    users = [one for one in map_moment(rules, at_any_time) if isinstance(one, UserElement)]
    return users[0] if users else None


def holds(element: UserElement, other: UserElement) -> bool:
    """Whether one element tells all that the other does."""
    attributes = element.attributes
    return element.customer_id == other.customer_id and all(
        name in attributes and attributes[name] == value for name, value in other.attributes.items()
    )


def digest_of(element: UserElement) -> str:
    """Of the user with all that is told of it."""
    content = canonical([element.customer_id, dict(element.attributes)])
    return hashlib.blake2b(content, digest_size=16).hexdigest()
