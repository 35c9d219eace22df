"""The questions that enrichment asks Intercom; every one of them only reads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson

from intercom.answers import Allowance, Answer, Verdict, allowance, classify
from intercom.config import IntercomConfig
from intercom.errors import (
    IntercomRefused,
    IntercomRejected,
    IntercomUnavailable,
    TransportFailed,
)
from intercom.outage import Outage
from intercom.pace import Pace
from intercom.transport import Method, Transport

#: Pages of one list; 50 companies a page. More than these are taken for a list that never ends.
MAX_PAGES = 200

# Ids that Intercom makes are hexadecimal or UUIDs. What connectors call an id may be anything.
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PAGING = frozenset({"page", "per_page", "starting_after"})
# 2 ** 40 times the base is above any cap, and a float still holds it.
_MAX_EXPONENT = 40

_REMEDIES = {
    "access_token": "check the token, its app's permissions, and that region is the workspace's",
    "region": "Intercom sends us elsewhere; set the region that hosts the workspace, or base_url",
    "api_version": "Intercom does not serve this there; set one that the Developer Hub lists",
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to go on, in seconds, before IntercomUnavailable.

    A passing fault is tried ``attempts`` times, waiting up to ``base_s``, twice that, and so on to
    ``cap_s``. No wait, for the rate included, begins that would end more than ``patience_s`` after it
    was the question's turn. After ``rest_after`` questions in a row without an answer all others fail at
    once for ``rest_s``, so that a dead Intercom costs one patience and not one for every contact.
    """

    attempts: int = 4
    base_s: float = 0.25
    cap_s: float = 4.0
    patience_s: float = 20.0
    rest_after: int = 3
    rest_s: float = 15.0

    def backoff_s(self, failures: int, random: float) -> float:
        """The wait after this many failures (from 1), with full jitter: 0 to the bound."""
        return random * min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, _MAX_EXPONENT))


DEFAULT_POLICY = RetryPolicy()


def _observe_nothing(call: str, status: int) -> None:
    pass


class IntercomClient:
    """Asks Intercom, ``config.max_concurrent`` questions at once and no faster than it allows.

    Every question raises IntercomUnavailable, IntercomRefused or IntercomRejected where there is no
    answer. ``clock`` gives epoch seconds, ``sleep`` takes seconds, ``random`` gives 0 to 1;
    ``observe`` is told every call, as ``GET /contacts/{id}``, and its status, 0 where there was none.
    Belongs to one event loop.
    """

    def __init__(
        self,
        config: IntercomConfig,
        transport: Transport,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
        policy: RetryPolicy = DEFAULT_POLICY,
        observe: Callable[[str, int], None] = _observe_nothing,
    ) -> None:
        self._config = config
        self._transport = transport
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._policy = policy
        self._observe = observe
        self._slots = asyncio.Semaphore(config.max_concurrent)
        self._pace = Pace()
        self._outage = Outage(policy.rest_after, policy.rest_s)
        self._refusal: tuple[str, str] | None = None  # what the outage is about, if not silence
        self._headers = {
            "Authorization": f"Bearer {config.access_token}",
            "Accept": "application/json",
            "Intercom-Version": config.api_version,
            "User-Agent": "moebridge",
        }

    async def find_contact(
        self,
        *,
        contact_id: str | None = None,
        external_id: str | None = None,
        email: str | None = None,
    ) -> dict[str, Any] | None:
        """The contact by Intercom's id, else by search; None where there is none.

        A contact that was merged away is followed to its survivor, once. Up to API version 2.15
        Intercom answers such an id with a bare 404, so what else is given is searched for then. Of
        several hits the one with this ``external_id`` comes first: an address can belong to a user and
        to leads. A new contact can take minutes to be found by search (source: Search contacts).
        """
        if contact_id:
            contact = await self._contact(contact_id)
            if contact is not None:
                return contact
        given = [("email", email), ("external_id", external_id)]
        filters = [{"field": f, "operator": "=", "value": value} for f, value in given if value]
        if not filters:
            return None
        query = {"query": {"operator": "OR", "value": filters}}
        answer = await self._ask("POST", "/contacts/search", "POST /contacts/search", orjson.dumps(query))
        hits = _objects(answer.document.get("data"))
        exact = (hit for hit in hits if external_id and hit.get("external_id") == external_id)
        return next(exact, hits[0] if hits else None)

    async def companies_of(self, contact_id: str) -> list[dict[str, Any]]:
        """A contact's companies, whole, from all pages; none where there is no such contact."""
        if not _ID.fullmatch(contact_id):
            return []
        path = f"/contacts/{contact_id}/companies"
        companies: list[dict[str, Any]] = []
        asked: set[str] = set()
        query = ""
        while query not in asked and len(asked) < MAX_PAGES:
            asked.add(query)
            answer = await self._ask("GET", path + query, "GET /contacts/{id}/companies")
            # The description's schema says ``companies``, its example and the live API ``data``.
            page = answer.document
            companies += _objects(page.get("data", page.get("companies")))
            query = _next_page(page)
            if not query:
                return companies
        raise IntercomUnavailable("the pages of a contact's companies do not end")

    async def company(self, company_id: str) -> dict[str, Any] | None:
        """A company by Intercom's id, which is not its ``company_id``; None where there is none."""
        if not _ID.fullmatch(company_id):
            return None
        answer = await self._ask("GET", f"/companies/{company_id}", "GET /companies/{id}")
        return _identified(answer.document) if answer.verdict is Verdict.FOUND else None

    async def ticket_states(self) -> list[dict[str, Any]]:
        """The workspace's ticket states: id, category, labels, archived."""
        answer = await self._ask("GET", "/ticket_states", "GET /ticket_states")
        if answer.verdict is not Verdict.FOUND:
            raise IntercomRefused("api_version", "there are no ticket states in it (404)")
        return _objects(answer.document.get("data"))

    async def me(self) -> dict[str, Any]:
        """Whose token it is: an admin, with ``app`` {id_code: the workspace id, name, region}."""
        answer = await self._ask("GET", "/me", "GET /me")
        if answer.verdict is not Verdict.FOUND:
            raise IntercomRefused("base_url", "no Intercom API is there (404)")
        return answer.document

    async def _contact(self, contact_id: str) -> dict[str, Any] | None:
        for _ in range(2):
            if not _ID.fullmatch(contact_id):
                return None
            answer = await self._ask("GET", f"/contacts/{contact_id}", "GET /contacts/{id}")
            if answer.verdict is Verdict.FOUND:
                return _identified(answer.document)
            contact_id = answer.survivor
        return None

    async def _ask(self, method: Method, path: str, call: str, body: bytes | None = None) -> Answer:
        """The answer: FOUND, NOTHING or MERGED. Raises what the class says for all others."""
        async with self._slots:
            gives_up_at = self._clock() + self._policy.patience_s
            failures = 0
            while True:
                await self._turn(gives_up_at)
                answer = await self._call(method, path, body)
                self._observe(call, answer.status)
                match answer.verdict:
                    case Verdict.LIMITED:
                        pass  # the pace knows, and the next turn waits for it
                    case Verdict.AGAIN:
                        failures += 1
                        await self._back_off(failures, answer, gives_up_at)
                    case Verdict.REFUSED:
                        raise self._refused(answer)
                    case Verdict.REJECTED:
                        self._outage.succeeded()
                        raise IntercomRejected(answer.status, answer.reason)
                    case _:
                        self._outage.succeeded()
                        return answer

    async def _turn(self, gives_up_at: float) -> None:
        """Wait until a call may go out. Raises where it may not, or where that takes too long."""
        while True:
            if self._outage.resting(self._clock()):
                if self._refusal is not None:
                    raise IntercomRefused(*self._refusal)
                raise IntercomUnavailable("Intercom did not answer lately and is not asked again yet")
            wait_s = self._pace.take(self._clock())
            if wait_s <= 0:
                return
            # Several processes may wait for the same window to end.
            wait_s += self._random() * self._policy.base_s
            if self._clock() + wait_s > gives_up_at:
                raise IntercomUnavailable("the rate limit leaves no room in time")
            await self._sleep(wait_s)

    async def _call(self, method: Method, path: str, body: bytes | None) -> Answer:
        """One call, whose turn it is."""
        headers: Mapping[str, str] = self._headers
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        told: Allowance | None = None
        try:
            response = await self._transport.request(
                method,
                self._config.url(path),
                body=body,
                headers=headers,
                timeout_s=self._config.timeout_s,
            )
            told = allowance(response.headers)
        except TransportFailed as error:
            return Answer(Verdict.AGAIN, reason=str(error))
        finally:
            self._pace.returned(told, self._clock())
        now_s = self._clock()
        answer = classify(response.status, response.headers, response.body, now_s=now_s)
        if answer.verdict is Verdict.LIMITED:
            self._pace.exceeded(answer.wait_s, now_s)
        return answer

    async def _back_off(self, failures: int, answer: Answer, gives_up_at: float) -> None:
        wait_s = self._policy.backoff_s(failures, self._random())
        if failures >= self._policy.attempts or self._clock() + wait_s > gives_up_at:
            self._refusal = None
            self._outage.failed(self._clock())
            raise IntercomUnavailable(f"no answer in {failures} tries: {answer.reason}")
        await self._sleep(wait_s)

    def _refused(self, answer: Answer) -> IntercomRefused:
        status = f"{answer.status} {answer.reason}".strip()
        self._refusal = (answer.setting, f"{_REMEDIES[answer.setting]} ({status})")
        self._outage.failed(self._clock())
        return IntercomRefused(*self._refusal)


def _identified(document: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(document.get("id"), str):
        raise IntercomUnavailable("an answer without the id that everything of Intercom's has")
    return document


def _objects(values: Any) -> list[dict[str, Any]]:
    """The objects of a list that carry an id, which everything we ask for does."""
    listed: Iterable[Any] = values if isinstance(values, list) else ()
    return [value for value in listed if isinstance(value, dict) and isinstance(value.get("id"), str)]


def _next_page(document: Mapping[str, Any]) -> str:
    """The query of the next page, empty on the last one.

    ``pages.next`` is an address on lists of companies and an object with a cursor on others. Of an
    address only the paging counts: a token never goes where an answer says.
    """
    pages = document.get("pages")
    following = pages.get("next") if isinstance(pages, dict) else None
    if isinstance(following, str):
        pairs = parse_qsl(urlsplit(following).query)
    elif isinstance(following, dict):
        pairs = [(name, str(value)) for name, value in following.items()]
    else:
        return ""
    query = urlencode([(name, value) for name, value in pairs if name in _PAGING])
    return f"?{query}" if query else ""
