"""What the front door is told: whom to trust, and its bounds."""

from __future__ import annotations

from dataclasses import dataclass, field

from events.topics import EVENTS, topic_name
from ingest.errors import InvalidConfig


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """Settings of one ingress process. Secrets stay out of its repr.

    ``webhook_secrets``: client secrets that may have signed a webhook, several while one is rotated.
    ``partner_credentials``: (workspace id, data key) pairs that Basic auth accepts.
    ``answer_deadline_s``: how long the broker may take before the answer is 429; Intercom waits 5 s and
    gives answers slower than 0.5 s a lower priority (source: Intercom, webhook documentation).
    ``max_in_flight``: requests in work at once; ``max_in_flight_bytes``: their bodies together.
    ``body_deadline_s``: how long a body may take to arrive.

    Raises InvalidConfig for an empty secret, which anyone could sign with, and for bounds below 1.
    """

    webhook_secrets: tuple[str, ...] = field(repr=False)
    partner_credentials: tuple[tuple[str, str], ...] = field(repr=False)
    config_name: str = "default"
    max_body_bytes: int = 1_000_000
    answer_deadline_s: float = 1.5
    retry_after_s: int = 5
    max_in_flight: int = 2000
    max_in_flight_bytes: int = 64_000_000
    topic_prefix: str = ""
    body_deadline_s: float = 5.0

    def __post_init__(self) -> None:
        if not all(self.webhook_secrets):
            raise InvalidConfig(
                "webhook_secrets: one is empty; give the app's client secret or leave it out"
            )
        for workspace, key in self.partner_credentials:
            if not workspace or not key or ":" in workspace:
                raise InvalidConfig(
                    "partner_credentials: each needs a workspace id without a colon, and a data key"
                )
        if not self.config_name:
            raise InvalidConfig("config_name: empty")
        for name in ("max_body_bytes", "retry_after_s", "max_in_flight", "max_in_flight_bytes"):
            if getattr(self, name) < 1:
                raise InvalidConfig(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("body_deadline_s", "answer_deadline_s"):
            if not getattr(self, name) > 0:
                raise InvalidConfig(f"{name}: expected more than 0, got {getattr(self, name)}")

    @property
    def events_topic(self) -> str:
        """The topic to publish to, with the installation's prefix."""
        return topic_name(EVENTS, self.topic_prefix)
