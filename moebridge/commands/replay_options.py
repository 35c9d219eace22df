"""Options of ``moebridge replay``: what is replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from events.topics import DELIVERIES, EVENTS
from moebridge.time_window import ALWAYS, TimeWindow, time_window
from streams.replay.filters import ELEMENTS, check
from streams.replay.request import Filters, Kind

_F = TypeVar("_F", bound=Callable[..., Any])

KINDS: Mapping[str, Kind] = {EVENTS: "derive", DELIVERIES: "deliver"}

_COUNT = click.IntRange(min=0)

_OPTIONS = (
    click.option(
        "--topic",
        type=click.Choice(list(KINDS)),
        default=EVENTS,
        show_default=True,
        help="Received events, through today's mapping; or elements again as they were.",
    ),
    click.option("--from-datetime", metavar="TIME", help="Written then or later; UTC without a zone."),
    click.option("--to-datetime", metavar="TIME", help="Written before then."),
    click.option("--by-duration", metavar="PERIOD", help="Written in the last P1D, PT30M and so on."),
    click.option("--from-offset", type=_COUNT, help="This offset of each partition, or later."),
    click.option("--partition", "partitions", type=_COUNT, multiple=True, help="Only this one."),
    click.option("--event-topic", "event_topics", metavar="TOPIC", multiple=True,
                 help="Intercom's; ticket.* is all that begin so."),
    click.option("--contact", "contacts", metavar="ID", multiple=True, help="Intercom's contact."),
    click.option("--ticket", "tickets", metavar="ID", multiple=True, help="Its id or its number."),
    click.option("--company", "companies", metavar="ID", multiple=True, help="Intercom's company."),
    click.option("--event-id", "event_ids", metavar="ID", multiple=True, help="Intercom's event."),
    click.option("--customer", "customers", metavar="ID", multiple=True,
                 help="MoEngage's customer_id; of deliveries."),
    click.option("--kind", "kinds", type=click.Choice(ELEMENTS), multiple=True, help="Of deliveries."),
    click.option("--event-name", "names", metavar="NAME", multiple=True,
                 help="The event's name in MoEngage; of deliveries."),
    click.option("--where", metavar="JMESPATH", default="",
                 help="A condition on the payload, of deliveries on the element."),
    click.option("--only-missing", is_flag=True, help="Only what has no receipt of MoEngage's."),
)  # fmt: skip

_FILTERS = (
    "event_topics",
    "contacts",
    "tickets",
    "companies",
    "event_ids",
    "customers",
    "kinds",
    "names",
)


def choice_options(command: _F) -> _F:
    """All of them, as keywords."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def window(options: Mapping[str, Any], now_ms: int) -> TimeWindow:
    """The time that is meant. Raises UsageError, also where nothing bounds the replay."""
    try:
        found = time_window(
            options["from_datetime"], options["to_datetime"], options["by_duration"], now_ms=now_ms
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if found == ALWAYS and options["from_offset"] is None:
        raise click.UsageError(
            "say from where: --by-duration P1D for the last day, --from-datetime TIME, or "
            "--from-offset 0 for all that is kept"
        )
    return found


def filters(options: Mapping[str, Any]) -> Filters:
    """What is asked of the records. Raises WrongReplay."""
    asked = Filters(**{name: frozenset(options[name]) for name in _FILTERS}, where=options["where"])
    check(KINDS[options["topic"]], asked)
    return asked
