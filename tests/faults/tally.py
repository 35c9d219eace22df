"""What came of a story: lost, twice, out of order. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from story import POISON, Story


@dataclass(frozen=True)
class Tally:
    """Counts. ``twice`` are further copies of events; ``stale_users`` do not show their last update."""

    events_in: int
    due: int
    delivered: int
    lost: int
    twice: int
    out_of_order: int
    stale_users: int
    dead_letters: int
    poison: int
    dead_twice: int

    @property
    def whole(self) -> bool:
        """Whether nothing was lost and order held."""
        return (self.lost, self.out_of_order, self.stale_users) == (0, 0, 0) and (
            self.dead_letters == self.poison
        )


def count(
    story: Story,
    taken: Iterable[tuple[str, str]],
    seats: Mapping[str, object],
    dead: Iterable[str],
) -> Tally:
    """``taken``: (customer, event id) in the order in which MoEngage took them; ``dead``: event ids.

    An event is out of order where one that happened before it came, for the first time, after it. A
    further copy of an event is counted as twice only.
    """
    due = {customer: story.ids(customer, "ticket") for customer in story.posts}
    poison = {event_id for customer in story.posts for event_id in story.ids(customer, POISON)}
    firsts: dict[str, list[str]] = {customer: [] for customer in story.posts}
    copies: Counter[str] = Counter()
    for customer, event_id in taken:
        if not copies[event_id]:
            firsts[customer].append(event_id)
        copies[event_id] += 1
    expected = {event_id for ids in due.values() for event_id in ids}
    letters = Counter(dead)
    strangers = (copies.keys() - expected) | (letters.keys() - poison)
    if strangers:
        raise AssertionError(f"nobody sent these as such: {sorted(strangers)[:5]}")
    return Tally(
        events_in=story.count,
        due=len(expected),
        delivered=len(copies),
        lost=len(expected - copies.keys()),
        twice=sum(copies.values()) - len(copies),
        out_of_order=sum(_descents(due[customer], ids) for customer, ids in firsts.items()),
        stale_users=sum(seats.get(customer) != last for customer, last in story.seats().items()),
        dead_letters=len(letters),
        poison=len(poison),
        dead_twice=sum(letters.values()) - len(letters),
    )


def _descents(order: list[str], came: list[str]) -> int:
    place = {event_id: number for number, event_id in enumerate(order)}
    latest = -1
    descents = 0
    for event_id in came:
        descents += place[event_id] < latest
        latest = max(latest, place[event_id])
    return descents
