"""The sandbox's settings."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Whom the sandbox lets in, what it is, and its limits.

    ``calls_per_minute`` is spread over windows of ten seconds. ``companies_per_page`` holds where a call
    does not say; Intercom's examples have 50, its client libraries say 15. ``search_delay_s``: how long
    a new contact is not found by search; "a few minutes" in Intercom, none here by default.
    ``latency_s``: how long each answer takes.
    """

    access_token: str = field(repr=False)
    workspace_id: str = "sandbox1"
    workspace_name: str = "moebridge sandbox"
    region: str = "US"
    calls_per_minute: int = 10_000
    companies_per_page: int = 50
    search_delay_s: float = 0.0
    latency_s: float = 0.0
