"""Who somebody is, for many at once: the contact and its companies, as Intercom has them now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from intercom.errors import IntercomError, IntercomUnavailable
from intercom.misses import Misses


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to look up, by what is known of them; the key of the answer. Its repr shows nothing."""

    contact_id: str | None = field(default=None, repr=False)
    external_id: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """A contact and its companies, as REST gives them: times are in epoch seconds."""

    contact: dict[str, Any] = field(repr=False)
    companies: list[dict[str, Any]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Intercom could not be asked; it may well know them. The error's text is safe to log."""

    error: IntercomError


Outcome = Found | Unavailable | None


class Lookups(Protocol):
    """What enrichment needs of a client (intercom.client.IntercomClient)."""

    async def find_contact(
        self, *, contact_id: str | None, external_id: str | None, email: str | None
    ) -> dict[str, Any] | None:
        """The contact; None where there is none. Raises IntercomError."""
        ...

    async def companies_of(self, contact_id: str) -> list[dict[str, Any]]:
        """All companies of a contact. Raises IntercomError."""
        ...


class Enricher:
    """Looks up contacts with their companies, each one once at a time however many ask for it.

    Who is not found is not looked for again for ``misses_ttl_s`` seconds, of up to ``max_misses`` keys;
    as new contacts can take minutes to be found by search, a longer time keeps them unknown longer.
    What is found is not kept, since it changes. Whoever asks waits for ``patience_s`` at most, and has
    Unavailable for what is not known by then. ``now_s`` gives seconds of any clock.
    Belongs to one event loop.
    """

    def __init__(
        self,
        client: Lookups,
        *,
        now_s: Callable[[], float],
        misses_ttl_s: float = 600.0,
        max_misses: int = 10_000,
        patience_s: float = 30.0,
    ) -> None:
        self._client = client
        self._now_s = now_s
        self._patience_s = patience_s
        self._misses: Misses[Wanted] = Misses(max_keys=max_misses, ttl_s=misses_ttl_s)
        self._running: dict[Wanted, _Lookup] = {}

    async def enrich(self, wanted: Sequence[Wanted]) -> dict[Wanted, Outcome]:
        """The outcome for each key: Found, None where Intercom has nobody, or Unavailable.

        Never raises an IntercomError.
        """
        keys = tuple(dict.fromkeys(wanted))
        outcomes = await asyncio.gather(*map(self._outcome, keys))
        return dict(zip(keys, outcomes, strict=True))

    async def _outcome(self, key: Wanted) -> Outcome:
        if self._misses.remembers(key, self._now_s()):
            return None
        lookup = self._running.get(key)
        if lookup is None:
            lookup = self._running[key] = _Lookup(asyncio.create_task(self._look_up(key)))
        lookup.waiting += 1
        try:
            async with asyncio.timeout(self._patience_s):
                return await asyncio.shield(lookup.task)
        except TimeoutError:
            return Unavailable(IntercomUnavailable(f"not known within {self._patience_s:g} s"))
        finally:
            lookup.waiting -= 1
            if not lookup.waiting:
                lookup.task.cancel()  # done already, unless everyone who asked has gone
                del self._running[key]

    async def _look_up(self, key: Wanted) -> Outcome:
        try:
            contact = await self._client.find_contact(
                contact_id=key.contact_id, external_id=key.external_id, email=key.email
            )
            if contact is None:
                self._misses.remember(key, self._now_s())
                return None
            companies = [] if _has_none(contact) else await self._client.companies_of(contact["id"])
        except IntercomError as error:
            return Unavailable(error)
        return Found(contact, companies)


@dataclass(slots=True)
class _Lookup:
    """A look-up under way, and how many wait for it."""

    task: asyncio.Task[Outcome]
    waiting: int = 0


def _has_none(contact: Mapping[str, Any]) -> bool:
    """Whether the contact itself says that it has no companies, which saves a call."""
    companies = contact.get("companies")
    return isinstance(companies, dict) and companies.get("total_count") == 0
