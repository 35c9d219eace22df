"""How a contact's row changes: duplicates, the profile, memberships, and tickets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import Json, company_list, contact, moved_part, ms, state, ticket

from events.envelope import DIGEST_PREFIX
from events.rows import DIGEST_AGE_MS, SEEN_AGE_MS, SEEN_MAX, TICKETS_MAX, ContactRow
from mappings.tickets import ticket_view
from streams.stages.contact_row import (
    TicketNews,
    remember,
    set_member,
    take_companies,
    take_profile,
    take_reference,
    take_snapshot,
    take_ticket,
)


@pytest.fixture
def row() -> ContactRow:
    return ContactRow("c1")


# -- duplicates ---------------------------------------------------------------------------------


def uuid_id(number: int) -> str:
    return f"notif_{number:08x}-1111-4222-8333-{number:012x}"


def digest(number: int) -> str:
    return f"{DIGEST_PREFIX}{number:064x}"


def test_a_notification_counts_once_whenever_it_comes_again(row: ContactRow) -> None:
    assert remember(row, uuid_id(1), 1000)
    assert remember(row, uuid_id(2), 1000)
    assert not remember(row, uuid_id(1), 1000)
    assert not remember(row, uuid_id(1), 1000 + SEEN_AGE_MS // 2)


def test_a_digest_counts_as_the_same_for_a_minute(row: ContactRow) -> None:
    assert remember(row, digest(1), 1000)
    assert not remember(row, digest(1), 1000 + DIGEST_AGE_MS)
    assert remember(row, digest(1), 1001 + DIGEST_AGE_MS)
    assert not remember(row, digest(1), 1001 + 2 * DIGEST_AGE_MS)


def test_a_digest_and_a_notification_are_never_the_same(row: ContactRow) -> None:
    tail = "a" * 24
    assert remember(row, f"notif_{tail}", 1000)
    assert remember(row, DIGEST_PREFIX + tail, 1000)


def test_two_equal_bodies_that_both_counted_are_both_known_when_repeated(row: ContactRow) -> None:
    """A chunk that is worked through again after a crash comes to the same result (decision 0004)."""
    times = [1000, 1000 + 2 * DIGEST_AGE_MS]
    assert [remember(row, digest(1), at) for at in times] == [True, True]
    assert [remember(row, digest(1), at) for at in times] == [False, False]


def test_what_is_remembered_is_bounded_by_count_and_age(row: ContactRow) -> None:
    now = 2 * SEEN_AGE_MS
    for number in range(40):
        remember(row, uuid_id(number), 0)
    for number in range(40, 70):
        remember(row, uuid_id(number), now + number)
    assert len(row.seen) <= SEEN_MAX
    assert not remember(row, uuid_id(69), now + 100)
    assert all(at >= now for at in row.seen.values())  # the old ones went first
    for number in range(100, 100 + 2 * SEEN_MAX):
        remember(row, uuid_id(number), now + number)
    assert len(row.seen) == SEEN_MAX
    assert not remember(row, uuid_id(100 + SEEN_MAX), now + 1000)
    assert remember(row, uuid_id(100), now + 1000)


# -- the profile --------------------------------------------------------------------------------


def test_a_profile_is_what_was_told_without_nulls_and_frame(row: ContactRow) -> None:
    assert take_profile(row, contact(at=1), 0)
    assert row.updated_at == ms(1)
    assert row.profile["location"] == {"type": "location", "city": "Oslo"}
    assert not {"phone", "type", "companies", "workspace_id", "custom_attributes"} & set(row.profile)


def test_a_null_drops_a_field_and_silence_keeps_it(row: ContactRow) -> None:
    take_profile(row, contact(at=1, phone="+47 1", utm_source="mail"), 0)
    take_profile(row, {"id": "c1", "updated_at": ms(2), "phone": None, "tags": {}}, 0)
    assert "phone" not in row.profile
    assert row.profile["utm_source"] == "mail"


def test_an_older_update_changes_nothing(row: ContactRow) -> None:
    take_profile(row, contact(at=5, name="New"), 0)
    before = row.encode()
    assert not take_profile(row, contact(at=4, name="Old", phone="1"), 0)
    assert row.encode() == before


def test_without_a_time_of_its_own_the_events_counts(row: ContactRow) -> None:
    assert take_profile(row, {"id": "c1", "name": "Ada"}, ms(3))
    assert row.updated_at == ms(3)
    assert not take_profile(row, {"id": "c1", "name": "Old"}, ms(2))


def test_a_visitors_older_names_are_read(row: ContactRow) -> None:
    take_profile(row, {"user_id": "u-1", "location_data": {"city_name": "Rome", "x": None}}, ms(1))
    assert row.profile == {"external_id": "u-1", "location": {"city_name": "Rome"}}


def test_a_deleted_contact_learns_nothing_more(row: ContactRow) -> None:
    row.deleted = True
    assert not take_profile(row, contact(at=9), 0)
    assert row.profile == {}


@given(st.permutations([contact(at=at, name=f"Name {at}", phone=str(at)) for at in range(1, 6)]))
@settings(deadline=None, max_examples=30)
def test_the_newest_profile_wins_in_any_order(updates: list[Json]) -> None:
    row = ContactRow("c1")
    for update in [*updates, *updates]:
        take_profile(row, update, 0)
    assert (row.profile["name"], row.profile["phone"], row.updated_at) == ("Name 5", "5", ms(5))


@pytest.mark.parametrize("external_id", [None, "", 5])
def test_a_reference_without_an_external_id_tells_nothing(row: ContactRow, external_id: Any) -> None:
    take_reference(row, {"id": "c1", "external_id": external_id})
    assert row.profile == {}


def test_a_reference_is_news_while_nothing_else_is_known(row: ContactRow) -> None:
    take_reference(row, {"id": "c1", "external_id": "u-1"})
    assert row.profile == {"external_id": "u-1"}
    take_profile(row, contact(at=1, external_id="u-2"), 0)
    take_reference(row, {"id": "c1", "external_id": "u-1"})
    assert row.profile["external_id"] == "u-2"


# -- memberships --------------------------------------------------------------------------------


def members(row: ContactRow) -> set[str]:
    return {company_id for company_id, tie in row.companies.items() if tie.member}


def test_lists_are_compared_with_what_is_known(row: ContactRow) -> None:
    assert take_companies(row, company_list("k1", "k2"), 10) == [("k1", True), ("k2", True)]
    assert take_companies(row, company_list("k1", "k2"), 20) == []
    assert take_companies(row, company_list("k2", "k3"), 30) == [("k3", True), ("k1", False)]
    assert members(row) == {"k2", "k3"}


def test_a_list_that_tells_only_some_ends_none(row: ContactRow) -> None:
    take_companies(row, company_list("k1", "k2"), 10)
    assert take_companies(row, company_list("k3", has_more=True), 20) == [("k3", True)]
    assert members(row) == {"k1", "k2", "k3"}


@pytest.mark.parametrize("listed", [None, [], {}, {"data": None}, "x"])
def test_what_is_no_list_ends_nothing(row: ContactRow, listed: Any) -> None:
    take_companies(row, company_list("k1"), 10)
    assert take_companies(row, listed, 20) == []
    assert members(row) == {"k1"}


def test_entries_without_an_id_are_passed_over(row: ContactRow) -> None:
    listed = {"data": [None, "k0", {"id": None}, {"id": 5}, {"id": ""}, {"id": "k1"}]}
    assert take_companies(row, listed, 10) == [("k1", True)]


def test_an_older_report_of_a_membership_is_old_news(row: ContactRow) -> None:
    assert set_member(row, "k1", member=True, at=20) == ("k1", True)
    assert set_member(row, "k1", member=False, at=10) is None
    assert members(row) == {"k1"}
    assert set_member(row, "k1", member=False, at=30) == ("k1", False)
    assert set_member(row, "k1", member=True, at=25) is None
    assert members(row) == set()


def test_an_end_that_comes_before_its_beginning_is_not_reported_but_kept(row: ContactRow) -> None:
    assert set_member(row, "k1", member=False, at=20) is None
    assert set_member(row, "k1", member=True, at=10) is None
    assert members(row) == set()


def test_an_end_older_than_a_confirmation_is_old_news(row: ContactRow) -> None:
    set_member(row, "k1", member=True, at=10)
    set_member(row, "k1", member=True, at=30)
    assert set_member(row, "k1", member=False, at=20) is None


def test_a_beginning_older_than_a_whole_list_without_it_is_old_news(row: ContactRow) -> None:
    take_companies(row, company_list("k2"), 30)
    assert set_member(row, "k1", member=True, at=20) is None


def test_a_return_older_than_a_whole_list_without_it_is_old_news(row: ContactRow) -> None:
    """It left, came back and left again; the last is told by a list alone, and comes first."""
    take_companies(row, company_list("k1"), 40)
    assert set_member(row, "k2", member=False, at=20) is None
    assert set_member(row, "k2", member=True, at=30) is None
    assert set_member(row, "k2", member=True, at=50) == ("k2", True)


def test_snapshots_are_for_members_and_the_newest_counts(row: ContactRow) -> None:
    assert not take_snapshot(row, "k1", {"name": "A"}, 10)
    assert row.companies == {}
    set_member(row, "k1", member=True, at=5)
    assert take_snapshot(row, "k1", {"name": "B"}, 20)
    assert not take_snapshot(row, "k1", {"name": "A"}, 10)
    assert row.companies["k1"].snapshot == {"name": "B"}
    set_member(row, "k1", member=False, at=30)
    assert not take_snapshot(row, "k1", {"name": "C"}, 40)
    assert row.companies["k1"].snapshot is None


def test_a_deleted_company_ends_its_memberships(row: ContactRow) -> None:
    set_member(row, "k1", member=True, at=5)
    take_snapshot(row, "k1", {"name": "A"}, 10)
    assert take_snapshot(row, "k1", None, 20)
    assert members(row) == set()
    assert set_member(row, "k1", member=True, at=15) is None


# -- tickets ------------------------------------------------------------------------------------

CREATED = "ticket.created"
MOVED = "ticket.state.updated"
CLOSED = "ticket.closed"
NOTE = "ticket.note.created"


def take(row: ContactRow, topic: str, item: Json) -> TicketNews:
    view = ticket_view(item)
    assert view is not None
    return take_ticket(row, topic, view)


def moved(before: str, after: str, at: float, **fields: Any) -> Json:
    """A ticket whose newest part tells of a move; what was a move before it is told no more."""
    return ticket(state(after), at=at, parts=[moved_part(before, after, at)], **fields)


def in_note(item: Json, at: float) -> Json:
    """The ticket beside a part that is about something else, as ticket.note.created has it."""
    part = {"type": "ticket_part", "id": "n", "part_type": "note", "created_at": 1_780_000_000 + at}
    return {"type": "ticket_ticket_part", "ticket": item, "ticket_part": part}


def categories(row: ContactRow) -> str:
    return row.tickets["t1"].category


def test_a_ticket_is_created_once(row: ContactRow) -> None:
    assert take(row, CREATED, ticket(state("submitted"), at=0)) == TicketNews(created=True)
    assert take(row, CREATED, ticket(state("submitted"), at=0)) == TicketNews()


def test_a_move_is_told_with_the_state_before(row: ContactRow) -> None:
    take(row, CREATED, ticket(state("submitted", "New"), at=0))
    news = take(row, MOVED, moved("submitted", "in_progress", 10))
    assert (news.created, news.changed) == (False, True)
    assert news.previous is not None
    assert (news.previous.internal_label, news.previous.at) == ("New", ms(0))
    assert categories(row) == "in_progress"


def test_a_state_that_stays_is_no_change(row: ContactRow) -> None:
    """Intercom notifies of submitted to submitted when a ticket is made."""
    take(row, CREATED, ticket(state("submitted"), at=0))
    assert take(row, MOVED, moved("submitted", "submitted", 1)) == TicketNews()


def test_a_ticket_first_seen_by_a_move_counts_as_changed(row: ContactRow) -> None:
    news = take(row, MOVED, moved("submitted", "resolved", 10))
    assert news.changed
    assert not news.created
    assert news.previous is not None
    assert news.previous.category == "submitted"


def test_a_ticket_first_seen_by_a_move_from_nowhere_counts_as_changed(row: ContactRow) -> None:
    news = take(row, MOVED, ticket(state("resolved"), at=10))
    assert news == TicketNews(changed=True, at=ms(10))


def test_a_ticket_first_seen_by_a_move_to_itself_has_not_changed(row: ContactRow) -> None:
    assert take(row, MOVED, moved("submitted", "submitted", 10)) == TicketNews()


@pytest.mark.parametrize(("before", "changed"), [("s-looking", True), ("s-repairing", False)])
def test_a_first_move_within_a_category_is_told_by_the_ids(
    row: ContactRow, before: str, changed: bool
) -> None:
    """From API 2.16 on a ticket names the state before by its id; its parts name categories only."""
    part = moved_part("in_progress", "in_progress", 10)
    now = state("in_progress", "Repairing")
    item = ticket(now, at=10, parts=[part], previous_ticket_state_id=before)
    assert take(row, MOVED, item).changed is changed


def test_one_change_is_told_once_whichever_topic_brings_it(row: ContactRow) -> None:
    take(row, CREATED, ticket(state("submitted"), at=0))
    item = moved("submitted", "resolved", 10)
    assert take(row, CLOSED, {"ticket": item}).changed
    assert take(row, MOVED, item) == TicketNews()
    assert take(row, "ticket.resolved", item) == TicketNews()


def test_a_late_state_is_old_news(row: ContactRow) -> None:
    take(row, CREATED, ticket(state("submitted"), at=0))
    take(row, MOVED, moved("in_progress", "resolved", 20))
    before = row.encode()
    assert take(row, MOVED, moved("submitted", "in_progress", 10)) == TicketNews()
    assert row.encode() == before


def test_a_creation_that_comes_after_a_move_is_told_and_changes_nothing(row: ContactRow) -> None:
    take(row, MOVED, moved("submitted", "in_progress", 10))
    assert take(row, CREATED, ticket(state("submitted"), at=0)) == TicketNews(created=True)
    assert categories(row) == "in_progress"


def test_a_late_creation_is_no_move_back_even_in_the_second_of_the_move(row: ContactRow) -> None:
    """Ticket times are whole seconds, and order is not kept."""
    take(row, MOVED, moved("submitted", "in_progress", 10))
    assert take(row, CREATED, ticket(state("submitted"), at=10)) == TicketNews(created=True)
    assert categories(row) == "in_progress"


def test_a_reopened_ticket_is_counted(row: ContactRow) -> None:
    for number, (before, after) in enumerate(
        [
            ("submitted", "resolved"),
            ("resolved", "in_progress"),
            ("in_progress", "waiting_on_customer"),
            ("waiting_on_customer", "resolved"),
            ("resolved", "submitted"),
        ]
    ):
        assert take(row, MOVED, moved(before, after, number + 1)).changed
    assert row.tickets["t1"].reopened == 2


def test_another_topic_may_bring_a_change_first(row: ContactRow) -> None:
    take(row, CREATED, ticket(state("submitted"), at=0))
    item = moved("submitted", "in_progress", 10)
    assert take(row, NOTE, in_note(item, 12)).changed
    assert take(row, MOVED, item) == TicketNews()


def test_a_state_first_seen_in_passing_is_noted_and_told_by_its_own_notification(row: ContactRow) -> None:
    item = moved("submitted", "in_progress", 10)
    assert take(row, NOTE, in_note(item, 12)) == TicketNews()
    assert categories(row) == "in_progress"
    news = take(row, MOVED, item)
    assert news.changed
    assert news.previous is not None
    assert news.previous.category == "submitted"
    assert take(row, CLOSED, item) == TicketNews()


def test_a_state_seen_in_passing_without_its_part_is_still_told(row: ContactRow) -> None:
    """Without parts the note's ticket has the time of the note, later than that of the move."""
    take(row, NOTE, in_note(ticket(state("in_progress"), at=12), 12))
    assert take(row, MOVED, moved("submitted", "in_progress", 10)).changed


def test_a_state_that_the_creation_announced_is_no_change(row: ContactRow) -> None:
    take(row, NOTE, in_note(ticket(state("submitted"), at=5), 5))
    assert take(row, CREATED, ticket(state("submitted"), at=5)).created
    assert take(row, MOVED, ticket(state("submitted"), at=5)) == TicketNews()


def test_a_state_as_a_string_and_as_an_object_is_the_same(row: ContactRow) -> None:
    take(row, CREATED, ticket("submitted", at=0))
    assert take(row, MOVED, ticket(state("submitted"), at=5)) == TicketNews()
    assert take(row, MOVED, ticket("in_progress", at=6)).changed
    assert take(row, CLOSED, ticket(state("in_progress"), at=7)) == TicketNews()


def test_a_move_within_a_category_is_seen_by_the_states_id(row: ContactRow) -> None:
    take(row, CREATED, ticket(state("in_progress", "Looking"), at=0))
    news = take(row, MOVED, ticket(state("in_progress", "Repairing"), at=5))
    assert news.changed
    assert news.previous is not None
    assert news.previous.internal_label == "Looking"


def test_a_category_that_nobody_knows_is_a_state_like_any(row: ContactRow) -> None:
    take(row, CREATED, ticket("submitted", at=0))
    assert take(row, MOVED, ticket("Reopened", at=5)).changed
    assert categories(row) == "reopened"


@pytest.mark.parametrize("topic", [CREATED, MOVED, NOTE])
def test_a_ticket_first_told_without_a_state_is_not_stuck(row: ContactRow, topic: str) -> None:
    """From API 2.12 on a ticket's state may be null."""
    take(row, topic, ticket(None, at=0))  # type: ignore[arg-type]
    take(row, MOVED, moved("submitted", "in_progress", 5))
    assert categories(row) == "in_progress"
    assert take(row, MOVED, moved("in_progress", "resolved", 10)).changed


def test_a_ticket_without_a_state_has_not_changed(row: ContactRow) -> None:
    assert take(row, MOVED, ticket(None, at=0)) == TicketNews()  # type: ignore[arg-type]


def test_a_state_learns_its_id(row: ContactRow) -> None:
    take(row, CREATED, ticket("in_progress", at=0))
    take(row, NOTE, in_note(ticket(state("in_progress", "Looking"), at=5), 5))
    assert take(row, MOVED, ticket(state("in_progress", "Repairing"), at=10)).changed


def test_the_least_recently_changed_tickets_are_forgotten(row: ContactRow) -> None:
    for number in range(TICKETS_MAX):
        take(row, CREATED, ticket(state("submitted"), at=number, ticket_id=f"n{number}"))
    take(row, MOVED, ticket(state("resolved"), at=500, ticket_id="n0"))
    take(row, CREATED, ticket(state("submitted"), at=501, ticket_id="new"))
    assert len(row.tickets) == TICKETS_MAX
    assert {"n0", "new", "n2"} <= set(row.tickets)
    assert "n1" not in row.tickets


@st.composite
def told_in_any_order(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, Json]]]:
    """The states of a ticket, and notifications about them, shuffled, some twice."""
    steps = draw(
        st.lists(st.sampled_from(["in_progress", "waiting_on_customer", "resolved"]), max_size=5)
    )
    states = ["submitted"]
    told = [(CREATED, ticket(state("submitted"), at=0))]
    for step in steps:
        if step == states[-1]:
            continue
        at = 10 * len(states)
        item = moved(states[-1], step, at)
        topics = draw(st.sets(st.sampled_from([MOVED, CLOSED]), min_size=1))
        told += [(topic, item) for topic in sorted(topics)]
        if draw(st.booleans()):
            told.append((NOTE, in_note(item, at + 1)))
        states.append(step)
    again = draw(st.lists(st.sampled_from(told), max_size=3))
    return states, draw(st.permutations(told + again))


@given(told_in_any_order())
@settings(deadline=None, max_examples=80)
def test_in_any_order_the_newest_state_stays_and_no_change_is_told_twice(
    history: tuple[list[str], list[tuple[str, Json]]],
) -> None:
    states, told = history
    row = ContactRow("c1")
    creations, changes = 0, []
    for topic, item in told:
        news = take(row, topic, item)
        creations += news.created
        if news.changed:
            changes.append((row.tickets["t1"].at, categories(row)))
    assert creations == 1
    assert categories(row) == states[-1]
    assert changes == sorted(changes)
    assert len(set(changes)) == len(changes)
    assert (ms(0), "submitted") not in changes
    if len(states) > 1:
        assert changes[-1][1] == states[-1]


def test_ids_that_differ_only_in_front_are_two_events(row: ContactRow) -> None:
    same = "-and-then-forty-characters-that-are-the-same"
    assert remember(row, f"a{same}", 1)
    assert remember(row, f"b{same}", 1)
