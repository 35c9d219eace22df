"""The demonstration's checks: they hold for a day that went well, and each can fail."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from events.codec import decode_object
from ingest.config import IngestConfig
from ingest.errors import SignatureWrong
from ingest.intake import partner_event, webhook_event
from ingest.signature import sign
from moebridge.demo.cast import AMARA, EXPORT, INVOICE, JONAS, LOGIN, LUCA, MEI, PRIYA, SOFIA, STAFF_NAME
from moebridge.demo.checks import EXPORT_MOVES, Found, checks
from moebridge.demo.front_door import Sent
from moebridge.demo.report import show_checks, show_events, show_sent, show_users
from moebridge.demo.story import NORTHWIND_NOW, PRIYA_NOW, Step, day

MIDNIGHT = 1_795_219_200
STEPS = [step for chapter in day(MIDNIGHT) for step in chapter.steps]


def user(name: str, email: str, updates: int, **attributes: Any) -> dict[str, Any]:
    return {"attributes": {"u_n": name, "u_em": email, **attributes}, "updates": updates}


def event(person: Any, action: str, at: int, **attributes: Any) -> dict[str, Any]:
    return {
        "customer_id": person.external_id,
        "action": action,
        "attributes": {"intercom_event_id": f"notif_{at}", **attributes},
        "occurred_at": MIDNIGHT * 1000 + at,
        "sequence": at,
    }


def ticket_events(
    ticket: Any, moves: list[tuple[str, str]], at: int, **more: Any
) -> list[dict[str, Any]]:
    about = {"ticket_id": ticket.id, "ticket_number": ticket.number, "ticket_title": ticket.title, **more}
    events = [event(ticket.person, "ticket_created", at, state_to="submitted", **about)]
    for number, (before, after) in enumerate(moves, at + 1):
        states = {"state_from": before, "state_to": after}
        events.append(event(ticket.person, "ticket_state_changed", number, **states, **about))
    return events


def good_day() -> Found:
    northwind = {"company_name": "Northwind Studio", "company_count": 1}
    renamed = {"company_name": NORTHWIND_NOW.name, "company_count": 1}
    arrivals = {
        AMARA.external_id: user(AMARA.name, AMARA.email, 2, **northwind),
        JONAS.external_id: user(JONAS.name, JONAS.email, 2, **northwind),
        MEI.external_id: user(MEI.name, MEI.email, 2, **northwind),
        PRIYA.external_id: user(PRIYA.name, PRIYA.email, 2),
        LUCA.external_id: user(LUCA.name, LUCA.email, 2),
        SOFIA.external_id: {"attributes": {"u_fn": "Sofia", "u_ln": "Lindgren"}, "updates": 1},
    }
    changes = deepcopy(arrivals)
    changes[PRIYA.external_id] = user(PRIYA.name, PRIYA_NOW.email, 3)
    rename = deepcopy(changes)
    for member in (AMARA, JONAS, MEI):
        rename[member.external_id]["attributes"].update(renamed)
        rename[member.external_id]["updates"] += 1
    leaving = deepcopy(rename)
    leaving[MEI.external_id]["attributes"]["company_count"] = 0
    return Found(
        sent=[Sent(step, step.answer) for step in STEPS],
        users={
            "arrivals": arrivals,
            "changes": changes,
            "rename": rename,
            "tickets": rename,
            "leaving": leaving,
        },
        events=[
            event(LUCA, "trial_reminder", 1),
            event(SOFIA, "demo_booked", 2),
            *ticket_events(EXPORT, EXPORT_MOVES, 10, company_name=NORTHWIND_NOW.name),
            *ticket_events(INVOICE, [("submitted", "in_progress")], 20),
            *ticket_events(LOGIN, [("submitted", "resolved")], 30),
        ],
        stats={"duplicate_events": 0, "refused": {}, "dropped": {}},
        outcomes={"duplicates": sum(step.repeats for step in STEPS)},
        dead_letters=0,
    )


def failing(found: Found) -> list[str]:
    return [check.text for check in checks(found) if not check.holds]


def test_a_day_that_went_well() -> None:
    assert len(checks(good_day())) == 20
    assert failing(good_day()) == []


def changed(work: Callable[[dict[str, Any]], None], chapter: str = "leaving") -> Found:
    """A day in which the users of a chapter are others."""
    found = good_day()
    users: Any = found.users[chapter]  # type: ignore[index]
    work(users)
    return found


def without(action: str, person: Any) -> Found:
    found = good_day()
    left = [e for e in found.events if (e["action"], e["customer_id"]) != (action, person.external_id)]
    return replace(found, events=left)


def with_event(new: dict[str, Any]) -> Found:
    found = good_day()
    return replace(found, events=[*found.events, new])


def with_stats(**stats: Any) -> Found:
    found = good_day()
    return replace(found, stats={**found.stats, **stats})


BROKEN: dict[str, Callable[[], Found]] = {
    "The front door took": lambda: replace(good_day(), sent=[Sent(step, 200) for step in STEPS]),
    "6 repeated requests": lambda: replace(good_day(), outcomes={"duplicates": 5}),
    "The 6 contacts are 6": lambda: changed(lambda users: users.update(other=user("", "", 1))),
    "Every user has the right name": lambda: changed(
        lambda users: users[MEI.external_id]["attributes"].update(u_n="Me")
    ),
    "The older update of Priya": lambda: changed(
        lambda users: users[PRIYA.external_id]["attributes"].update(u_em=PRIYA.email)
    ),
    "One change told by two": lambda: changed(
        lambda users: users[PRIYA.external_id].update(updates=4), "changes"
    ),
    "A data connector's user": lambda: with_event(event(SOFIA, "demo_booked", 3)),
    "Northwind Studio's new name": lambda: changed(
        lambda users: users[LUCA.external_id].update(updates=3), "rename"
    ),
    "The older name": lambda: changed(
        lambda users: users[JONAS.external_id]["attributes"].update(company_name="Northwind Studio"),
        "rename",
    ),
    "Mei left": lambda: changed(
        lambda users: users[JONAS.external_id]["attributes"].update(company_count=0)
    ),
    "Ticket #4711": lambda: replace(
        good_day(), events=[e for e in good_day().events if e["occurred_at"] != MIDNIGHT * 1000 + 12]
    ),
    "A state that did not": lambda: with_event(
        event(MEI, "ticket_state_changed", 50, ticket_id="1", state_from="resolved", state_to="resolved")
    ),
    "Ticket #4712": lambda: without("ticket_created", PRIYA),
    "One click": lambda: replace(
        good_day(),
        events=[*good_day().events, *ticket_events(LOGIN, [("submitted", "resolved")], 40)[1:]],
    ),
    "Ticket events carry": lambda: with_event(event(AMARA, "ticket_created", 60, ticket_id="1")),
    "All 11 events": lambda: replace(
        good_day(), events=[{**good_day().events[0], "attributes": {}}, *good_day().events[1:]]
    ),
    "No event arrived": lambda: with_stats(duplicate_events=1),
    "Nothing of staff": lambda: changed(
        lambda users: users[JONAS.external_id]["attributes"].update(owner=STAFF_NAME)
    ),
    "MoEngage refused": lambda: with_stats(dropped={"nested_object": 1}),
    "Nothing was dead": lambda: replace(good_day(), dead_letters=1),
}


@pytest.mark.parametrize("text", BROKEN)
def test_each_check_can_fail(text: str) -> None:
    assert any(failed.startswith(text) for failed in failing(BROKEN[text]()))


def test_every_check_is_broken_once() -> None:
    texts = [check.text for check in checks(good_day())]
    assert all(any(text.startswith(start) for start in BROKEN) for text in texts)
    assert len(BROKEN) == len(texts)


def test_no_events_at_all_is_not_fine() -> None:
    assert any("intercom_event_id" in text for text in failing(replace(good_day(), events=[])))


@pytest.mark.parametrize("width", [60, 100])
def test_the_tables_show_the_day(width: int) -> None:
    screen = Console(width=width, record=True, file=StringIO())
    found = good_day()
    show_sent(screen, found.sent)
    show_users(screen, found)
    show_events(screen, found)
    show_checks(screen, checks(with_stats(duplicate_events=1)))
    text = screen.export_text()
    assert all(len(line) <= width for line in text.splitlines() if not line.startswith("  "))
    flat = "".join(text.split())
    assert "left" + NORTHWIND_NOW.name.replace(" ", "") in flat or width == 60
    assert "resolved→in_progress" in flat or width == 60
    assert "✗Noeventarrivedtwice:expected0,found1" in flat


def taken(step: Step) -> Any:
    """What the front door makes of a step."""
    config = IngestConfig(webhook_secrets=("s",), partner_credentials=(("w", "k"),))
    now = (MIDNIGHT + 86_400) * 1000
    if step.sender == "webhook":
        signature = sign(step.body, "other" if step.forged else "s")
        return webhook_event(step.body, signature, config=config, received_at=now)
    kind = step.path.partition("?")[0].rpartition("/")[2]
    return partner_event(step.body, kind=kind, workspace="w", config_name="default", received_at=now)


def test_the_story_is_what_the_checks_speak_of() -> None:
    events = []
    for step in STEPS:
        if step.forged:
            with pytest.raises(SignatureWrong):
                taken(step)
        elif step.what == "ping":
            assert taken(step) is None
        else:
            events.append((step, taken(step).envelope))
    ids = [envelope.event_id for _, envelope in events]
    assert len(ids) - len(set(ids)) == sum(step.repeats for step in STEPS) == 6
    # Everything happened on that day, and Intercom's own time tells what came late.
    assert all(envelope.occurred_at >= MIDNIGHT * 1000 for _, envelope in events)
    late = [
        step.note
        for step, envelope in events
        if not step.repeats and _clock(envelope.occurred_at) < step.clock
    ]
    assert late == ["late, old e-mail", "late, old name", "late", "late"]


def test_the_story_never_changes() -> None:
    assert [step.body for step in STEPS] == [s.body for c in day(MIDNIGHT) for s in c.steps]
    assert decode_object(STEPS[1].body)["id"].startswith("notif_")


def _clock(ms: int) -> str:
    minutes = (ms // 1000 - MIDNIGHT) // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"
