"""What is said of replays: a row each, or a JSON object. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rich.table import Table

from events.times import iso_utc
from moebridge.lag_table import duration
from moebridge.screen import table
from streams.replay.control import Book, Positions, Standing, furthest, total

#: A runner says at least every 30 s that it is at work.
SILENT_S = 90.0

#: What a count in the notes must be old for a rate to be made of it, in seconds.
_RATE_S = 2.0

_ACTIVE = ("starting", "running", "paused")


def last_of(book: Book) -> str:
    """What the last replay of a configuration came to, in words."""
    if not book.replays:
        return "there was none yet"
    last = max(book.replays.values(), key=lambda one: one.begun_at)
    return f"the last one, {last.id}, is {last.state} since {iso_utc(last.since)}"


def standings(book: Book, committed: Positions, count: int) -> list[Standing]:
    """The last replays, the newest first; the active one with what is committed of it."""
    known = dict(book.replays)
    found = sorted(known.values(), key=lambda one: one.begun_at, reverse=True)[:count]
    return [
        replace(one, positions=furthest(committed, one.positions)) if one.id == book.active else one
        for one in found
    ]


def rate_of(one: Standing, noted: Standing, now_ms: int) -> float | None:
    """Records a second; None where it does not run, or nothing is known of it.

    ``noted`` is the same replay with what its runner said last alone.
    """
    if one.state != "running":
        return None
    passed_s = (now_ms - noted.heard_at) / 1000
    done = total(one.positions).records - total(noted.positions).records
    return done / passed_s if passed_s >= _RATE_S else noted.rate


def document(one: Standing, noted: Standing, now_ms: int) -> dict[str, Any]:
    """A replay as JSON. Times are ISO 8601; ``left_s`` null: not known."""
    rate = rate_of(one, noted, now_ms)
    done, chosen = total(one.positions), int(one.totals.get("chosen", 0))
    return {
        "id": one.id,
        "config": one.request.get("config", ""),
        "kind": one.request.get("kind", ""),
        "state": one.state,
        "silent": silent(one, now_ms),
        "chosen": chosen,
        "published": done.document(),
        "rate": rate,
        "left_s": _left(one, done.records, chosen, rate),
        "begun_at": iso_utc(one.begun_at),
        "since": iso_utc(one.since),
        "heard_at": iso_utc(one.heard_at),
        "behind": one.behind,
    }


def silent(one: Standing, now_ms: int) -> bool:
    """Whether its runner should have said something since: it is gone, or cut off."""
    return one.state in ("starting", "running") and now_ms - one.heard_at > SILENT_S * 1000


def status_table(documents: list[dict[str, Any]]) -> Table:
    """A row each."""
    rows = table("replay", "configuration", "kind", "state", "published", "rate", "time left", "since")
    for one in documents:
        share = f" ({100 * one['published']['records'] // one['chosen']} %)" if one["chosen"] else ""
        rows.add_row(
            one["id"],
            one["config"],
            one["kind"],
            _state(one),
            f"{one['published']['records']:,} of {one['chosen']:,}{share}",
            "-" if one["rate"] is None else f"{one['rate']:.1f}/s",
            duration(one["left_s"], unknown="-"),
            one["since"],
        )
    return rows


def _state(one: dict[str, Any]) -> str:
    if one["silent"]:
        return f"{one['state']}, not heard of since {one['heard_at']}"
    return f"refused: {one['behind']} was active" if one["state"] == "refused" else str(one["state"])


def _left(one: Standing, done: int, chosen: int, rate: float | None) -> float | None:
    if one.state not in _ACTIVE:
        return None
    return max(0, chosen - done) / rate if rate else None
