"""Reading, linting and testing a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mappings.findings import ERROR
from mappings.lint import lint
from mappings.rules import load
from moebridge.doctor.findings import Finding
from moebridge.doctor.mapping_verdict import mapping_findings
from streams.rehearsal import run_tests


def look_at_mapping(path: Path | None, identity: Sequence[str]) -> list[Finding]:
    """Lint, and where that finds no error, the tests. It takes a second of CPU."""
    linted = lint(path)
    if any(one.severity == ERROR for one in linted):
        return mapping_findings(path, linted)
    rules = load(path, identity=identity)
    tested = run_tests(path, identity=identity)
    return mapping_findings(path, linted, tested, rules=len(rules.rules), version=rules.version)
