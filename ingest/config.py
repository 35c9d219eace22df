"""What the front door is told: whom to trust, and its bounds."""

from __future__ import annotations

from dataclasses import dataclass, field

from events.configurations import DEFAULT_NAME, Configurations
from events.topics import EVENTS, topic_name
from ingest.errors import InvalidConfig
from ingest.sources import Network


@dataclass(frozen=True, slots=True)
class Senders:
    """Who may send to a configuration. Secrets stay out of its repr.

    ``webhook_secrets``: client secrets that may have signed a webhook, several while one is rotated.
    ``partner_credentials``: (workspace id, data key) pairs that Basic auth accepts.
    """

    config: str
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    partner_credentials: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """Settings of one ingress process. Secrets stay out of its repr.

    ``webhook_secrets``, ``partner_credentials`` and ``config_name`` are those of the default
    configuration, ``others`` those of the further ones.
    ``answer_deadline_s``: how long the broker may take before the answer is 429; Intercom waits 5 s and
    gives answers slower than 0.5 s a lower priority (source: Intercom, webhook documentation).
    ``max_in_flight``: requests in work at once; ``max_in_flight_bytes``: their bodies together.
    ``body_deadline_s``: how long a body may take to arrive.
    ``allowed_sources``: from where requests are taken, all if empty; ``trusted_proxies``: whose
    X-Forwarded-For counts; ``max_requests_per_source_s``: requests a second from one source, 0 for no
    limit.

    Raises InvalidConfig for an empty secret, which anyone could sign with, for a secret of two
    configurations, for a name twice, and for bounds below 1.
    """

    webhook_secrets: tuple[str, ...] = field(repr=False)
    partner_credentials: tuple[tuple[str, str], ...] = field(repr=False)
    config_name: str = DEFAULT_NAME
    max_body_bytes: int = 1_000_000
    answer_deadline_s: float = 1.5
    retry_after_s: int = 5
    max_in_flight: int = 2000
    max_in_flight_bytes: int = 64_000_000
    topic_prefix: str = ""
    body_deadline_s: float = 5.0
    others: tuple[Senders, ...] = ()
    allowed_sources: tuple[Network, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    max_requests_per_source_s: int = 0

    def __post_init__(self) -> None:
        owners: dict[str, str] = {}
        for one in self.senders:
            if not all(one.webhook_secrets):
                raise InvalidConfig(
                    "webhook_secrets: one is empty; give the app's client secret or leave it out"
                )
            if any(owners.setdefault(secret, one.config) != one.config for secret in one.webhook_secrets):
                raise InvalidConfig("webhook_secrets: two configurations share one; each needs its own")
            for workspace, key in one.partner_credentials:
                if not workspace or not key or ":" in workspace:
                    raise InvalidConfig(
                        "partner_credentials: each needs a workspace id without a colon, and a data key"
                    )
            if not one.config:
                raise InvalidConfig("config_name: empty")
        names = self.configurations.names
        if len({name.lower() for name in names}) < len(names):
            raise InvalidConfig("others: a name is there twice; give each configuration its own")
        for name in ("max_body_bytes", "retry_after_s", "max_in_flight", "max_in_flight_bytes"):
            if getattr(self, name) < 1:
                raise InvalidConfig(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("body_deadline_s", "answer_deadline_s"):
            if not getattr(self, name) > 0:
                raise InvalidConfig(f"{name}: expected more than 0, got {getattr(self, name)}")

    @property
    def senders(self) -> tuple[Senders, ...]:
        """Who may send, to the default configuration first."""
        default = Senders(self.config_name, self.webhook_secrets, self.partner_credentials)
        return (default, *self.others)

    @property
    def configurations(self) -> Configurations:
        """The names of all configurations."""
        return Configurations((self.config_name, *(one.config for one in self.others)))

    @property
    def events_topic(self) -> str:
        """The topic to publish to, with the installation's prefix."""
        return topic_name(EVENTS, self.topic_prefix)
