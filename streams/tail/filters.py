"""What a tail is to show.

A record knows only a part of what can be asked for: what is received has no customer yet, a receipt
names delivery ids alone. So each question is answered with yes, no, or not known; what is not known of a
record may be known of its event, from the other stages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from events.masking import masked
from streams.tail.sighting import Sighting, Stage


@dataclass(frozen=True, slots=True)
class Filters:
    """What a sighting must be to be shown; what is empty or None asks for nothing.

    A person's id may be given as it is, or as the digest that stands for it (events.masking).
    ``event_topics`` may end in ``*``; ``event_id`` is the beginning of one. ``replay`` is a replay's id,
    "" for any; ``live`` asks for what is not replayed. ``config`` is a name in any letters, and
    ``default_config`` the one of records that name none.
    """

    stages: frozenset[Stage] = frozenset()
    event_topics: tuple[str, ...] = ()
    contact: str = field(default="", repr=False)
    company: str = ""
    customer: str = field(default="", repr=False)
    event_id: str = ""
    names: frozenset[str] = frozenset()
    config: str = ""
    replay: str | None = None
    live: bool = False
    default_config: str = "default"

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the questions that are asked, but for the stage's."""
        return tuple(name for name, (is_asked, _) in _QUESTIONS.items() if is_asked(self))

    def of_stage(self, sighting: Sighting) -> bool:
        """Whether a sighting is of a stage that is asked for."""
        return not self.stages or sighting.stage in self.stages

    def answer(self, name: str, sighting: Sighting) -> bool | None:
        """What a sighting says to one of these questions; None where it does not know."""
        return _QUESTIONS[name][1](self, sighting)

    def config_of(self, sighting: Sighting) -> str:
        """A sighting's configuration, in small letters."""
        return (sighting.config or self.default_config).lower()


def _of_topic(asked: Filters, one: Sighting) -> bool | None:
    if not one.event_topic:
        return None
    return any(
        one.event_topic.startswith(topic[:-1]) if topic.endswith("*") else one.event_topic == topic
        for topic in asked.event_topics
    )


def _of_contact(asked: Filters, one: Sighting) -> bool | None:
    if one.contacts:
        return any(_is(asked.contact, contact) for contact in one.contacts)
    place = one.of_contact
    if not place:
        return None
    # An id may hold a slash, so what is asked for is looked for; a digest is that of a whole id.
    return place.startswith(f"{asked.contact}/") or masked(place.partition("/")[0]) == asked.contact


def _of_company(asked: Filters, one: Sighting) -> bool | None:
    return any(_is(asked.company, company) for company in one.companies) if one.companies else None


def _of_customer(asked: Filters, one: Sighting) -> bool | None:
    return _is(asked.customer, one.customer) if one.customer else None


def _of_name(asked: Filters, one: Sighting) -> bool | None:
    if not one.kind or one.stage in ("received", "routed"):
        return None
    return one.name in asked.names


def _of_replay(asked: Filters, one: Sighting) -> bool | None:
    if one.replay is None:
        return None
    return one.replay == asked.replay if asked.replay else bool(one.replay)


def _of_live(asked: Filters, one: Sighting) -> bool | None:
    return None if one.replay is None else not one.replay


def _is(asked: str, one_id: str) -> bool:
    return one_id == asked or masked(one_id) == asked


_QUESTIONS: dict[
    str, tuple[Callable[[Filters], bool], Callable[[Filters, Sighting], bool | None]]
] = {
    "event_topics": (lambda asked: bool(asked.event_topics), _of_topic),
    "contact": (lambda asked: bool(asked.contact), _of_contact),
    "company": (lambda asked: bool(asked.company), _of_company),
    "customer": (lambda asked: bool(asked.customer), _of_customer),
    "event_id": (
        lambda asked: bool(asked.event_id),
        lambda asked, one: one.event_id.startswith(asked.event_id),
    ),
    "names": (lambda asked: bool(asked.names), _of_name),
    "config": (
        lambda asked: bool(asked.config),
        lambda asked, one: asked.config_of(one) == asked.config.lower(),
    ),
    "replay": (lambda asked: asked.replay is not None, _of_replay),
    "live": (lambda asked: asked.live, _of_live),
}  # fmt: skip
