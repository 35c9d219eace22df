"""Sending the day to the front door, as Intercom's webhooks, connectors and Series do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from ingest import basic_auth, signature
from moebridge.demo.story import Step


@dataclass(frozen=True, slots=True)
class Sent:
    """A step and the status that it got."""

    step: Step
    status: int


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """The front door's URL, and what it is to be convinced with."""

    url: str
    webhook_secret: str = field(repr=False)
    workspace_id: str
    data_key: str = field(repr=False)

    async def send(self, session: aiohttp.ClientSession, step: Step) -> Sent:
        """Send one step."""
        async with session.request(
            step.method, self.url + step.path, data=step.body, headers=self._headers(step)
        ) as response:
            await response.read()
            return Sent(step, response.status)

    def _headers(self, step: Step) -> Mapping[str, str]:
        headers = {"Content-Type": "application/json"}
        if step.sender == "webhook":
            secret = "not the secret" if step.forged else self.webhook_secret
            headers[signature.HEADER] = signature.sign(step.body, secret)
        else:
            headers[basic_auth.HEADER] = basic_auth.basic_header(self.workspace_id, self.data_key)
        return headers
