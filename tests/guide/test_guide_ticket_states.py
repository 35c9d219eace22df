"""Modules: a ticket's state changes are events of MoEngage, one for every real change."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from guide_bridge import Guide
from heard import Event
from intercom_says import iso, moved, state, ticket, with_part
from people import Person

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="session")]

CREATED, MOVED = "ticket.created", "ticket.state.updated"


class Ticket:
    """One ticket of one contact, told again and again."""

    def __init__(self, guide: Guide, person: Person) -> None:
        self.guide, self.person = guide, person

    async def told(
        self, now: Any, *, at: int, topic: str = MOVED, before: str = "", id: str = "", **fields: Any
    ) -> str:
        """Send a notification of its state; ``before`` adds the part that tells of the move."""
        if before:
            fields["ticket_parts"] = moved(
                before, now if isinstance(now, str) else now["category"], at=at
            )
        body = ticket([self.person], self.person.contact_id, now, at=at, **fields)
        return await self.guide.webhook(topic, body, at=at, id=id)

    async def moves(self) -> list[tuple[str | None, str]]:
        """From and to of the changes that MoEngage has heard of since last asked; of nothing else."""
        return [
            (event.attributes.get("state_from"), event.attributes["state_to"])
            for event in await self.changes()
        ]

    async def changes(self) -> list[Event]:
        """The same, whole."""
        news = await self.guide.news(self.person)
        changes = [element for element in news if isinstance(element, Event)]
        assert [change.name for change in changes] == len(news) * ["ticket_state_changed"]
        return changes


@pytest_asyncio.fixture(loop_scope="session")
async def known(guide: Guide, someone: Person) -> Ticket:
    """A ticket that was created, and told of as such."""
    one = Ticket(guide, someone)
    await one.told("submitted", at=0, topic=CREATED)
    [created] = await guide.news(someone)
    assert (created.name, created.attributes["state_to"]) == ("ticket_created", "submitted")
    return one


async def test_ticket_state_changes_with_categories_labels_and_time(known: Ticket) -> None:
    await known.told("in_progress", at=60, before="submitted")
    [change] = await known.changes()
    assert (change.at, change.topic) == (iso(60), MOVED)
    expected = {
        "state_from": "submitted",
        "state_from_label": "New",
        "state_from_external_label": "Sent",
        "state_to": "in_progress",
        "state_to_label": "Looking",
        "state_to_external_label": "At it",
        "seconds_in_previous_state": 60,
        "reopened_count": 0,
    }
    assert expected.items() <= change.attributes.items()


async def test_ticket_state_changes_no_change_is_no_event(known: Ticket) -> None:
    await known.told("submitted", at=1, before="submitted")  # as Intercom tells of a creation
    await known.told("submitted", at=2)
    await known.told("resolved", at=60)
    await known.told("resolved", at=90, before="resolved")
    await known.told(None, at=95)  # a ticket without its state
    assert await known.moves() == [("submitted", "resolved")]


async def test_ticket_state_changes_one_click_two_topics(known: Ticket) -> None:
    await known.told("resolved", at=60, before="submitted")
    body = ticket([known.person], known.person.contact_id, "resolved", at=60)
    await known.guide.webhook("ticket.closed", {"ticket": body}, at=60)
    await known.guide.webhook("ticket.resolved", body, at=60)
    assert await known.moves() == [("submitted", "resolved")]


async def test_ticket_state_changes_told_again(known: Ticket) -> None:
    """Intercom sends a notification again where it heard no answer."""
    first = await known.told("resolved", at=60)
    await known.told("submitted", at=90)
    await known.told("resolved", at=60, id=first)
    assert await known.moves() == [("submitted", "resolved"), ("resolved", "submitted")]


@pytest.mark.parametrize("first", ["text", "object"])
async def test_ticket_state_changes_text_or_object(known: Ticket, first: str) -> None:
    """The same state as text (API 2.11) and as an object (2.12) is one; two versions can be in use."""

    async def told(form: str, category: str, at: int) -> None:
        if form == "object":
            await known.told(category, at=at)
        else:
            labels = state(category)
            await known.told(
                None, at=at, ticket_state=category,
                ticket_state_internal_label=labels["internal_label"],
                ticket_state_external_label=labels["external_label"],
            )  # fmt: skip

    other = {"text": "object", "object": "text"}[first]
    await told(first, "in_progress", 60)
    await told(other, "in_progress", 61)
    await told(other, "resolved", 120)
    await told(first, "resolved", 121)
    changes = await known.changes()
    assert [(change.attributes["state_from"], change.attributes["state_to"]) for change in changes] == [
        ("submitted", "in_progress"),
        ("in_progress", "resolved"),
    ]
    assert [change.attributes["state_to_label"] for change in changes] == ["Looking", "Fixed"]


async def test_ticket_state_changes_unknown_category(known: Ticket) -> None:
    reopened = state("reopened", id="77", label="Open again", external="We look again")
    await known.told(reopened, at=60)
    await known.told("Waiting for Godot", at=90)
    changes = await known.changes()
    assert [change.attributes["state_to"] for change in changes] == ["reopened", "waiting_for_godot"]
    assert changes[0].attributes["state_to_label"] == "Open again"


async def test_ticket_state_changes_reordered(known: Ticket) -> None:
    """Of moves that overtook each other only the newest is told, from where its own part says."""
    await known.told("resolved", at=120, before="in_progress")
    await known.told("in_progress", at=60, before="submitted")
    await known.told("waiting_on_customer", at=90)
    assert await known.moves() == [("in_progress", "resolved")]


async def test_ticket_state_changes_creation_comes_last(guide: Guide, someone: Person) -> None:
    one = Ticket(guide, someone)
    await one.told("in_progress", at=60, before="submitted")
    await one.told("submitted", at=0, topic=CREATED)
    change, created = await guide.news(someone)
    assert (change.name, created.name) == ("ticket_state_changed", "ticket_created")
    assert (change.attributes["state_from"], change.attributes["state_to"]) == (
        "submitted",
        "in_progress",
    )
    assert created.at == iso(0)


async def test_ticket_state_changes_first_heard_of_in_passing(guide: Guide, someone: Person) -> None:
    """A reply shows the new state before the notification about the move: the move is told, once."""
    one = Ticket(guide, someone)
    body = ticket([someone], someone.contact_id, "resolved", at=60)
    await guide.webhook("ticket.admin.replied", with_part(body, "comment"), at=61)
    [reply] = await guide.news(someone)
    assert (reply.name, reply.attributes["ticket_state"]) == ("ticket_admin_replied", "resolved")
    await one.told("resolved", at=60, before="in_progress")
    assert await one.moves() == [("in_progress", "resolved")]


async def test_ticket_state_changes_seconds_and_reopenings(known: Ticket) -> None:
    for at, category in ((60, "resolved"), (360, "in_progress"), (400, "resolved"), (1000, "submitted")):
        await known.told(category, at=at)
    changes = await known.changes()
    assert [
        (change.attributes["seconds_in_previous_state"], change.attributes["reopened_count"])
        for change in changes
    ] == [(60, 0), (300, 1), (40, 1), (600, 2)]


async def test_ticket_state_changes_custom_states(known: Ticket) -> None:
    """States of one category are told apart by their ids; one that gets another label stays the same."""
    bank = state("in_progress", id="81", label="With the bank", external="At it")
    await known.told("in_progress", at=60)
    await known.told(bank, at=120)
    await known.told({**bank, "internal_label": "At the bank"}, at=130)
    changes = await known.changes()
    assert [
        (change.attributes["state_from_label"], change.attributes["state_to_label"]) for change in changes
    ] == [
        ("New", "Looking"),
        ("Looking", "With the bank"),
    ]
    assert changes[1].attributes["state_from"] == changes[1].attributes["state_to"] == "in_progress"


async def test_ticket_state_changes_names_per_target_state_by_rule(own: Guide, someone: Person) -> None:
    """own_rules.yaml: an event by the name of each category, and two for moves of their own."""
    one = Ticket(own, someone)
    await one.told("submitted", at=0, topic=CREATED)
    await one.told("in_progress", at=60)
    await one.told(state("in_progress", id="81", label="With the bank"), at=120)
    await one.told("resolved", at=180)
    await one.told("submitted", at=240)
    created, *moves = await own.news(someone)
    assert created.name == "ticket_created"
    number = {"ticket_number": someone.contact_id}
    assert moves == [
        Event("ticket_in_progress", {**number, "state_from": "submitted", "state_from_label": "New"}),
        Event(
            "ticket_in_progress", {**number, "state_from": "in_progress", "state_from_label": "Looking"}
        ),
        Event("ticket_with_bank", number),
        Event(
            "ticket_resolved",
            {**number, "state_from": "in_progress", "state_from_label": "With the bank"},
        ),
        Event("ticket_submitted", {**number, "state_from": "resolved", "state_from_label": "Fixed"}),
        Event("ticket_reopened", {**number, "times": 1}),
    ]
