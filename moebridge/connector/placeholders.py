"""What stands in a body where Intercom has to put an attribute: ``{{first_name}}``.

Intercom's editors insert attributes by choice from a list; no page of Intercom's names a text that could
be pasted in their place. So each placeholder says which attribute is meant, by Intercom's name for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{([a-z0-9_.]+)\}\}")

#: Attributes that Intercom has wherever a person, a company or a ticket is at hand.
ATTRIBUTES: Mapping[str, str] = {
    "user_id": "People, User ID (your own id of the person; `external_id` in the API)",
    "contact_id": "People, the person's Intercom ID",
    "first_name": "People, First name",
    "last_name": "People, Last name",
    "email": "People, Email",
    "phone": "People, Phone",
    "created_at": "People, Created at (or Signed up)",
    "updated_at": "People, Updated at",
    "company_name": "Company, Company name",
    "ticket_id": "Ticket, ID",
    "ticket_state": "Ticket, State",
}

#: What a first connector finds is kept under the path in its response; of the hits, the first.
_FOUND = "data.0."


def written(name: str) -> str:
    """The placeholder as it stands in a body."""
    return f"{{{{{name}}}}}"


def found(field: str) -> str:
    """The placeholder of a field that a first connector found."""
    return written(_FOUND + field)


def meaning(name: str) -> str:
    """What to insert for a placeholder."""
    if name.startswith(_FOUND):
        return f"the temporary attribute that keeps {name} of the first connector's response"
    return ATTRIBUTES[name]


def names_in(value: Any) -> list[str]:
    """The placeholders of a body, each once, in its order."""
    if isinstance(value, Mapping):
        names = [name for inner in value.values() for name in names_in(inner)]
    elif isinstance(value, list):
        names = [name for inner in value for name in names_in(inner)]
    else:
        names = _PLACEHOLDER.findall(value) if isinstance(value, str) else []
    return list(dict.fromkeys(names))
