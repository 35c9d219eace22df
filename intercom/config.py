"""Where and as whom to ask Intercom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from intercom.errors import InvalidConfig

#: The API's host by the region that hosts the workspace (source: Intercom, REST API reference).
HOSTS: Mapping[str, str] = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}

_VERSION = re.compile(r"\d+\.\d+|Unstable")


@dataclass(frozen=True, slots=True)
class IntercomConfig:
    """Raises InvalidConfig naming the field.

    ``access_token`` stands in Intercom's Developer Hub under the app's Authentication. ``base_url``
    replaces the region's host. ``timeout_s`` is for one call, in seconds; ``max_concurrent`` bounds the
    calls that are under way at once.
    """

    access_token: str = field(repr=False)
    region: str = "us"
    base_url: str = ""
    api_version: str = "2.14"
    timeout_s: float = 5.0
    max_concurrent: int = 8

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", self.access_token):
            raise InvalidConfig("access_token", "expected the app's access token, without spaces")
        if self.region not in HOSTS:
            raise InvalidConfig("region", f"expected one of {', '.join(HOSTS)}, got {self.region!r}")
        if self.base_url:
            parts = urlsplit(self.base_url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
                raise InvalidConfig("base_url", "expected https://host[:port], without credentials")
        if not _VERSION.fullmatch(self.api_version):
            raise InvalidConfig("api_version", f"expected one like 2.14, got {self.api_version!r}")
        if not self.timeout_s > 0:
            raise InvalidConfig("timeout_s", f"expected seconds above 0, got {self.timeout_s!r}")
        if self.max_concurrent < 1:
            raise InvalidConfig("max_concurrent", f"expected 1 or more, got {self.max_concurrent!r}")

    def url(self, path: str) -> str:
        """The address of a call; ``path`` begins with a slash and is quoted already."""
        return (self.base_url.rstrip("/") or HOSTS[self.region]) + path
