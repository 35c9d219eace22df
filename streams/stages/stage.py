"""What a stage is, and what all stages do with a record that can never be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from events.elements import DeadLetter
from events.errors import InvalidData, InvalidRecord, UnknownConfiguration
from events.keys import split_scope
from events.topics import DEAD_LETTERS, TopicName, topic_name
from streams.publishing import Outgoing
from streams.state import State


@dataclass(slots=True)
class Step:
    """What a chunk came to: records to publish, in order, and what happened how often.

    ``changes`` counts what the mapping had to change for MoEngage (mappings.report.CHANGES).
    """

    out: list[Outgoing] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)


class Stage(Protocol):
    """A pure function over a chunk.

    ``source`` is the topic it reads, ``table`` the table whose rows it may change.
    """

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> TopicName: ...
    @property
    def table(self) -> str | None: ...

    def step(self, records: Sequence[Any], state: State, now_ms: int) -> Step:
        """Work through the records of one partition. Changes go into ``state``, nowhere else."""
        ...


def each_record(
    stage: str,
    prefix: str,
    records: Sequence[Any],
    step: Step,
    now_ms: int,
    handle: Callable[[Any], None],
) -> Step:
    """Handle record after record; one that is invalid goes to the dead letters, with the reason.

    Only InvalidData is the record's fault. Anything else is ours, stops the stage, and is not acked.
    """
    for record in records:
        try:
            handle(record)
        except InvalidData as error:
            step.counts["dead_lettered"] += 1
            if isinstance(error, UnknownConfiguration):
                step.counts["unknown_config"] += 1
            step.out.append(dead_letter(stage, prefix, record, str(error), now_ms))
    return step


def key_text(record: Any, what: str) -> str:
    """The record's key, which must be ``what`` as text. Raises InvalidRecord."""
    if not record.key:
        raise InvalidRecord(f"key: expected {what}, got nothing")
    try:
        return str(record.key, "utf-8")
    except UnicodeDecodeError:
        raise InvalidRecord(f"key: expected {what}, got bytes that are no UTF-8") from None


def id_within(scope: str, key: str) -> str:
    """The id in a key of the configuration with this scope. Raises InvalidRecord for another's key."""
    of_key, one_id = split_scope(key)
    if of_key != scope:
        raise InvalidRecord("key: of another configuration than header 'config' says")
    return one_id


def dead_letter(
    stage: str,
    prefix: str,
    record: Any,
    reason: str,
    now_ms: int,
    *,
    answer_status: int | None = None,
    request_id: str = "",
    attempts: int | None = None,
    first_status: int | None = None,
    first_message: str = "",
) -> Outgoing:
    """The record as it was, on the dead letters."""
    letter = DeadLetter(
        stage=stage,
        reason=reason,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        failed_at=now_ms,
        answer_status=answer_status,
        request_id=request_id,
        attempts=attempts,
        first_status=first_status,
        first_message=first_message,
    )
    return Outgoing(
        topic_name(DEAD_LETTERS, prefix),
        record.key or b"",
        record.value,
        letter.headers(record.headers),
    )
