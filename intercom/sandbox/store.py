"""Whom the sandbox knows: contacts and companies, as they were seeded."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from events.codec import kind_of
from events.errors import InvalidPayload
from intercom.sandbox import documents
from intercom.sandbox.search import FIELDS, Query

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class StoredContact:
    """A contact as seeded, with its place among all.

    ``merged_into`` names who it lives on as; empty where it was not merged.
    """

    place: int
    fields: Mapping[str, Any]
    searchable: Mapping[str, Any]
    company_ids: tuple[str, ...]
    merged_into: str
    seeded_at: float


class Store:
    """Contacts and companies of one workspace, in the order of their seeding. Times in epoch seconds."""

    def __init__(self, workspace_id: str, *, search_delay_s: float = 0.0) -> None:
        self._workspace_id = workspace_id
        self._search_delay_s = search_delay_s
        self._contacts: dict[str, StoredContact] = {}
        self._companies: dict[str, tuple[Mapping[str, Any], float]] = {}
        self._members: Counter[str] = Counter()
        self._index: defaultdict[tuple[str, Any], set[str]] = defaultdict(set)
        self._ids = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many there are."""
        return {"contacts": len(self._contacts), "companies": len(self._companies)}

    def seed_contact(self, document: Mapping[str, Any], now_s: float) -> str:
        """Add a contact, or replace the one of its id; returns the id.

        Beside Intercom's fields: ``company_ids``, the ids of seeded companies, and ``merged_into``.
        Raises InvalidPayload.
        """
        fields = dict(document)
        company_ids = fields.pop("company_ids", [])
        if not isinstance(company_ids, list):
            raise InvalidPayload("company_ids", f"expected a list, got {kind_of(company_ids)}")
        for company_id in company_ids:
            if company_id not in self._companies:
                raise InvalidPayload("company_ids", "expected ids of companies that were seeded before")
        merged_into = fields.pop("merged_into", None)
        if merged_into is not None and merged_into not in self._contacts:
            raise InvalidPayload("merged_into", "expected the id of a contact that was seeded before")
        contact_id = self._id_of(fields)
        before = self._contacts.get(contact_id)
        if before is not None:
            self._members.subtract(before.company_ids)
            for pair in before.searchable.items():
                self._index[pair].discard(contact_id)
        told = {"role": "user", **fields, "id": contact_id}
        searchable = {name: text for name in FIELDS if isinstance(text := told.get(name), str | None)}
        place = len(self._contacts) if before is None else before.place
        self._contacts[contact_id] = StoredContact(
            place, fields, searchable, tuple(company_ids), merged_into or "", now_s
        )
        self._members.update(company_ids)
        for pair in searchable.items():
            self._index[pair].add(contact_id)
        return contact_id

    def seed_company(self, document: Mapping[str, Any], now_s: float) -> str:
        """Add a company, or replace the one of its id; returns the id. Raises InvalidPayload."""
        company_id = self._id_of(document)
        self._companies[company_id] = (dict(document), now_s)
        return company_id

    def contact(self, contact_id: str) -> dict[str, Any] | None:
        """A contact; None where there is none, or no longer under this id."""
        stored = self._contacts.get(contact_id)
        if stored is None or stored.merged_into:
            return None
        return documents.contact(
            contact_id,
            stored.fields,
            stored.company_ids,
            workspace_id=self._workspace_id,
            now_s=int(stored.seeded_at),
        )

    def survivor(self, contact_id: str) -> str:
        """Who a contact lives on as, over all merges; empty where it was not merged away."""
        survivor = ""
        seen = {contact_id}
        while (stored := self._contacts.get(contact_id)) and stored.merged_into not in ("", *seen):
            contact_id = survivor = stored.merged_into
            seen.add(contact_id)
        return survivor

    def search(self, query: Query, now_s: float) -> Iterator[dict[str, Any]]:
        """The contacts that a query means and the index has by now."""
        candidates = self._contacts if query.pairs is None else self._indexed(query.pairs)
        for contact_id in candidates:
            stored = self._contacts[contact_id]
            if stored.merged_into or now_s < stored.seeded_at + self._search_delay_s:
                continue
            if query.matches(stored.searchable):
                document = self.contact(contact_id)
                assert document is not None
                yield document

    def company(self, company_id: str) -> dict[str, Any] | None:
        """A company; None where there is none."""
        if company_id not in self._companies:
            return None
        fields, seeded_at = self._companies[company_id]
        members = self._members[company_id]
        return documents.company(
            company_id, fields, members, workspace_id=self._workspace_id, now_s=int(seeded_at)
        )

    def companies_of(self, contact_id: str) -> list[dict[str, Any]] | None:
        """A contact's companies; None where there is no such contact."""
        if self.contact(contact_id) is None:
            return None
        found = map(self.company, self._contacts[contact_id].company_ids)
        return [company for company in found if company is not None]

    def _indexed(self, pairs: Iterable[tuple[str, str | None]]) -> list[str]:
        """Who has one of the pairs of field and value, in the order of seeding."""
        ids = {contact_id for pair in pairs if pair in self._index for contact_id in self._index[pair]}
        return sorted(ids, key=lambda contact_id: self._contacts[contact_id].place)

    def _id_of(self, fields: Mapping[str, Any]) -> str:
        told = fields.get("id")
        if told is None:
            self._ids += 1
            return f"{self._ids:024x}"
        if not isinstance(told, str) or not _ID.fullmatch(told):
            raise InvalidPayload("id", "expected letters, digits, hyphens and underscores")
        return told
