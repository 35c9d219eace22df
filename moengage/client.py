"""The calls that delivery makes: elements in bulk, merges, deletes, and the check of the credentials."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, urlsplit

import orjson

from moengage.answers import Answer, Verdict, classify
from moengage.bodies import transition
from moengage.errors import InvalidConfig, TransportFailed
from moengage.limits import DATA_CENTERS
from moengage.transport import Transport


@dataclass(frozen=True, slots=True)
class MoEngageConfig:
    """Where and as whom to call. Raises InvalidConfig naming the field.

    ``workspace_id`` and ``api_key`` (the *Data* key) stand in MoEngage under Settings, Account, APIs.
    ``base_url`` replaces ``https://api-{data_center}.moengage.com``. ``timeout_s`` is in seconds.
    """

    workspace_id: str
    api_key: str = field(repr=False)
    data_center: str = "01"
    base_url: str = ""
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if not self.workspace_id or ":" in self.workspace_id or not self.workspace_id.isprintable():
            raise InvalidConfig("workspace_id", "expected the Workspace ID, which has no colon")
        if not self.api_key:
            raise InvalidConfig("api_key", "expected the Data API key, got nothing")
        if self.data_center not in DATA_CENTERS:
            known = ", ".join(DATA_CENTERS)
            raise InvalidConfig("data_center", f"expected one of {known}, got {self.data_center!r}")
        if self.base_url:
            parts = urlsplit(self.base_url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
                raise InvalidConfig("base_url", "expected https://host[:port], without credentials")
        if not self.timeout_s > 0:
            raise InvalidConfig("timeout_s", f"expected seconds above 0, got {self.timeout_s!r}")

    def url(self, path: str) -> str:
        """The address of a call; ``path`` comes without ``/v1/``."""
        base = self.base_url.rstrip("/") or f"https://api-{self.data_center}.moengage.com"
        return f"{base}/v1/{path}"


class Calls(Protocol):
    """What delivery needs of a client."""

    async def transition(self, bodies: Sequence[bytes]) -> Answer:
        """Send rendered elements in one request; MoEngage takes all of them or none."""
        ...

    async def merge(self, body: bytes) -> Answer:
        """Merge two users."""
        ...

    async def delete(self, body: bytes) -> Answer:
        """Delete a user."""
        ...


class MoEngageClient:
    """Calls MoEngage and judges its answers; never raises for what the other side does.

    ``clock`` gives epoch seconds, as ``time.time``.
    """

    def __init__(self, config: MoEngageConfig, transport: Transport, clock: Callable[[], float]) -> None:
        self._config = config
        self._transport = transport
        self._clock = clock
        credentials = f"{config.workspace_id}:{config.api_key}".encode()
        token = base64.b64encode(credentials).decode("ascii")
        self._secrets = (config.api_key, token)
        self._headers = {
            "Authorization": f"Basic {token}",
            "Content-Type": "application/json",
            "User-Agent": "moebridge",
        }
        workspace = quote(config.workspace_id, safe="")
        self._transition_url = config.url(f"transition/{workspace}")
        self._merge_url = config.url(f"customer/merge?app_id={workspace}")
        self._delete_url = config.url(f"customer/delete?app_id={workspace}")

    async def transition(self, bodies: Sequence[bytes]) -> Answer:
        """Send rendered elements in one bulk request; MoEngage takes all of them or none."""
        return await self._post(self._transition_url, transition(bodies), self._headers)

    async def merge(self, body: bytes) -> Answer:
        """Merge two users; ``body`` is a rendered MergeElement."""
        return await self._post(self._merge_url, body, self._headers, of_users=True)

    async def delete(self, body: bytes) -> Answer:
        """Delete a user, a day from now; ``body`` is a rendered DeleteElement."""
        return await self._post(self._delete_url, body, self._headers, of_users=True)

    async def test_connection(self) -> Answer:
        """Ask whether host, workspace and key fit together; PAUSE where they do not."""
        config = self._config
        body = orjson.dumps(
            {
                "app_id": config.workspace_id,
                "app_secret": config.api_key,
                "source": "moebridge",
                "region": config.data_center,
            }
        )
        headers = {**self._headers, "MOE-APPKEY": config.workspace_id}
        return await self._post(config.url("integrations/authentication"), body, headers)

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, of_users: bool = False
    ) -> Answer:
        try:
            response = await self._transport.post(
                url, body=body, headers=headers, timeout_s=self._config.timeout_s
            )
        except TransportFailed as error:
            return Answer(Verdict.AGAIN, 0, message=error.reason, ambiguous=error.ambiguous)
        return classify(
            response.status,
            response.headers,
            response.body,
            now_s=self._clock(),
            secrets=self._secrets,
            of_users=of_users,
        )
