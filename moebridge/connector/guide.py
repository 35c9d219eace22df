"""What has to be set up in Intercom for one method, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from moebridge.connector.bodies import Body

Method = Literal["workflow", "advanced", "series", "webhook"]
METHODS: tuple[Method, ...] = get_args(Method)

HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Header:
    """A header. Of one with a ``scheme`` the value is a secret and shown only when asked for."""

    name: str
    value: str = field(repr=False)
    scheme: str = ""
    #: Settings that the value is made of, where they are not set.
    unset: tuple[str, ...] = ()

    def shown(self, *, secrets: bool) -> str:
        """What is printed as its value."""
        if self.unset:
            return f"{self.scheme} <not set: {', '.join(self.unset)}>"
        return f"{self.scheme} {HIDDEN}" if self.scheme and not secrets else self.value


@dataclass(frozen=True, slots=True)
class Request:
    """A request that Intercom is to send, by any of ``methods``. ``body`` None: Intercom makes it."""

    title: str
    methods: tuple[str, ...]
    url: str
    headers: tuple[Header, ...] = ()
    body: Body | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """A webhook topic to subscribe to. ``permissions``: any one is enough. ``reason``: what needs it."""

    name: str
    permissions: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Guide:
    """A method: steps in their order, what to paste in them, and what to know."""

    method: Method
    title: str
    steps: tuple[str, ...]
    requests: tuple[Request, ...]
    topics: tuple[Topic, ...] = ()
    notes: tuple[str, ...] = ()
