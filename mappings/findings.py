"""One thing that lint found in a rule file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mappings.rule_files import Entry

Severity = Literal["error", "warning"]

ERROR: Severity = "error"
WARNING: Severity = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """``line`` counts from 1; ``key`` is a path such as ``rules[2].attributes.u_em``, or ""."""

    file: str
    line: int
    key: str
    severity: Severity
    problem: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: {self.severity}"
        return f"{where}: {self.key}: {self.problem}" if self.key else f"{where}: {self.problem}"


def finding_at(entry: Entry, severity: Severity, problem: str) -> Finding:
    """The finding at an entry's place."""
    return Finding(entry.file, entry.line, entry.key, severity, problem)
