"""From a replayed event to the deliveries that come of it again.

They have the ids that they had the first time. A user is told as it is now, the same one once a replay;
what an event told of the user for the moment only is left out where a later one told of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from events.elements import Element, UserElement
from events.replays import Replayed
from events.rows import ContactRow, ReplayShadow
from mappings.moment import CONTACT
from mappings.rules import RuleSet, map_moment
from streams.stages.handing_on import HandingOn, delivery_id
from streams.stages.replaying import Retold, note_moment
from streams.stages.stage import Step
from streams.stages.user_news import digest_of, holds, is_news, steady_user, would_be_news

#: What the record of deliveries says of a delivery id: whether MoEngage was told. None: nothing.
Receipts = Callable[[str], bool | None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which elements of a replay are handed on.

    By their ids (``only``), or those that are missing by ``receipts``, or, with neither, all of them.
    """

    only: frozenset[str] | None
    receipts: Receipts | None

    def left_out(self, delivery: str) -> bool:
        """Whether it is not asked for."""
        if self.only is not None:
            return delivery not in self.only
        return self.receipts is not None and self.receipts(delivery) is True

    def by_name(self, delivery: str) -> bool:
        """Whether this very delivery is asked for, whatever else the replay tells of its user."""
        if self.only is not None:
            return True
        return self.receipts is not None and self.receipts(delivery) is False


class Retelling:
    """Puts the deliveries of replayed events out. ``receipts`` make it hand on what is missing only."""

    def __init__(self, handing_on: HandingOn, receipts: Receipts | None = None) -> None:
        self._handing_on = handing_on
        self._receipts = receipts

    def map(self, row: ContactRow, retold: Retold, replayed: Replayed, place: str, result: Step) -> None:
        """Map, and hand on what is wanted. ``row`` is the contact's own, with its shadow."""
        shadow, moment, customer_id = row.replay, replace(retold.moment, row=row), ""
        assert shadow is not None
        configuration = self._handing_on.configuration_of(moment.envelope)
        wanted = Wanted(replayed.only, self._receipts)
        mark = replace(replayed, only=None)
        for number, element in enumerate(map_moment(configuration.rules, retold.moment, result.changes)):
            at = f"{place}/{number}"
            delivery = delivery_id(configuration, moment, at)
            if wanted.left_out(delivery):
                result.counts["not_asked_for"] += 1
                continue
            told: Element = element
            if isinstance(element, UserElement):
                if row.merged_into == element.customer_id:
                    continue  # that contact's own row tells what its user is
                user = _User(configuration.rules, replace(retold, moment=moment), shadow, element)
                outcome = user.judge(by_name=wanted.by_name(delivery), missing=self._receipts is not None)
                if outcome:
                    result.counts[outcome] += 1
                    continue
                told = user.element
            self._handing_on.again(moment, told, at, result, mark)
            customer_id = told.customer_id
        self._handing_on.settle(moment, customer_id, place, result, mark)


class _User:
    """The user that comes of a replayed event."""

    def __init__(
        self, rules: RuleSet, retold: Retold, shadow: ReplayShadow, element: UserElement
    ) -> None:
        self._rules = rules
        self._moment = retold.moment
        self._current = retold.current
        self._shadow = shadow
        self.element = element

    def judge(self, *, by_name: bool, missing: bool) -> str:
        """Why it is not handed on; "" where ``element`` is, which is written down."""
        moment, row = self._moment, self._moment.row
        momentary = self._rules.plan_of(moment).momentary
        if CONTACT not in moment.happened:
            if not self._current:
                return "stale"
            note_moment(row, moment.envelope)
            return ""
        steady = steady_user(self._rules, moment)
        if not momentary or not self._current:
            if steady is None:
                return "stale"
            self.element, momentary = steady, False
        if not by_name:
            # MoEngage was told of it under the id of another event; of a moment that has no delivery of
            # its own, an earlier one of the same told it.
            lasting = steady if momentary and steady is not None else self.element
            if missing and not would_be_news(row, lasting):
                return "user_unchanged"
            if digest_of(self.element) == self._shadow.user:
                return "user_unchanged"
        self._write_down(steady, momentary=momentary)
        return ""

    def _write_down(self, steady: UserElement | None, *, momentary: bool) -> None:
        moment, element = self._moment, self.element
        known = steady if steady is not None and holds(element, steady) else element
        self._shadow.user = digest_of(known)
        if momentary:
            note_moment(moment.row, moment.envelope)
            is_news(self._rules, moment, element)
        else:
            at_any_time = replace(
                moment, happened=frozenset({CONTACT}), document={}, ticket=None, previous=None
            )
            is_news(self._rules, at_any_time, element)
