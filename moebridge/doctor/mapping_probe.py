"""Reading, linting and testing a mapping."""

from __future__ import annotations

from mappings.findings import ERROR
from mappings.lint import lint
from mappings.rules import load
from moebridge.doctor.findings import Finding
from moebridge.doctor.mapping_verdict import mapping_findings
from moebridge.settings import MappingSettings
from streams.rehearsal import run_tests


def look_at_mapping(mapping: MappingSettings) -> list[Finding]:
    """Lint, and where that finds no error, the tests. It takes a second of CPU. Raises MappingError."""
    linted = lint(mapping.path)
    if any(one.severity == ERROR for one in linted):
        return mapping_findings(mapping.path, linted)
    identity, merges, deletes = mapping.identity, mapping.merges, mapping.deletes
    rules = load(mapping.path, identity=identity, merges=merges, deletes=deletes)
    tested = run_tests(mapping.path, identity=identity, merges=merges, deletes=deletes)
    return mapping_findings(mapping.path, linted, tested, rules=len(rules.rules), version=rules.version)
