"""Options of ``moebridge dead-letters``: which of them are meant."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from events.elements import Kind
from events.joins import MessageKind
from moebridge.dead_letters.selection import Selection
from moebridge.time_window import time_window

_F = TypeVar("_F", bound=Callable[..., Any])

STAGES = ("route", "contacts", "companies", "deliver")
#: What a record's header ``kind`` can say: elements, and the messages that rows send each other.
KINDS = (*get_args(Kind), *(kind for kind in get_args(MessageKind) if kind != "event"))


class LetterId(click.ParamType):
    """``partition:offset`` on moengage.dead-letters."""

    name = "ID"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Both numbers."""
        parts = str(value).split(":")
        if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
            self.fail(f"expected partition:offset, such as 3:17, got {value!r}", param, ctx)
        return int(parts[0]), int(parts[1])


_COUNT = click.IntRange(min=0)

_OPTIONS = (
    click.option("--id", "ids", type=LetterId(), multiple=True, help="This one; may be repeated."),
    click.option("--stage", "stages", type=click.Choice(STAGES), multiple=True, help="Who refused it."),
    click.option("--reason", default="", metavar="TEXT", help="A part of the reason, in any letters."),
    click.option("--status", "statuses", type=_COUNT, multiple=True, help="MoEngage's answer."),
    click.option("--customer-id", metavar="TEXT", help="Whose; before deliver, contact or company id."),
    click.option("--event-id", metavar="TEXT", help="Intercom's event."),
    click.option("--event-name", metavar="TEXT", help="The event's name; before deliver, the topic."),
    click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="What it is."),
    click.option("--config-name", metavar="NAME", help="The configuration that it belongs to."),
    click.option("--from-datetime", metavar="TIME", help="Refused then or later; UTC without a zone."),
    click.option("--to-datetime", metavar="TIME", help="Refused before then."),
    click.option("--by-duration", metavar="PERIOD", help="Refused in the last P1D, PT30M and so on."),
    click.option("--partition", "partitions", type=_COUNT, multiple=True, help="Of the dead letters."),
    click.option("--from-offset", type=_COUNT, help="This offset there, or later."),
    click.option("--to-offset", type=_COUNT, help="Before this offset."),
)


def selection_options(command: _F) -> _F:
    """All of them; the command takes them as keywords, for ``selected``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selected(options: dict[str, Any], default_configuration: str) -> Selection:
    """The selection that the options describe. Raises UsageError."""
    try:
        window = time_window(
            options["from_datetime"],
            options["to_datetime"],
            options["by_duration"],
            now_ms=time.time_ns() // 1_000_000,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return Selection(
        stages=frozenset(options["stages"]),
        reason=options["reason"],
        statuses=frozenset(options["statuses"]),
        customer_id=options["customer_id"],
        event_id=options["event_id"],
        event_name=options["event_name"],
        kinds=frozenset(options["kinds"]),
        configuration=options["config_name"],
        window=window,
        partitions=frozenset(options["partitions"]),
        from_offset=options["from_offset"],
        to_offset=options["to_offset"],
        ids=frozenset(options["ids"]),
        default_configuration=default_configuration,
    )
