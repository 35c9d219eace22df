"""From what happened to a contact to the deliveries that come of it.

Maps a moment, leaves out a user that is no news, and puts what is left on moengage.deliveries, keyed by
customer id; merges and deletes among it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from events.configurations import Configurations
from events.elements import Delivery, Element, EventElement, MergeElement, UserElement
from events.envelope import Envelope
from events.keys import scoped
from events.replays import Replayed
from events.topics import DELIVERIES, topic_name
from mappings.identity import customer_id_of_row
from mappings.moment import CONTACT, Moment
from mappings.partner import is_partner
from mappings.rules import RuleSet, map_moment
from moengage.bodies import render
from streams.publishing import Outgoing
from streams.stages import completing, customer_ids
from streams.stages.label import labelled
from streams.stages.replaying import note_moment
from streams.stages.stage import Step
from streams.stages.user_news import is_news


@dataclass(frozen=True, slots=True)
class Configuration:
    """What one configuration's events are treated by, for a chunk. ``scope`` is what its keys have."""

    name: str
    scope: str
    rules: RuleSet
    real_time_action: bool


class ChunkConfigurations:
    """The configurations of a chunk's events, each looked up once."""

    def __init__(
        self,
        names: Configurations,
        rules: Callable[[str], RuleSet],
        real_time_action: Collection[str],
    ) -> None:
        self._names = names
        self._rules = rules
        self._real_time_action = real_time_action
        self._known: dict[str, Configuration] = {}

    def __call__(self, envelope: Envelope) -> Configuration:
        """That of an event, whose name for it may differ in case. Raises UnknownConfiguration."""
        known = self._known.get(envelope.config)
        if known is None:
            name = self._names.named(envelope.config)
            known = self._known.get(name) or Configuration(
                name, self._names.scope(name), self._rules(name), name in self._real_time_action
            )
            self._known[name] = self._known[envelope.config] = known
        return known


class HandingOn:
    """Puts deliveries out. ``place`` makes the delivery ids of one event distinct."""

    def __init__(self, configuration_of: ChunkConfigurations, prefix: str, now_ms: int) -> None:
        self.configuration_of = configuration_of
        self._topic = topic_name(DELIVERIES, prefix)
        self._now_ms = now_ms

    def map(self, moment: Moment, place: str, result: Step) -> None:
        """Map, and hand on what is news."""
        row, configuration, customer_id = moment.row, self.configuration_of(moment.envelope), ""
        rules = configuration.rules
        for number, element in enumerate(map_moment(rules, moment, result.changes)):
            if isinstance(element, UserElement):
                if row.merged_into == element.customer_id:
                    continue  # that contact's own row tells what its user is
                if CONTACT not in moment.happened or rules.plan_of(moment).momentary:
                    note_moment(row, moment.envelope)
                if CONTACT in moment.happened and not is_news(rules, moment, element):
                    result.counts["user_unchanged"] += 1
                    continue
            result.out.append(self._delivery(configuration, moment, element, f"{place}/{number}"))
            customer_id = element.customer_id
        self.settle(moment, customer_id, place, result)

    def settle(
        self, moment: Moment, customer_id: str, place: str, result: Step, replayed: Replayed | None = None
    ) -> None:
        """Elements went out under this customer id, "" for none: what is merged into it now."""
        result.counts["mapped" if customer_id else "unmapped"] += 1
        rules = self.configuration_of(moment.envelope).rules
        if customer_id and _is_own(customer_id, moment, rules):
            gone = customer_ids.handed_on(moment.row, customer_id, rules.merges)
            if gone:
                merges = [MergeElement(customer_id, one) for one in gone]
                self.hand_on(moment, merges, f"{place}/merge", result, replayed)

    def hand_on(
        self,
        moment: Moment,
        elements: Iterable[Element],
        place: str,
        result: Step,
        replayed: Replayed | None = None,
    ) -> None:
        """Hand on elements that no rule makes."""
        configuration = self.configuration_of(moment.envelope)
        for number, element in enumerate(elements):
            out = self._delivery(configuration, moment, element, f"{place}/{number}", replayed)
            result.out.append(out)

    def again(
        self, moment: Moment, element: Element, place: str, result: Step, replayed: Replayed
    ) -> None:
        """Hand on an element that comes of a replay, with its label."""
        configuration = self.configuration_of(moment.envelope)
        element = labelled(element, replayed, result.changes)
        result.out.append(self._delivery(configuration, moment, element, place, replayed))

    def _delivery(
        self,
        configuration: Configuration,
        moment: Moment,
        element: Element,
        place: str,
        replayed: Replayed | None = None,
    ) -> Outgoing:
        envelope = moment.envelope
        merged = element.merged_id if isinstance(element, MergeElement) else ""
        delivery = Delivery(
            delivery_id=delivery_id(configuration, moment, place),
            event_id=envelope.event_id,
            kind=element.kind,
            name=element.name if isinstance(element, EventElement) else "",
            # A merge goes behind what was handed on for either of its users, first the one that ends.
            customer_id=merged or element.customer_id,
            then=element.customer_id if merged else "",
            mapping_version=configuration.rules.version,
            received_at=envelope.received_at,
            occurred_at=moment.at,
            body=render(element, now_ms=self._now_ms, real_time_action=configuration.real_time_action),
            config=configuration.name,
            replayed=replayed,
        )
        key = delivery.customer_id.encode()
        return Outgoing(self._topic, key, delivery.body, delivery.headers())


def delivery_id(configuration: Configuration, moment: Moment, place: str) -> str:
    """The same whenever the same rules are run on the same event."""
    return scoped(configuration.scope, f"{moment.envelope.event_id}/{place}")


def _is_own(customer_id: str, moment: Moment, rules: RuleSet) -> bool:
    """Whether an id is that of the contact, and not one that a connector's body chose."""
    row = moment.row
    if row.merged_into or not completing.has_intercom_id(row):
        return False
    if not is_partner(moment):
        return True
    return customer_id == customer_id_of_row(row, rules.identity)
