"""contacts: bring the contact's row up to date, map what happened, hand it to delivery.

Reads intercom.contacts: events by contact, company snapshots, and what contacts that were merged tell
each other. Writes moengage.deliveries keyed by customer id, and memberships that began or ended to
intercom.companies. A change that leaves the mapped user as it was sends nothing. Keys are within a
configuration (events.keys.scoped), rules are those of the event's. What a replay brings again is judged
by streams.stages.replaying.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from events.codec import decode_object
from events.configurations import ONE_CONFIGURATION, Configurations
from events.elements import DeleteElement, MergeElement
from events.envelope import Envelope, Source
from events.errors import InvalidData
from events.joins import CompanySnapshot, MergedContact, kind_of_record
from events.keys import scoped, split_scope
from events.replays import Replayed
from events.rows import ContactRow
from events.subjects import item_of, merged_from, ticket_of
from events.times import parse_ms
from events.topics import CONTACTS, TopicName, topic_name
from intercom.enrichment import Found, Wanted
from mappings.happenings import told_by_topic
from mappings.identity import customer_id_of_row
from mappings.moment import CONTACT, CONTACT_DELETED, Moment
from mappings.rules import RuleSet
from mappings.tickets import ticket_view
from streams.publishing import Outgoing
from streams.stages import completing, contact_row, contact_tags, customer_ids, memberships, replaying
from streams.stages.handing_on import ChunkConfigurations, HandingOn
from streams.stages.notification import (
    STATES_OF_A_CONTACT,
    WITH_A_TICKET,
    carried_contact,
    family_of,
    referring,
    take_memberships,
    with_ticket,
)
from streams.stages.retelling import Receipts, Retelling
from streams.stages.stage import Step, each_record, id_within, key_text
from streams.state import State

_NOBODY: Mapping[str, Found] = {}


class Contacts:
    """The stage.

    ``rules`` gives the rules of a configuration by its name; it is called once a chunk and configuration,
    so a changed rule set takes over at a chunk's edge. ``real_time_action``: the configurations whose
    events carry it. With ``receipts``, a replay's elements are handed on only where they are missing.
    """

    name = "contacts"
    source: TopicName = CONTACTS
    table: str | None = "contacts"

    def __init__(
        self,
        rules: Callable[[str], RuleSet],
        prefix: str = "",
        *,
        configurations: Configurations = ONE_CONFIGURATION,
        real_time_action: Collection[str] = (),
        receipts: Receipts | None = None,
    ) -> None:
        self.configurations = configurations
        self._receipts = receipts
        self._rules = rules
        self._prefix = prefix
        self._real_time_action = real_time_action

    def wanted(self, records: Sequence[Any], state: State) -> dict[str, Wanted]:
        """By contact id within its configuration, who should be looked up before ``step``."""
        return completing.wanted(records, state)

    def step(
        self,
        records: Sequence[Any],
        state: State,
        now_ms: int,
        found: Mapping[str, Found] = _NOBODY,
    ) -> Step:
        """See Stage. ``found`` are contacts as Intercom has them, of those that were wanted."""
        configuration_of = ChunkConfigurations(self.configurations, self._rules, self._real_time_action)
        handing_on = HandingOn(configuration_of, self._prefix, now_ms)
        retelling = Retelling(handing_on, self._receipts)
        work = _Work(configuration_of, handing_on, retelling, self._prefix, state, found, now_ms)
        each_record(self.name, self._prefix, records, work.result, now_ms, work.handle)
        work.write_rows()
        return work.result


class _Work:
    """One chunk: rows are decoded once and written once, however many events they have in it.

    ``contact`` is a contact's id within its configuration, as the record's key has it.
    """

    def __init__(
        self,
        configuration_of: ChunkConfigurations,
        handing_on: HandingOn,
        retelling: Retelling,
        prefix: str,
        state: State,
        found: Mapping[str, Found],
        now_ms: int,
    ) -> None:
        self.result = Step()
        self._now_ms = now_ms
        self._retelling = retelling
        self._found = found
        self._configuration_of = configuration_of
        self._handing_on = handing_on
        self._state = state
        self._prefix = prefix
        self._contacts = topic_name(CONTACTS, prefix)
        self._rows: dict[str, ContactRow] = {}
        self._taken: dict[bytes, list[Any]] = {}
        self._touched = False
        self._replayed: Replayed | None = None  # what the record at hand says of its replay

    def handle(self, record: Any) -> None:
        """Take one record in; what raises InvalidData leaves its row as it was, and puts nothing out.

        A dead letter can be redriven: its row must not know the event yet, nor take it for sent.
        """
        outputs, self._touched = len(self.result.out), False
        try:
            self._take(record)
        except InvalidData:
            if self._touched:
                del self.result.out[outputs:]
                self._restore(key_text(record, "the contact's id"))
            raise
        self._taken.setdefault(record.key, []).append(record)

    def _restore(self, contact: str) -> None:
        """Make a contact's row anew, from the records of the chunk that it was made of."""
        result, self.result = self.result, Step()
        del self._rows[contact]
        for record in self._taken.get(contact.encode(), ()):
            self._take(record)
        self.result = result

    def _take(self, record: Any) -> None:
        contact = key_text(record, "the contact's id")
        envelope = Envelope.from_record(record.value, record.headers)
        id_within(self._configuration_of(envelope).scope, contact)
        self._replayed = Replayed.from_headers(record.headers)
        match kind_of_record(record.headers):
            case "snapshot":
                self._snapshot(contact, envelope)
            case "merged":
                self._taken_in(contact, envelope)
            case _:
                self._event(contact, envelope)

    def write_rows(self) -> None:
        """Put every row that was touched."""
        for contact, row in self._rows.items():
            self._state.put(contact.encode(), row.encode())

    def _row(self, contact: str) -> ContactRow:
        self._touched = True
        row = self._rows.get(contact)
        if row is None:
            raw = self._state.get(contact.encode())
            row = ContactRow(split_scope(contact)[1]) if raw is None else ContactRow.decode(raw)
            self._rows[contact] = row
        return row

    def _snapshot(self, contact: str, envelope: Envelope) -> None:
        snapshot = CompanySnapshot.from_envelope(envelope)
        row = self._row(contact)
        if self._replayed is not None:
            self._snapshot_again(row, envelope, snapshot, self._replayed)
            return
        if not contact_row.take_snapshot(row, snapshot.company_id, snapshot.profile, snapshot.at):
            self.result.counts["stale"] += 1
            return
        moment = Moment(envelope, frozenset({"contact"}), row, {}, at=envelope.occurred_at)
        self._handing_on.map(moment, f"{row.contact_id}/{snapshot.company_id}", self.result)

    def _event(self, contact: str, envelope: Envelope) -> None:
        document = decode_object(envelope.payload)
        if self._replayed is not None:
            self._again(contact, envelope, document, self._replayed)
            return
        row = self._row(contact)
        replaying.drop_old_shadow(row, self._now_ms)
        if not contact_row.remember(row, envelope.event_id, envelope.received_at):
            self.result.counts["duplicates"] += 1
            return
        completed = self._complete(row, envelope, self._found.get(contact))
        if envelope.source is Source.PARTNER:
            moment = self._partner(row, envelope, document)
        else:
            moment = self._webhook(row, envelope, document)
        if completed:  # the user is news, whatever the event is
            moment = moment or Moment(envelope, frozenset(), row, document, at=envelope.occurred_at)
            moment = replace(moment, happened=moment.happened | {CONTACT})
        if moment is None:
            self.result.counts["unmapped"] += 1
        else:
            self._handing_on.map(moment, row.contact_id, self.result)
            if CONTACT_DELETED in moment.happened and self._configuration_of(envelope).rules.deletes:
                gone = map(DeleteElement, customer_ids.left(row))
                self._handing_on.hand_on(moment, gone, f"{row.contact_id}/delete", self.result)

    def _again(
        self, contact: str, envelope: Envelope, document: Mapping[str, Any], replayed: Replayed
    ) -> None:
        """An event that is replayed."""
        if not replaying.is_replayed(envelope, document):
            self.result.counts["not_replayed"] += 1
            return
        row = self._row(contact)
        shadow = replaying.shadow_of(row, replayed, self._now_ms)
        if not replaying.is_first(shadow, envelope):
            self.result.counts["replay_duplicates"] += 1
            return
        completed = self._complete(row, envelope, self._found.get(contact))
        retold = replaying.retell(row, shadow, envelope, document)
        if retold is None and not completed:
            self.result.counts["stale"] += 1
            return
        if retold is None:
            moment = Moment(envelope, frozenset(), row, document, at=envelope.occurred_at)
            retold = replaying.Retold(moment, current=False)
        self._tell_companies(row, retold.changes, envelope)
        if completed:
            moment = replace(retold.moment, happened=retold.moment.happened | {CONTACT})
            retold = replace(retold, moment=moment)
        if replaying.no_ticket_news(retold.moment):
            self.result.counts["no_change"] += 1
        self._retelling.map(row, retold, replayed, row.contact_id, self.result)

    def _snapshot_again(
        self, row: ContactRow, envelope: Envelope, snapshot: CompanySnapshot, replayed: Replayed
    ) -> None:
        """A company that is replayed, or that a replayed event brought the contact to."""
        shadow = replaying.shadow_of(row, replayed, self._now_ms)
        is_first = replaying.is_first(shadow, envelope, snapshot.company_id)
        retold = replaying.retell_company(row, envelope, snapshot)
        if retold is None:
            self.result.counts["stale"] += 1
        elif is_first or retold.news:
            place = f"{row.contact_id}/{snapshot.company_id}"
            self._retelling.map(row, retold, replayed, place, self.result)
        else:
            self.result.counts["replay_duplicates"] += 1

    def _merged_away(self, row: ContactRow, envelope: Envelope, item: Mapping[str, Any]) -> None:
        """This contact was merged into the item: tell that one's row, and go on as part of it."""
        into, rules = ContactRow(item["id"], profile=dict(item)), self._configuration_of(envelope).rules
        told = customer_ids.merged_away(row, customer_id_of_row(into, rules.identity), rules.merges)
        if told is None:
            return
        self._tell_companies(row, memberships.leave_all(row, envelope), envelope)
        key = scoped(self._configuration_of(envelope).scope, into.contact_id).encode()
        for customer_id in told:
            value, headers = MergedContact(customer_id).record(envelope)
            self.result.out.append(Outgoing(self._contacts, key, value, headers))

    def _taken_in(self, contact: str, envelope: Envelope) -> None:
        """A contact was merged into this one: so are their users, once MoEngage has this one's."""
        other = MergedContact.from_envelope(envelope).customer_id
        if self._replayed is not None:
            self.result.counts["not_replayed"] += 1
            return
        row = self._row(contact)
        if kept := customer_ids.taken_in(row, other):
            moment = Moment(envelope, frozenset(), row, {}, at=envelope.occurred_at)
            merge, place = MergeElement(kept, other), f"{row.contact_id}/merge/{other}"
            self._handing_on.hand_on(moment, [merge], place, self.result)

    def _complete(self, row: ContactRow, envelope: Envelope, found: Found | None) -> bool:
        """Take in what Intercom has of a contact that was not known; whether there was any."""
        if found is None:
            return False
        changes = completing.take_found(row, found, envelope.occurred_at)
        if changes is None:
            return False
        self.result.counts["completed"] += 1
        if completing.has_intercom_id(row):
            self._tell_companies(row, changes, envelope)
        return True

    def _partner(self, row: ContactRow, envelope: Envelope, document: Mapping[str, Any]) -> Moment | None:
        happened = "partner_event"
        if envelope.topic == "partner.user":
            happened = "partner_user"
            at = parse_ms(document.get("modified_at")) or parse_ms(document.get("updated_at")) or 0
            if at and at < row.partner_at:
                self.result.counts["stale"] += 1
                return None
            row.partner_at = max(row.partner_at, at)
        return Moment(envelope, frozenset({happened}), row, document, at=envelope.occurred_at)

    def _webhook(self, row: ContactRow, envelope: Envelope, document: Mapping[str, Any]) -> Moment | None:
        item = item_of(document)
        if envelope.topic == "contact.merged" and merged_from(item) == row.contact_id:
            self._merged_away(row, envelope, item)
            return None
        family = family_of(envelope.topic)
        happened = set(told_by_topic(envelope.topic))
        if self._contact_part(row, envelope, item, family):
            happened.add("contact")
        elif family == "contact":
            happened -= STATES_OF_A_CONTACT  # old news
        view = ticket_view(item) if family == "ticket" else None
        if view is None:
            happened -= WITH_A_TICKET
            for reference in referring(family, item, row.contact_id):
                contact_row.take_reference(row, reference)
            return Moment(envelope, frozenset(happened), row, document, at=envelope.occurred_at)
        for reference in completing.references(ticket_of(item), row.contact_id):
            contact_row.take_reference(row, reference)
        news = contact_row.take_ticket(row, envelope.topic, view)
        if not news.created and not news.changed:
            self.result.counts["no_change"] += 1
        return with_ticket(envelope, happened, row, document, view, news)

    def _contact_part(
        self, row: ContactRow, envelope: Envelope, item: Mapping[str, Any], family: str
    ) -> bool:
        """Take in the contact that a payload carries; whether its user may have changed by it."""
        contact = carried_contact(item, family)
        if contact.get("id") != row.contact_id:
            return False  # the payload is about this contact, but carries none or another one
        if contact.get("deleted") is True:
            self._tell_companies(row, memberships.leave_all(row, envelope), envelope)
            row.deleted = not row.merged_into
            return False
        if row.deleted:
            self.result.counts["stale"] += 1
            return False
        at = max(parse_ms(contact.get("updated_at")) or 0, envelope.occurred_at)
        tags = contact_tags.listed(row)
        fresh = contact_row.take_profile(row, contact, envelope.occurred_at)
        named = contact_tags.take(row, envelope.topic, item, tags if fresh else None)
        changes = take_memberships(row, envelope.topic, item, contact, at)
        self._tell_companies(row, changes, envelope)
        if not fresh and not changes and not named:
            self.result.counts["stale"] += 1
        # Also an older attachment may tell since when, and so which company is the primary one.
        return fresh or named or bool(changes) or family == "company"

    def _tell_companies(self, row: ContactRow, changes: memberships.Changes, cause: Envelope) -> None:
        if changes:
            scope = self._configuration_of(cause).scope
            self.result.out += memberships.told(
                row, changes, cause, scope=scope, prefix=self._prefix, replayed=self._replayed
            )
