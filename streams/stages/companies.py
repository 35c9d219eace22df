"""companies: what a company is now, and who must hear of it.

Reads intercom.companies: events about companies, and memberships that contacts report. Writes
snapshots to intercom.contacts: to every member when the company changed, to one when it joins. This
is the company side of the join; both tables stay partitioned by their own keys. ``company`` is a
company's id within its configuration (events.keys.scoped), as the record's key has it.

An event that is replayed sends every member a snapshot, marked like it, whether or not it is news.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from events.codec import decode_object
from events.configurations import ONE_CONFIGURATION, Configurations
from events.envelope import Envelope
from events.joins import CompanySnapshot, MembershipChange, kind_of_record
from events.keys import scoped, split_scope
from events.replays import Replayed
from events.rows import CompanyRow, company_key, member_key, members_prefix
from events.subjects import item_of
from events.times import parse_ms
from events.topics import COMPANIES, CONTACTS, TopicName, topic_name
from streams.publishing import Outgoing
from streams.stages.stage import Step, each_record, id_within, key_text
from streams.state import State

#: Fields that change without the company being another one; a change of these alone is not told.
_BOOKKEEPING = frozenset({"updated_at", "last_request_at", "session_count", "user_count"})
_LEFT_OUT = frozenset({"type", "app_id", "links", "plan_id"})


class Companies:
    """The stage."""

    name = "companies"
    source: TopicName = COMPANIES
    table: str | None = "companies"

    def __init__(self, prefix: str = "", *, configurations: Configurations = ONE_CONFIGURATION) -> None:
        self._prefix = prefix
        self._configurations = configurations
        self._contacts = topic_name(CONTACTS, prefix)

    def step(self, records: Sequence[Any], state: State, now_ms: int) -> Step:
        """See Stage."""
        result = Step()
        # Of a company's snapshots for a member, only the last of a chunk is worth sending; in a replay,
        # the last of an event, for what comes of it has the event's id.
        told: dict[tuple[str, bytes, str], Outgoing] = {}

        def handle(record: Any) -> None:
            company = key_text(record, "the company's id")
            envelope = Envelope.from_record(record.value, record.headers)
            id_within(self._configurations.scope(envelope.config), company)
            replayed = Replayed.from_headers(record.headers)
            if kind_of_record(record.headers) == "membership":
                change = MembershipChange.from_envelope(envelope)
                snapshots = self._membership(company, change, envelope, state, replayed)
            else:
                snapshots = self._event(company, envelope, state, replayed)
                result.counts["changed" if snapshots else "unchanged"] += 1
            which = "" if replayed is None else envelope.event_id
            told.update({(company, snapshot.key, which): snapshot for snapshot in snapshots})

        each_record(self.name, self._prefix, records, result, now_ms, handle)
        result.out += told.values()
        return result

    def _membership(
        self,
        company: str,
        change: MembershipChange,
        cause: Envelope,
        state: State,
        replayed: Replayed | None,
    ) -> list[Outgoing]:
        key = member_key(company, change.contact_id)
        known = state.get(key)
        if known is not None and int(known[1:]) > change.at:
            return []
        # A membership that ended keeps its row as long as an older report might still come.
        state.put(key, (b"+" if change.member else b"-") + b"%d" % change.at)
        row = _row(company, state)
        if not change.member or (not row.profile and not row.deleted):
            return []
        return self._snapshots(company, [change.contact_id.encode()], row, cause, replayed)

    def _event(
        self, company: str, envelope: Envelope, state: State, replayed: Replayed | None
    ) -> list[Outgoing]:
        row = _row(company, state)
        item = item_of(decode_object(envelope.payload))
        inner = item.get("company")
        told: Mapping[str, Any] = inner if isinstance(inner, dict) else item
        before = row.deleted, _telling(row.profile)
        if _learn(row, told, envelope.occurred_at):
            state.put(company_key(company), row.encode())
        changed = (row.deleted, _telling(row.profile)) != before
        if not changed and (replayed is None or not (row.deleted or row.profile)):
            return []
        prefix = members_prefix(company)
        members = [key[len(prefix) :] for key, known in state.scan(prefix) if known.startswith(b"+")]
        if not changed and replayed is not None and replayed.only is not None:
            members = _asked_for(company, members, envelope, replayed.only)
        return self._snapshots(company, members, row, envelope, replayed)

    def _snapshots(
        self,
        company: str,
        members: Sequence[bytes],
        row: CompanyRow,
        cause: Envelope,
        replayed: Replayed | None,
    ) -> list[Outgoing]:
        snapshot = CompanySnapshot(row.company_id, None if row.deleted else row.profile, row.updated_at)
        payload, headers = snapshot.payload(), CompanySnapshot.headers(cause, replayed)
        scope = scoped(split_scope(company)[0], "").encode()
        return [Outgoing(self._contacts, scope + member, payload, headers) for member in members]


def _row(company: str, state: State) -> CompanyRow:
    raw = state.get(company_key(company))
    return CompanyRow(split_scope(company)[1]) if raw is None else CompanyRow.decode(raw)


def _asked_for(
    company: str, members: Sequence[bytes], cause: Envelope, only: frozenset[str]
) -> list[bytes]:
    """The members of whose snapshots a wanted delivery comes."""
    scope, company_id = split_scope(company)
    places = {delivery.rpartition("/")[0].encode() for delivery in only}
    begin, end = scoped(scope, f"{cause.event_id}/").encode(), f"/{company_id}".encode()
    return [member for member in members if begin + member + end in places]


def _learn(row: CompanyRow, told: Mapping[str, Any], occurred_at: int) -> bool:
    """Take what an event tells of the company; whether the row is another one now."""
    if row.deleted:
        return False
    if told.get("deleted") is not True:
        return _take(row, told, occurred_at)
    # Nothing is newer than the end, whose time is told in whole seconds.
    row.updated_at = max(row.updated_at, occurred_at)
    row.deleted, row.profile, row.told_at = True, {}, {}
    return True


def _take(row: CompanyRow, company: Mapping[str, Any], occurred_at: int) -> bool:
    """Take every field that is not older than what is known of it; whether there was any.

    Some payloads tell only part of a company (company.contact.attached has no plan, size, website), so
    an older whole one may still tell what a newer part did not. A field told as null is dropped.
    """
    at = parse_ms(company.get("updated_at")) or occurred_at
    taken = False
    for name, value in company.items():
        if name in _LEFT_OUT or row.told_at.get(name, -1) > at:
            continue
        empty = value is None or value == {} or value == []
        if row.told_at.get(name) == at and row.profile.get(name) == (None if empty else value):
            continue
        taken = True
        row.told_at[name] = at
        if empty:
            row.profile.pop(name, None)
        else:
            row.profile[name] = value
    row.updated_at = max(row.updated_at, at)
    return taken


def whole_profile(company: Mapping[str, Any]) -> dict[str, Any]:
    """The profile of a company that is told whole, as a snapshot holds it."""
    return {
        name: value
        for name, value in company.items()
        if name not in _LEFT_OUT and value is not None and value != {} and value != []
    }


def _telling(profile: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in profile.items() if k not in _BOOKKEEPING}
