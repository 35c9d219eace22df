"""The sandbox's settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from moengage.limits import MAX_BODY_BYTES, MAX_BULK_BYTES


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Whom the sandbox knows, and its limits.

    ``users_per_minute`` and ``events_per_minute``: 0 means no limit. ``reset_header``: what
    x-ratelimit-reset holds, seconds left or epoch seconds; MoEngage documents both.
    ``future_tolerance_s``: how far ahead an event's time may be; MoEngage does not say.
    ``keep_events``: how many of the latest events to keep, 0 for all; counts stay complete.
    ``objects_enabled``: MoEngage takes nested objects where support has enabled them.
    """

    workspace_id: str
    api_key: str = field(repr=False)
    app_name: str = "moebridge sandbox"
    max_bulk_bytes: int = MAX_BULK_BYTES
    max_body_bytes: int = MAX_BODY_BYTES
    users_per_minute: int = 0
    events_per_minute: int = 0
    reset_header: Literal["seconds", "epoch"] = "seconds"
    future_tolerance_s: float = 5.0
    keep_events: int = 0
    objects_enabled: bool = False
