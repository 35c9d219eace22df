"""The report of the doctor, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from rich.table import Table
from rich.text import Text

from moebridge.doctor.findings import Level, Outcome, healthy

_STYLES: Mapping[Level, str] = {
    "ok": "green",
    "warning": "yellow",
    "problem": "red",
    "skipped": "dim",
}


def report_table(outcomes: Sequence[Outcome]) -> Table:
    """One row a finding, its remedy below it. Configurations are named where there are several."""
    several = len({one.configuration for one in outcomes} - {""}) > 1
    made = Table.grid(padding=(0, 2))
    made.add_column()
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for outcome in outcomes:
        name = outcome.check
        if several and outcome.configuration:
            name += f" ({outcome.configuration})"
        for one in outcome.findings:
            text = one.text + (f"\n→ {one.remedy}" if one.remedy else "")
            made.add_row(Text(one.level, _STYLES[one.level]), Text(name), Text(text))
    return made


def sum_line(outcomes: Sequence[Outcome]) -> str:
    """How many of each kind."""
    levels = [one.level for outcome in outcomes for one in outcome.findings]
    counts = [(levels.count(level), level) for level in _STYLES]
    return ", ".join(f"{count} {level}" for count, level in counts if count)


def report_json(outcomes: Sequence[Outcome]) -> bytes:
    """``{"healthy", "checks": [{"check", "configuration", "level", "text", "remedy"}]}``."""
    checks = [
        {
            "check": outcome.check,
            "configuration": outcome.configuration,
            "level": one.level,
            "text": one.text,
            "remedy": one.remedy,
        }
        for outcome in outcomes
        for one in outcome.findings
    ]
    document = {"healthy": healthy(outcomes), "checks": checks}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)
