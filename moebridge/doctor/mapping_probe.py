"""Reading, linting and testing a mapping."""

from __future__ import annotations

from mappings.findings import ERROR
from mappings.lint import lint
from mappings.rule_folder import read_rule_folder
from mappings.rules import compile_folder
from moebridge.doctor.findings import Finding
from moebridge.doctor.mapping_verdict import mapping_findings
from moebridge.settings import MappingSettings
from streams.rehearsal import run_folder_tests


def look_at_mapping(mapping: MappingSettings) -> list[Finding]:
    """Lint, and where that finds no error, the tests. It takes a second of CPU. Raises MappingError."""
    linted = lint(mapping.path)
    if any(one.severity == ERROR for one in linted):
        return mapping_findings(mapping.path, linted)
    folder = read_rule_folder(mapping.path)
    rules = compile_folder(
        folder, identity=mapping.identity, merges=mapping.merges, deletes=mapping.deletes
    )
    tested = run_folder_tests(rules, folder)
    return mapping_findings(mapping.path, linted, tested, rules=len(rules.rules), version=rules.version)
