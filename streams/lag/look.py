"""One look at the broker, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from events.topics import COMPANIES, CONTACTS, DELIVERIES, EVENTS, TopicName, topic_name
from streams.chunks import Place

#: Every stage and the topic that it reads; all read in one consumer group.
STAGES: Mapping[str, TopicName] = {
    "route": EVENTS,
    "contacts": CONTACTS,
    "companies": COMPANIES,
    "deliver": DELIVERIES,
}


@dataclass(frozen=True, slots=True)
class WatchedGroup:
    """A consumer group, and the stage of each topic that it reads."""

    group: str
    stages: Mapping[str, str]


def watched(app_id: str, prefix: str) -> WatchedGroup:
    """The group of the workers; ``app_id`` is its name and carries the prefix already."""
    return WatchedGroup(app_id, {topic_name(topic, prefix): stage for stage, topic in STAGES.items()})


@dataclass(frozen=True, slots=True)
class Owner:
    """The member of the group that a partition is assigned to."""

    consumer_id: str
    client_id: str
    host: str


@dataclass(frozen=True, slots=True)
class PartitionLook:
    """A partition: the offsets of its first and behind its last record, and what is committed.

    ``committed`` None: nothing ever was. ``oldest_ms`` is the timestamp of the record at ``next``, in ms
    since the epoch; None where there is none, or it was not read.
    """

    begin: int
    end: int
    committed: int | None
    oldest_ms: int | None = None
    owner: Owner | None = None

    @property
    def position(self) -> int:
        """Where the group is. Without a commit, or with one behind the end, it starts at the first."""
        if self.committed is None or self.committed > self.end:
            return self.begin
        return self.committed

    @property
    def lag(self) -> int:
        """Records behind the group's position, those that have expired included."""
        return self.end - self.position

    @property
    def expired(self) -> int:
        """Records that retention took before they were delivered."""
        return max(0, self.begin - self.position)

    @property
    def next(self) -> int:
        """The offset of the oldest record that waits and still exists."""
        return max(self.position, self.begin)

    @property
    def waiting(self) -> int:
        """Records that wait and still exist."""
        return self.end - self.next

    @property
    def untouched(self) -> bool:
        """Neither a record nor a commit: nothing can be said of it."""
        return self.committed is None and self.begin == self.end


@dataclass(frozen=True, slots=True)
class GroupLook:
    """All partitions of a group at one moment.

    ``exists``: the broker knows the group. ``moving``: its partitions are being assigned anew, so that
    nobody owns them just now. ``retention_ms`` by topic, without the topics of which it is not known.
    ``unread``: partitions of which the broker did not tell, such as those without a leader.
    """

    at_ms: int
    exists: bool
    moving: bool
    partitions: Mapping[Place, PartitionLook]
    retention_ms: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[Place, ...] = ()
