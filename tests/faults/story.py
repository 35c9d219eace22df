"""What is posted while things break: the notifications of every customer in order, by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import payloads

#: The MoEngage event of a poison element, which the sandbox refuses.
POISON = "poison"


@dataclass(frozen=True)
class Post:
    """One notification. ``kind``: ticket (becomes an event), user (an update), poison (is refused)."""

    kind: str
    event_id: str
    document: dict[str, Any]
    seats: int


@dataclass(frozen=True)
class Story:
    """Every customer's posts, in the order in which they happen."""

    posts: dict[str, list[Post]]

    @property
    def count(self) -> int:
        return sum(map(len, self.posts.values()))

    def ids(self, customer: str, kind: str) -> list[str]:
        """The event ids of a customer's posts of a kind, in order."""
        return [post.event_id for post in self.posts[customer] if post.kind == kind]

    def seats(self) -> dict[str, int]:
        """What every customer's last update says."""
        return {
            customer: [post.seats for post in posts if post.kind == "user"][-1]
            for customer, posts in self.posts.items()
        }


def tell(seed: int, count: int, *, customers: int = 200, poison: float = 0.0) -> Story:
    """A story of ``count`` posts, a share of them poison; the last of every customer is an update."""
    random = Random(seed)
    posts: dict[str, list[Post]] = {f"user-{number:05d}": [] for number in range(customers)}
    for number in range(count - customers):
        _add(posts, random.randrange(customers), number, _kind(random, poison))
    for customer in range(customers):
        _add(posts, customer, count - customers + customer, "user")
    return Story(posts)


def _kind(random: Random, poison: float) -> str:
    if random.random() < poison:
        return POISON
    return random.choice(("ticket", "user"))


def _add(posts: dict[str, list[Post]], customer: int, number: int, kind: str) -> None:
    event_id = f"notif_{number:06d}"
    if kind == "ticket":
        document = payloads.ticket_moved(number, customer, "resolved", id=event_id, at=number)
    elif kind == "user":
        document = payloads.contact_updated(
            customer, id=event_id, at=number, custom_attributes={"seats": number}
        )
    else:
        item = {
            "event_name": POISON,
            "intercom_user_id": f"contact-{customer:05d}",
            "user_id": f"user-{customer:05d}",
            "created_at": payloads.BEGAN + number,
            "metadata": {},
        }
        document = payloads.notification("event.created", item, id=event_id, at=number)
    posts[f"user-{customer:05d}"].append(Post(kind, event_id, document, number))


def interleaved(story: Story, seed: int) -> Sequence[str]:
    """Customers in a random order, each as often as it has posts: who is next to post."""
    turns = [customer for customer, posts in story.posts.items() for _ in posts]
    Random(seed).shuffle(turns)
    return turns
