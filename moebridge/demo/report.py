"""The day, shown as tables that a person understands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moebridge.demo.checks import Check, Found, name_of
from moebridge.demo.front_door import Sent
from moebridge.screen import table


def show_sent(screen: Console, sent: Sequence[Sent]) -> None:
    """What was sent to the front door."""
    rows = table("time", "by", "what", "about", "", "answer")
    for one in sent:
        step = one.step
        style = "red" if one.status != step.answer else "dim" if step.repeats else None
        rows.add_row(
            step.clock,
            step.sender,
            step.what,
            escape(step.about),
            step.note,
            str(one.status),
            style=style,
        )
    _show(screen, "What was sent to the front door", rows)


def show_users(screen: Console, found: Found) -> None:
    """Who is in MoEngage."""
    rows = table("customer id", "name", "e-mail", "company", "plan", "tickets")
    for customer_id, user in _by_name(found):
        has = user["attributes"]
        belongs = has.get("company_count") != 0
        rows.add_row(
            escape(_short(customer_id)),
            escape(name_of(user)),
            escape(has.get("u_em", "")),
            escape(has.get("company_name", "")) if belongs else f"left {escape(has['company_name'])}",
            escape(has.get("company_plan", "")) if belongs else "",
            ", ".join(_tickets(found.events_of(customer_id))),
        )
    _show(screen, "Who is in MoEngage now", rows)


def show_events(screen: Console, found: Found) -> None:
    """The events of every user, in order."""
    rows = table("user", "time", "event", "about", "state")
    for customer_id, user in _by_name(found):
        name = name_of(user).partition(" ")[0]
        for event in found.events_of(customer_id):
            has = event["attributes"]
            rows.add_row(
                escape(name),
                _clock(event["occurred_at"]),
                escape(event["action"]),
                escape(_about(has)),
                _move(has),
            )
            name = ""
        rows.add_section()
    _show(screen, "What happened to them, in order", rows)


def show_checks(screen: Console, checks: Sequence[Check]) -> None:
    """What must be true, and what is not."""
    screen.print("\n[bold]What must be true[/bold]")
    for check in checks:
        if check.holds:
            screen.print(f"  [green]✓[/green] {escape(check.text)}")
        else:
            screen.print(f"  [red]✗ {escape(check.text)}[/red]: {escape(check.found)}")


def _show(screen: Console, title: str, rows: Table) -> None:
    screen.print(f"\n[bold]{title}[/bold]")
    screen.print(rows)


def _by_name(found: Found) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(found.at_the_end.items(), key=lambda item: name_of(item[1]))


def _tickets(events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each ticket's number with its last state."""
    states = {
        event["attributes"]["ticket_number"]: event["attributes"]["state_to"]
        for event in events
        if "ticket_number" in event["attributes"]
    }
    for number, state in states.items():
        yield f"#{number} {state}"


def _about(attributes: Mapping[str, Any]) -> str:
    if "ticket_number" in attributes:
        return f"#{attributes['ticket_number']} {attributes.get('ticket_title', '')}".strip()
    own = {key: value for key, value in attributes.items() if not key.startswith("intercom_")}
    return ", ".join(f"{key}: {value}" for key, value in own.items())


def _move(attributes: Mapping[str, Any]) -> str:
    """``from → to``; empty for what is about no ticket."""
    before, after = attributes.get("state_from", ""), attributes.get("state_to", "")
    reopened = ", reopened" if before == "resolved" else ""
    return f"{before} → {after}{reopened}".lstrip() if after else ""


def _clock(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M")


def _short(customer_id: str) -> str:
    return customer_id if len(customer_id) <= 12 else f"{customer_id[:8]}…"
