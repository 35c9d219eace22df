"""A ticket that comes back to a state: which visit a notification is of, and what came before it."""

from __future__ import annotations

import pytest
from records import Json, moved_part, ms, state, ticket

from events.rows import ContactRow, TicketState
from mappings.tickets import ticket_view
from streams.stages.contact_row import TicketNews, take_ticket

CREATED, MOVED, NOTE = "ticket.created", "ticket.state.updated", "ticket.note.created"

#: The parts of a ticket that was resolved, reopened, and resolved again; a part tells each move.
MOVES = ["submitted", "resolved", "in_progress", "resolved", "in_progress"]


def visit(number: int, *, at: int | None = None, nothing_moved_at: int = 0) -> Json:
    """The ticket during one of its visits, each of which began 10 s after the one before."""
    parts = [moved_part(MOVES[n - 1], MOVES[n], 10 * n) for n in range(1, number + 1)]
    if nothing_moved_at:
        parts.append(moved_part(MOVES[number], MOVES[number], nothing_moved_at))
    return ticket(state(MOVES[number]), at=10 * number if at is None else at, parts=parts)


@pytest.fixture
def row() -> ContactRow:
    return ContactRow("c1")


def take(row: ContactRow, topic: str, item: Json) -> TicketNews:
    view = ticket_view(item)
    assert view is not None
    return take_ticket(row, topic, view)


def told(news: TicketNews) -> tuple[str, int, int]:
    """Of a change, the category before, since when, and when it changed, in seconds."""
    assert news.changed
    assert isinstance(news.previous, TicketState)
    since = (news.previous.since - ms(0)) // 1000 if news.previous.since else 0
    return news.previous.category, since, (news.at - ms(0)) // 1000


def test_a_state_that_was_left_and_came_back_is_a_change_though_nothing_told_of_the_way(
    row: ContactRow,
) -> None:
    take(row, MOVED, visit(1))
    assert told(take(row, MOVED, visit(3))) == ("in_progress", 20, 30)
    assert row.tickets["t1"].reopened == 1
    assert take(row, MOVED, visit(2)) == TicketNews()
    assert take(row, MOVED, visit(3)) == TicketNews()


def test_an_earlier_visit_is_old_news_though_the_later_one_was_only_seen_in_passing(
    row: ContactRow,
) -> None:
    assert take(row, NOTE, visit(3, at=35)) == TicketNews()
    assert take(row, MOVED, visit(1)) == TicketNews()
    assert told(take(row, MOVED, visit(3))) == ("in_progress", 20, 30)


def test_a_creation_does_not_announce_a_later_visit_of_its_state(row: ContactRow) -> None:
    reopened = ticket(
        state("submitted"), at=25,
        parts=[moved_part("submitted", "resolved", 10), moved_part("resolved", "submitted", 20)],
    )  # fmt: skip
    take(row, NOTE, reopened)
    assert take(row, CREATED, ticket(state("submitted"), at=0)) == TicketNews(created=True)
    assert told(take(row, MOVED, reopened)) == ("resolved", 10, 20)


def test_a_notification_that_nothing_moved_does_not_announce_the_state(row: ContactRow) -> None:
    assert take(row, MOVED, visit(1, at=15, nothing_moved_at=15)) == TicketNews()
    assert told(take(row, MOVED, visit(1))) == ("submitted", 0, 10)
    assert take(row, MOVED, visit(1)) == TicketNews()


def test_the_state_before_is_the_real_one_though_it_was_missed(row: ContactRow) -> None:
    take(row, CREATED, visit(0))
    assert told(take(row, MOVED, visit(2))) == ("resolved", 10, 20)
    assert row.tickets["t1"].reopened == 1


def test_a_part_that_moved_nothing_changes_no_time(row: ContactRow) -> None:
    """Neither when the ticket came to the state, nor how long it was in the one before."""
    take(row, CREATED, visit(0))
    take(row, MOVED, visit(0, at=4, nothing_moved_at=4))
    assert told(take(row, NOTE, visit(1, at=16, nothing_moved_at=15))) == ("submitted", 0, 10)
    assert told(take(row, MOVED, visit(2))) == ("resolved", 10, 20)


def test_without_parts_a_state_seen_in_passing_may_be_told_as_an_earlier_visit_of_it(
    row: ContactRow,
) -> None:
    """It is a real change to the state that the ticket is in; that it came back cannot be seen."""
    take(row, NOTE, ticket(state("resolved"), at=35))
    assert take(row, MOVED, ticket(state("resolved"), at=10)).changed
    assert take(row, MOVED, ticket(state("resolved"), at=30)) == TicketNews()


def test_an_older_shape_without_times_makes_no_state_news_again(row: ContactRow) -> None:
    """ticket.contact.attached tells neither parts nor times."""
    legacy = {"id": "t1", "state": "submitted", "ticket_type": "Tickets"}
    assert take(row, "ticket.contact.attached", {"ticket": legacy}) == TicketNews()
    assert take(row, MOVED, visit(0, at=4, nothing_moved_at=4)) == TicketNews()
    assert take(row, MOVED, visit(1)).changed


def test_within_a_second_a_state_seen_in_passing_does_not_count(row: ContactRow) -> None:
    take(row, MOVED, ticket(state("resolved"), at=10))
    assert take(row, NOTE, ticket(state("in_progress"), at=10)) == TicketNews()
    assert take(row, MOVED, ticket(state("in_progress"), at=10)).changed
