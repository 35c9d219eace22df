"""Whose rows a replay of received events needs."""

from __future__ import annotations

from events.keys import scoped
from events.rows import CompanyRow, ContactRow, Membership, company_key, member_key
from events.topics import COMPANIES, CONTACTS
from streams.publishing import Outgoing
from streams.replay.concerned import Concerned


def test_ties_of_contacts_and_members_of_companies() -> None:
    concerned = Concerned("eu")
    keys = {name: scoped("eu", name) for name in ("c1", "c2", "c3", "acme", "past", "else")}
    routed = [
        Outgoing(CONTACTS, keys["c1"].encode(), b""),
        Outgoing(COMPANIES, keys["acme"].encode(), b""),
    ]
    concerned.event(routed, CONTACTS)
    assert concerned.wants_contact(keys["c1"].encode())
    assert not concerned.wants_contact(b"c1")  # another configuration's

    concerned.contact_row(ContactRow("c1", companies={"past": Membership(1, member=False)}).encode())
    assert [concerned.wants_company(company_key(keys[one])) for one in ("acme", "past", "else")] == [
        True, True, False
    ]  # fmt: skip
    assert concerned.wants_company(member_key(keys["acme"], "c2"))
    assert concerned.wants_company(member_key(keys["past"], "c1"))
    assert not concerned.wants_company(member_key(keys["past"], "c2"))

    concerned.company_row(company_key(keys["acme"]), CompanyRow("acme").encode())
    concerned.company_row(member_key(keys["acme"], "c1"), b"+1")
    concerned.company_row(member_key(keys["acme"], "c2"), b"+1")
    concerned.company_row(member_key(keys["acme"], "c3"), b"-1")
    assert concerned.members == {keys["c2"]}
    assert concerned.wants_member(keys["c2"].encode())
