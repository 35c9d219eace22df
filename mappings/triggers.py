"""What a rule waits for: ``when:`` and ``on:``, compiled.

when: ticket_created                    one of moment.HAPPENINGS, or a list of them: any of these
when:
  happened: [ticket, conversation]      the same
  topic: ["ticket.*", "!ticket.note.*"] Intercom's topic: any of these, and none behind a "!"
  if: contact.role == 'user'            JMESPath; what it gives has to be true
on:
  from: submitted                       the ticket's state before, or a list; ticket_state_changed only
  to: [resolved, Fixed, "4517804"]      the state after: by category, label or state id
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from events.rows import TicketState
from mappings.expressions import Expression, Getter, is_true
from mappings.moment import HAPPENINGS, TICKET_CREATED, TICKET_STATE_CHANGED, Moment
from mappings.rule_files import Entry

WHEN_KEYS = ("happened", "topic", "if")
ON_KEYS = ("from", "to")

_FROM_WITH = frozenset({TICKET_STATE_CHANGED})
_TO_WITH = frozenset({TICKET_STATE_CHANGED, TICKET_CREATED})


@dataclass(frozen=True, slots=True)
class Trigger:
    """``words`` and ``topics`` are empty where any will do; so are ``origins`` and ``goals``.

    ``conditional`` is whether ``holds`` can say no.
    """

    words: frozenset[str]
    topics: tuple[str, ...]
    other_topics: tuple[str, ...]
    origins: frozenset[str]
    goals: frozenset[str]
    condition: Getter | None
    conditional: bool

    def waits_for(self, happened: frozenset[str], topic: str) -> bool:
        """Whether these words and this topic, "" for none, are what the rule waits for."""
        if self.words and self.words.isdisjoint(happened):
            return False
        if not self.topics and not self.other_topics:
            return True
        return bool(topic) and self.takes_topic(topic)

    def takes_topic(self, topic: str) -> bool:
        """Whether the patterns let a topic through."""
        if self.topics and not any(fnmatchcase(topic, pattern) for pattern in self.topics):
            return False
        return not any(fnmatchcase(topic, pattern) for pattern in self.other_topics)

    def holds(self, moment: Moment, document: dict[str, Any]) -> bool:
        """Whether the ticket's move and the condition are what the rule waits for."""
        if self.origins and not _is_one_of(moment.previous, self.origins):
            return False
        state = moment.ticket.state if moment.ticket else None
        if self.goals and not _is_one_of(state, self.goals):
            return False
        return self.condition is None or is_true(self.condition(document))


def compile_trigger(
    rule: Entry, fields: dict[str, Entry], compile_condition: Callable[[Entry], Expression]
) -> Trigger:
    """The trigger of a rule's fields. Raises InvalidRule."""
    if "when" not in fields:
        raise rule.wrong(f"expected 'when'; one of {', '.join(HAPPENINGS)}, or a mapping")
    when = fields["when"]
    parts = when.mapping(WHEN_KEYS) if isinstance(when.value, dict) else {"happened": when}
    words = _words(parts["happened"]) if "happened" in parts else frozenset[str]()
    topics, other_topics = _topics(parts["topic"]) if "topic" in parts else ((), ())
    if not words and not topics:
        raise when.wrong("expected 'happened' or 'topic'; a condition alone fires at nothing")
    moves = _moves(fields)
    origins = _states(moves.get("from"), words, _FROM_WITH)
    goals = _states(moves.get("to"), words, _TO_WITH)
    condition = compile_condition(parts["if"]).get if "if" in parts else None
    return Trigger(
        words=words,
        topics=topics,
        other_topics=other_topics,
        origins=origins,
        goals=goals,
        condition=condition,
        conditional=bool(origins or goals or condition),
    )


def _words(entry: Entry) -> frozenset[str]:
    for word in entry.texts():
        if word not in HAPPENINGS:
            raise entry.wrong(f"unknown word {word!r}; known: {', '.join(HAPPENINGS)}")
    return frozenset(entry.texts())


def _topics(entry: Entry) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Patterns to match, and those behind a "!"."""
    wanted, refused = [], []
    for pattern in entry.texts():
        pattern = pattern.strip()
        if pattern.startswith("!"):
            refused.append(pattern[1:].strip())
        else:
            wanted.append(pattern)
        if not pattern.strip("! "):
            raise entry.wrong("expected a topic such as ticket.created, or a pattern such as ticket.*")
    if not wanted:
        raise entry.wrong('expected a pattern without "!" too; "*" is any topic')
    return tuple(wanted), tuple(refused)


def _moves(fields: dict[str, Entry]) -> dict[str, Entry]:
    """``from`` and ``to``, which stand under ``on`` or in the rule itself."""
    in_rule = {key: fields[key] for key in ON_KEYS if key in fields}
    if "on" not in fields:
        return in_rule
    moves = fields["on"].mapping(ON_KEYS)
    if not moves:
        raise fields["on"].wrong("expected 'from' or 'to'")
    for key, entry in in_rule.items():
        if key in moves:
            raise entry.wrong(f"'{key}' stands under 'on' already")
    return {**in_rule, **moves}


def _states(entry: Entry | None, words: frozenset[str], allowed: frozenset[str]) -> frozenset[str]:
    if entry is None:
        return frozenset()
    if not words or not words <= allowed:
        raise entry.wrong(f"only with when: {' or '.join(sorted(allowed))}")
    return frozenset(text.strip().casefold() for text in entry.texts())


def _is_one_of(state: TicketState | None, wanted: frozenset[str]) -> bool:
    if state is None:
        return False
    return (
        state.category in wanted
        or state.key in wanted
        or state.internal_label.casefold() in wanted
        or state.external_label.casefold() in wanted
    )
