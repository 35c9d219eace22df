"""The count itself: what is lost, twice or out of order is seen."""

from __future__ import annotations

import pytest
from story import POISON, Story, tell
from tally import count


def played(story: Story) -> list[tuple[str, str]]:
    return [(customer, each) for customer in story.posts for each in story.ids(customer, "ticket")]


def dead(story: Story) -> list[str]:
    return [each for customer in story.posts for each in story.ids(customer, POISON)]


STORY = tell(1, 400, customers=10, poison=0.05)


def test_the_same_seed_tells_the_same_story() -> None:
    assert tell(1, 400, customers=10, poison=0.05) == STORY
    assert tell(2, 400, customers=10, poison=0.05) != STORY
    assert STORY.count == 400
    assert dead(STORY)


def test_all_well() -> None:
    tally = count(STORY, played(STORY), STORY.seats(), dead(STORY))
    assert tally.whole
    assert (tally.delivered, tally.twice, tally.dead_twice) == (tally.due, 0, 0)


def test_what_is_missing_is_lost() -> None:
    tally = count(STORY, played(STORY)[1:], STORY.seats(), dead(STORY))
    assert (tally.lost, tally.whole) == (1, False)
    assert not count(STORY, played(STORY), STORY.seats(), dead(STORY)[1:]).whole


def test_a_copy_is_twice_and_not_out_of_order() -> None:
    taken = played(STORY)
    tally = count(STORY, [*taken, *taken[:3]], STORY.seats(), [*dead(STORY), dead(STORY)[0]])
    assert (tally.twice, tally.dead_twice, tally.out_of_order, tally.whole) == (3, 1, 0, True)


def test_two_that_changed_places_are_out_of_order() -> None:
    taken = played(STORY)
    taken[0], taken[1] = taken[1], taken[0]
    assert count(STORY, taken, STORY.seats(), dead(STORY)).out_of_order == 1


def test_a_user_with_an_older_update_is_stale() -> None:
    seats = {**STORY.seats(), "user-00003": -1}
    tally = count(STORY, played(STORY), seats, dead(STORY))
    assert (tally.stale_users, tally.whole) == (1, False)


def test_what_nobody_sent_is_an_error() -> None:
    with pytest.raises(AssertionError, match="nobody sent"):
        count(STORY, [*played(STORY), ("user-00001", "made-up")], STORY.seats(), dead(STORY))
