"""What a check comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what is so, and what to do about it. Never a secret or personal data."""

    level: Level
    text: str
    remedy: str = ""


def ok(text: str) -> Finding:
    """As it has to be."""
    return Finding("ok", text)


def warning(text: str, remedy: str) -> Finding:
    """It works, or part of it does; somebody should know."""
    return Finding("warning", text, remedy)


def problem(text: str, remedy: str) -> Finding:
    """Events do not come through, or not all of them."""
    return Finding("problem", text, remedy)


def skipped(text: str) -> Finding:
    """Not looked at, and why."""
    return Finding("skipped", text)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check's findings; at least one. ``configuration``: "" where it is about all of them."""

    check: str
    configuration: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether what needs this check can go on."""
        return not any(one.level in ("problem", "skipped") for one in self.findings)


def healthy(outcomes: Iterable[Outcome]) -> bool:
    """Whether there is no problem."""
    return not any(one.level == "problem" for outcome in outcomes for one in outcome.findings)
