"""The catalogue of topics: what is created, checked and documented is what stands here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

DAY_MS = 86_400_000

TopicName = Literal[
    "intercom.events",
    "intercom.contacts",
    "intercom.companies",
    "moengage.deliveries",
    "moengage.dead-letters",
    "moengage.dead-letter-settlements",
    "moengage.receipts",
    "moebridge.replays",
]

EVENTS: TopicName = "intercom.events"
CONTACTS: TopicName = "intercom.contacts"
COMPANIES: TopicName = "intercom.companies"
DELIVERIES: TopicName = "moengage.deliveries"
DEAD_LETTERS: TopicName = "moengage.dead-letters"
SETTLEMENTS: TopicName = "moengage.dead-letter-settlements"
RECEIPTS: TopicName = "moengage.receipts"
REPLAYS: TopicName = "moebridge.replays"

#: Tables and the topic that each is partitioned like.
TABLES: Mapping[str, TopicName] = {
    "contacts": CONTACTS,
    "companies": COMPANIES,
    "parked": DELIVERIES,
}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic: its name without prefix, key, retention in ms (None: kept by compaction alone)."""

    name: str
    key: str
    retention_ms: int | None
    compacted: bool
    description: str

    def broker_config(self, *, max_message_bytes: int) -> dict[str, str]:
        """The topic's settings as the broker names them."""
        config = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "max.message.bytes": str(max_message_bytes),
        }
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        return config


CATALOGUE: Mapping[TopicName, TopicSpec] = {
    EVENTS: TopicSpec(
        EVENTS,
        "contact id, else company id, else event id",
        30 * DAY_MS,
        False,
        "What the front door took, byte for byte as received; the source of every replay.",
    ),
    CONTACTS: TopicSpec(
        CONTACTS,
        "contact id, within its configuration",
        7 * DAY_MS,
        False,
        "Events by the contact they are about, company snapshots for that contact, and ids of contacts "
        "that were merged into it.",
    ),
    COMPANIES: TopicSpec(
        COMPANIES,
        "company id, within its configuration",
        7 * DAY_MS,
        False,
        "Events by the company they are about, and memberships that contacts report.",
    ),
    DELIVERIES: TopicSpec(
        DELIVERIES,
        "customer id",
        7 * DAY_MS,
        False,
        "One MoEngage element a record, ready to send; a merge first under the id that goes.",
    ),
    DEAD_LETTERS: TopicSpec(
        DEAD_LETTERS,
        "as the record had it",
        90 * DAY_MS,
        False,
        "What will never be taken, whole, with the stage, the place and the reason.",
    ),
    # Longer than the letters: a letter whose settlement has expired would count as open again. A broker
    # deletes whole segments, so a letter may be there for a week (segment.ms) longer than it says.
    SETTLEMENTS: TopicSpec(
        SETTLEMENTS,
        "the run that settled them",
        120 * DAY_MS,
        False,
        "Which dead letters were redriven or discarded, in the partition that the letters are in.",
    ),
    RECEIPTS: TopicSpec(
        RECEIPTS,
        "the first delivery that is named",
        30 * DAY_MS,
        False,
        "What MoEngage took and refused, and what is parked, by delivery id, one record for each answer.",
    ),
    REPLAYS: TopicSpec(
        REPLAYS,
        "configuration",
        120 * DAY_MS,
        False,
        "What was asked of replays and what became of them; the one place that says which is active.",
    ),
}


def changelog_spec(app_id: str, table: str) -> TopicSpec:
    """The changelog topic of a table; the name is the one that Faust derives."""
    return TopicSpec(
        f"{app_id}-{table}-changelog",
        f"as {TABLES[table]}",
        None,
        True,
        f"Every change of the table {table}; a fresh worker rebuilds its state from it.",
    )


def topic_name(name: TopicName, prefix: str = "") -> str:
    """The name on the broker: the catalogue's name behind the installation's prefix."""
    return prefix + name
