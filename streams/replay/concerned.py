"""Whose rows a replay of received events works with: contacts and companies. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from events.keys import scoped
from events.rows import ContactRow
from streams.publishing import Outgoing

_COMPANY, _MEMBER = b"c", b"m"


@dataclass(slots=True)
class Concerned:
    """Keys within their configuration. Told in three steps: of the events, contacts' rows, companies'.

    ``contacts`` and ``companies`` are what events are about; ``ties`` are companies that the contacts are
    or were members of, ``members`` are contacts of the companies.
    """

    scope: str
    contacts: set[str] = field(default_factory=set)
    companies: set[str] = field(default_factory=set)
    ties: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)

    def event(self, routed: Iterable[Outgoing], contacts_topic: str) -> None:
        """Where one event goes."""
        for one in routed:
            (self.contacts if one.topic == contacts_topic else self.companies).add(one.key.decode())

    def wants_contact(self, key: bytes) -> bool:
        """Whether the contacts table's row is needed for what events are about."""
        return key.decode() in self.contacts

    def contact_row(self, row: bytes) -> None:
        """The row of such a contact."""
        self.ties |= {scoped(self.scope, one) for one in ContactRow.decode(row).companies}

    def wants_company(self, key: bytes) -> bool:
        """Whether the companies table's row, of a company or a membership, is needed."""
        if key.startswith(_COMPANY):
            company = key[1:].decode()
            return company in self.companies or company in self.ties
        if not key.startswith(_MEMBER):
            return False
        company, member = _membership(key)
        return company in self.companies or (
            company in self.ties and scoped(self.scope, member) in self.contacts
        )

    def company_row(self, key: bytes, row: bytes) -> None:
        """A row that was wanted: members of the companies hear of what happens to these."""
        if not key.startswith(_MEMBER) or not row.startswith(b"+"):
            return
        company, member = _membership(key)
        contact = scoped(self.scope, member)
        if company in self.companies and contact not in self.contacts:
            self.members.add(contact)

    def wants_member(self, key: bytes) -> bool:
        """Whether the contacts table's row is needed for a member."""
        return key.decode() in self.members


def _membership(key: bytes) -> tuple[str, str]:
    """Company, within its configuration, and contact of a membership's key (events.rows.member_key)."""
    length = int.from_bytes(key[1:5], "big")
    return key[5 : 5 + length].decode(), key[5 + length :].decode()
