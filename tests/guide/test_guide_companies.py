"""Modules: companies of Intercom are attributes of their users and leads, synced with them."""

from __future__ import annotations

from typing import Any

import pytest
from guide_bridge import Guide
from heard import Element, User
from intercom_says import Body, company, iso, tie
from people import Person, new_person

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="session")]

GOLD = {"type": "plan", "id": "3", "name": "Gold"}


def of_company(element: Element) -> dict[str, Any]:
    """What a user element says of companies."""
    return {name: value for name, value in element.attributes.items() if name.startswith("company_")}


async def names_arrive(guide: Guide, person: Person, *names: str) -> User:
    """Wait for an element that was not read yet, with these companies, the primary one first."""

    def wanted(element: Element) -> bool:
        return element.attributes.get("company_names", []) == list(names)

    element = await guide.arrives(person, wanted, f"{person.customer_id} is at {names}")
    assert isinstance(element, User)
    return element


async def attach(guide: Guide, person: Person, *companies: Body, at: int = 10) -> None:
    """Make companies known and the contact a member of them, ten seconds apart; read up to there."""
    for number, body in enumerate(companies):
        await guide.webhook("company.created", body)
        since = at + 10 * number
        listed = tuple(each["id"] for each in companies[: number + 1])
        item = tie(person.contact(at=since, companies=listed), body)
        await guide.webhook("company.contact.attached", item, at=since)
        await names_arrive(guide, person, *(each["name"] for each in companies[: number + 1]))
        await guide.news(person)


@pytest.mark.parametrize("role", ["user", "lead"])
async def test_companies_attributes_flattened(guide: Guide, someone: Person, role: str) -> None:
    brook = company(
        f"brook-{someone.contact_id}", "Brook", plan=GOLD, size=40, industry="Shoes",
        website="https://brook.example", monthly_spend=99.5,
        custom_attributes={
            "Tier": "A", "Renewal due?": "2027-01-31T12:00:00.000Z", "contract_ends_at": 1790000000,
            "Open invoices": 3, "Partner": True, "Regions": ["NL", "BE"], "name": "taken", "Note": None,
        },
    )  # fmt: skip
    await guide.webhook(
        f"contact.{role}.created", someone.contact(role=role, companies=(brook["id"],)), at=5
    )
    await guide.webhook("company.created", brook)
    user = await names_arrive(guide, someone, "Brook")
    assert user.attributes["intercom_role"] == role
    assert of_company(user) == {
        "company_id": brook["company_id"],
        "company_name": "Brook",
        "company_plan": "Gold",
        "company_size": 40,
        "company_industry": "Shoes",
        "company_website": "https://brook.example",
        "company_monthly_spend": 99.5,
        "company_count": 1,
        "company_names": ["Brook"],
        "company_tier": "A",
        "company_renewal_due": "2027-01-31T12:00:00Z",
        "company_contract_ends_at": iso(0),
        "company_open_invoices": 3,
        "company_partner": True,
        "company_regions": ["NL", "BE"],
    }
    assert user.attributes["intercom_company_name"] == "taken"


async def test_companies_several_with_a_primary(guide: Guide, someone: Person) -> None:
    """The one that the contact has belonged to longest is the primary one; all are in lists."""
    brook = company(f"brook-{someone.contact_id}", "Brook", plan=GOLD)
    acorn = company(f"acorn-{someone.contact_id}", "Acorn", monthly_spend=7)
    whole = someone.contact(at=30, companies=(brook["id"], acorn["id"]))
    await guide.webhook("contact.user.updated", whole, at=30)
    late = tie(someone.contact(at=20, companies=(acorn["id"],)), acorn)
    await guide.webhook("company.contact.attached", late, at=20)  # tells since when
    await guide.webhook("company.created", brook)
    await guide.webhook("company.created", acorn)
    both = await names_arrive(guide, someone, "Acorn", "Brook")
    assert of_company(both) == {
        "company_id": acorn["company_id"],
        "company_name": "Acorn",
        "company_monthly_spend": 7,
        "company_count": 2,
        "company_names": ["Acorn", "Brook"],
    }
    await guide.news(someone)
    still = someone.contact(at=60, companies=(brook["id"], acorn["id"]))  # as Intercom has it then
    await guide.webhook("company.contact.detached", tie(still, acorn), at=60)
    [left] = await guide.news(someone)
    assert of_company(left) == {
        "company_id": brook["company_id"],
        "company_name": "Brook",
        "company_plan": "Gold",
        "company_monthly_spend": 0,
        "company_count": 1,
        "company_names": ["Brook"],
    }


async def test_companies_attached(guide: Guide, someone: Person) -> None:
    """One notification is enough, though its company is told without plan and size."""
    brook = company(f"brook-{someone.contact_id}", "Brook", plan=GOLD, size=40)
    await guide.webhook("company.contact.attached", tie(someone.contact(at=10), brook), at=10)
    first = await names_arrive(guide, someone, "Brook")
    assert (first.attributes["company_count"], "company_plan" in first.attributes) == (1, False)
    await guide.news(someone)
    await guide.webhook("company.updated", brook)
    whole = await names_arrive(guide, someone, "Brook")
    assert (whole.attributes["company_plan"], whole.attributes["company_size"]) == ("Gold", 40)


async def test_companies_updated(guide: Guide, someone: Person) -> None:
    """Every member hears of it, nobody else does, and a visit is no change."""
    brook, acorn = (company(f"{name}-{someone.contact_id}", name) for name in ("Brook", "Acorn"))
    colleague, stranger = new_person(), new_person()
    for person, body in ((someone, brook), (colleague, brook), (stranger, acorn)):
        await attach(guide, person, body)
    visited = {**brook, "updated_at": iso(60), "last_request_at": iso(60), "session_count": 9}
    await guide.webhook("company.updated", visited, at=60)
    await guide.webhook("company.updated", {**visited, "name": "Brook Ltd", "updated_at": iso(70)}, at=70)
    for person in (someone, colleague):
        await names_arrive(guide, person, "Brook Ltd")
        assert [of_company(element)["company_name"] for element in await guide.news(person)] == [
            "Brook Ltd"
        ]
    assert await guide.news(stranger) == []


async def test_companies_detached(guide: Guide, someone: Person) -> None:
    """MoEngage keeps what is no longer told; the count says that it no longer holds."""
    brook = company(f"brook-{someone.contact_id}", "Brook")
    await attach(guide, someone, brook)
    # The contact that comes with it still lists the company.
    still = someone.contact(at=60, companies=(brook["id"],))
    await guide.webhook("company.contact.detached", tie(still, brook), at=60)
    [left] = await guide.news(someone)
    assert of_company(left) == {"company_count": 0}
    kept = await guide.user(someone.customer_id) or {}
    assert (kept["company_name"], kept["company_count"]) == ("Brook", 0)


async def test_companies_deleted(guide: Guide, someone: Person) -> None:
    brook, acorn = (company(f"{name}-{someone.contact_id}", name) for name in ("Brook", "Acorn"))
    await attach(guide, someone, brook, acorn)
    await guide.webhook("company.deleted", {"type": "company", "id": brook["id"], "deleted": True}, at=60)
    left = await names_arrive(guide, someone, "Acorn")
    assert (left.attributes["company_name"], left.attributes["company_count"]) == ("Acorn", 1)


async def test_companies_a_primary_by_a_rule_of_ones_own(own: Guide, someone: Person) -> None:
    """own_rules.yaml: the one with the largest spend, whichever came first."""
    small = company(f"small-{someone.contact_id}", "Small", monthly_spend=5)
    large = company(f"large-{someone.contact_id}", "Large", monthly_spend=500)
    await attach(own, someone, small)
    both = someone.contact(at=60, companies=(small["id"], large["id"]))
    await own.webhook("company.contact.attached", tie(both, large), at=60)
    user = await names_arrive(own, someone, "Small", "Large")
    assert (user.attributes["company_name"], user.attributes["company_count"]) == ("Large", 2)
