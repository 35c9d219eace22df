"""What lint, and the tests in the rule files, say of a mapping. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mappings.findings import ERROR
from mappings.findings import Finding as Linted
from moebridge.doctor.findings import Finding, ok, problem, warning
from streams.rehearsal import TestResult

#: Of many, so many are told.
_SHOWN = 3


def mapping_findings(
    path: Path | None,
    linted: Sequence[Linted],
    tested: Sequence[TestResult] = (),
    *,
    rules: int = 0,
    version: str = "",
) -> list[Finding]:
    """A mapping's. ``tested``, ``rules`` and ``version`` count where lint found no error."""
    where = str(path) if path else "the shipped rules"
    command = f" {path}" if path else ""
    stops = "; a worker does not start on it"
    errors = [str(one) for one in linted if one.severity == ERROR]
    if errors:
        return [problem(_some(errors), f"moebridge mapping lint{command}{stops}")]
    failed = [f"{one.file}:{one.line} {one.name}" for one in tested if not one.passed]
    findings = []
    if failed:
        text = f"of {len(tested)} tests in {where} fail {len(failed)}: {_some(failed)}"
        findings.append(problem(text, f"moebridge mapping test{command}{stops}"))
    warnings = [str(one) for one in linted]
    if warnings:
        findings.append(warning(_some(warnings), f"moebridge mapping lint{command}"))
    if not failed:
        text = f"{where}: {rules} rules, version {version}; {len(tested)} tests pass"
        findings.insert(0, ok(text))
    return findings


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    shown = "; ".join(texts[:_SHOWN])
    return f"{shown}; and {more} more" if more > 0 else shown
