"""What the sandbox took: users as they are now, events in order, and counts."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from events.times import iso_utc
from moengage.errors import SandboxRefusal
from moengage.limits import (
    CREATE_ONLY_ATTRIBUTES,
    MAX_EVENT_NAMES,
    MAX_USER_ATTRIBUTES,
    STANDARD_ATTRIBUTES,
)
from moengage.sandbox.validation import NewEvent, Taken, UserUpdate

#: The attribute by which a repeated event is found.
EVENT_ID_ATTRIBUTE = "intercom_event_id"

# A deleted user stays for a day (source: Delete Users).
_DELETION_BUFFER_MS = 24 * 3_600_000


@dataclass(slots=True)
class StoredUser:
    """A user. Times are milliseconds; ``sequence`` is the place of the last write among all writes."""

    customer_id: str
    first_seen: int
    last_seen: int
    attributes: dict[str, Any] = field(default_factory=dict)
    updates: int = 0
    sequence: int = 0
    delete_at: int | None = None

    def document(self) -> dict[str, Any]:
        """The user as the sandbox shows it."""
        return {
            "customer_id": self.customer_id,
            "attributes": self.attributes,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "updates": self.updates,
            "sequence": self.sequence,
            "delete_at": self.delete_at,
        }


@dataclass(slots=True)
class StoredEvent:
    """An event; its attributes are kept as JSON, which takes a fraction of a dict's memory."""

    customer_id: str
    action: str
    attributes: bytes
    occurred_at: int
    received_at: int
    sequence: int

    def document(self) -> dict[str, Any]:
        """The event as the sandbox shows it."""
        return {
            "customer_id": self.customer_id,
            "action": self.action,
            "attributes": orjson.loads(self.attributes),
            "current_time": iso_utc(self.occurred_at),
            "occurred_at": self.occurred_at,
            "received_at": self.received_at,
            "sequence": self.sequence,
        }


@dataclass(frozen=True, slots=True)
class Forgotten:
    """An element that was taken and then forgotten on demand.

    ``sequence`` is its place in order of arrival; ``action`` is "" and ``occurred_at`` None of a user.
    """

    customer_id: str
    action: str
    occurred_at: int | None
    received_at: int
    sequence: int

    def document(self) -> dict[str, Any]:
        """The element as the sandbox shows it."""
        return {
            "customer_id": self.customer_id,
            "kind": "event" if self.action else "user",
            "action": self.action,
            "occurred_at": self.occurred_at,
            "received_at": self.received_at,
            "sequence": self.sequence,
        }


class Store:
    """Users and events of one workspace. ``keep_events`` bounds the events kept, 0 for all."""

    def __init__(self, *, keep_events: int = 0) -> None:
        self._users: dict[str, StoredUser] = {}
        self._events: deque[StoredEvent] = deque(maxlen=keep_events or None)
        self._event_ids: set[bytes] = set()
        self._event_names: set[str] = set()
        self._user_attributes: set[str] = set()
        self._sequence = 0
        self.elements = 0
        self.events = 0
        self.duplicate_events = 0
        self.user_updates = 0
        self.dropped: Counter[str] = Counter()
        self.forgotten: list[Forgotten] = []

    def take(
        self,
        elements: Sequence[Taken],
        dropped: Counter[str],
        *,
        now_ms: int,
        forgotten: Collection[int] = (),
    ) -> None:
        """Take a whole request in order; ``dropped`` is what reading it dropped.

        Elements at the places ``forgotten`` are noted as such and nothing else comes of them.
        """
        self.dropped += dropped
        self.elements += len(elements)
        for place, element in enumerate(elements):
            self._sequence += 1
            if place in forgotten:
                self._forget(element, now_ms)
            elif isinstance(element, UserUpdate):
                self._update(element, now_ms)
            else:
                self._append(element, now_ms)

    def user(self, customer_id: str, *, now_ms: int) -> StoredUser | None:
        """A user, unless there is none or its deletion is due."""
        user = self._users.get(customer_id)
        if user is not None and user.delete_at is not None and user.delete_at <= now_ms:
            del self._users[customer_id]
            return None
        return user

    def users(self, *, now_ms: int) -> list[StoredUser]:
        """All users, in the order that they were created."""
        found = (self.user(customer_id, now_ms=now_ms) for customer_id in list(self._users))
        return [user for user in found if user is not None]

    def kept_events(self, *, customer_id: str | None, action: str | None) -> Iterator[StoredEvent]:
        """The events that are kept, in order of arrival; None stands for any."""
        for event in self._events:
            if customer_id in (None, event.customer_id) and action in (None, event.action):
                yield event

    def merge(self, pairs: Iterable[tuple[str, str]], *, now_ms: int) -> None:
        """Merge users, each pair being (retained, merged): the retained user's attributes win."""
        for retained_id, merged_id in pairs:
            retained = self.user(retained_id, now_ms=now_ms)
            merged = self.user(merged_id, now_ms=now_ms)
            if retained is None or merged is None or retained is merged:
                continue  # accepted for processing, and nothing comes of it
            retained.attributes = {**merged.attributes, **retained.attributes}
            retained.first_seen = min(retained.first_seen, merged.first_seen)
            del self._users[merged_id]
            for event in self._events:
                if event.customer_id == merged_id:
                    event.customer_id = retained_id

    def delete(self, customer_id: str, *, now_ms: int) -> None:
        """Delete a user after the documented day. Raises SandboxRefusal for one that is not there."""
        user = self.user(customer_id, now_ms=now_ms)
        if user is None:
            raise SandboxRefusal(400, "Not Found", "No user has this customer id")
        user.delete_at = now_ms + _DELETION_BUFFER_MS

    def _forget(self, element: Taken, now_ms: int) -> None:
        action, at = (
            (element.action, element.occurred_at) if isinstance(element, NewEvent) else ("", None)
        )
        self.forgotten.append(Forgotten(element.customer_id, action, at, now_ms, self._sequence))

    def _update(self, update: UserUpdate, now_ms: int) -> None:
        self.user_updates += 1
        if update.existing_only and self.user(update.customer_id, now_ms=now_ms) is None:
            self.dropped["user_unknown"] += 1
            return
        user = self._seen(update.customer_id, now_ms)
        user.updates += 1
        for name, value in update.attributes.items():
            if name in CREATE_ONLY_ATTRIBUTES and user.attributes.get(name, value) != value:
                self.dropped["create_only"] += 1
            elif self._known(name):
                user.attributes[name] = value

    def _append(self, event: NewEvent, now_ms: int) -> None:
        self._seen(event.customer_id, now_ms)
        if event.action not in self._event_names:
            if len(self._event_names) >= MAX_EVENT_NAMES:
                self.dropped["event_names_over_limit"] += 1
                return
            self._event_names.add(event.action)
        self.events += 1
        event_id = event.attributes.get(EVENT_ID_ATTRIBUTE)
        if event_id is not None:
            identity = orjson.dumps((event.customer_id, event.action, event_id))
            digest = blake2b(identity, digest_size=16).digest()
            self.duplicate_events += digest in self._event_ids
            self._event_ids.add(digest)
        self._events.append(
            StoredEvent(
                event.customer_id,
                sys.intern(event.action),
                # A copy: what orjson returns keeps its whole write buffer, 4 KiB for 200 bytes.
                bytes(memoryview(orjson.dumps(event.attributes))),
                event.occurred_at,
                now_ms,
                self._sequence,
            )
        )

    def _seen(self, customer_id: str, now_ms: int) -> StoredUser:
        """The user, created where there is none: an event does that too."""
        user = self.user(customer_id, now_ms=now_ms)
        if user is None:
            user = self._users[customer_id] = StoredUser(customer_id, now_ms, now_ms)
        user.last_seen = now_ms
        user.sequence = self._sequence
        return user

    def _known(self, name: str) -> bool:
        """Whether MoEngage keeps this attribute name; a new one past the limit it does not."""
        if name in self._user_attributes or name in STANDARD_ATTRIBUTES:
            return True
        if len(self._user_attributes) >= MAX_USER_ATTRIBUTES:
            self.dropped["user_attributes_over_limit"] += 1
            return False
        self._user_attributes.add(name)
        return True
