"""What is wrong, or looks wrong, in rule files, all at once: errors stop the worker, warnings do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mappings.compiler import compile_rule
from mappings.errors import InvalidRule, MappingError
from mappings.file_tests import parse_tests
from mappings.findings import ERROR, WARNING, Finding, finding_at
from mappings.lint_rule import LintedRule, attribute_entries, rule_findings
from mappings.rule import Rule
from mappings.rule_files import Entry
from mappings.rule_folder import SHIPPED_NAME, read_rule_folder
from mappings.safety import MAX_USER_ATTRIBUTES, STANDARD_ATTRIBUTES

#: MoEngage keeps that many distinct event names in a workspace, further ones being dropped silently
#: (source: Data Tracking Policies, read in November 2026).
MAX_EVENT_NAMES = 512


def lint(path: Path | None) -> list[Finding]:
    """Everything found in the rule files at ``path``, by file and line; without one, in the shipped ones.

    Never raises for what the files hold: what cannot be read is a finding.
    """
    try:
        folder = read_rule_folder(path)
    except InvalidRule as error:
        return [_of(error)]
    except MappingError as error:
        return [Finding(str(path), 0, "", ERROR, str(error).removeprefix(f"{path}: "))]
    findings: list[Finding] = []
    rules: list[LintedRule] = []
    for entry in folder.rules:
        try:
            rules.append(LintedRule(entry, compile_rule(entry)))
        except InvalidRule as error:
            findings.append(_of(error))
    for test in folder.tests:
        try:
            parse_tests([test])
        except InvalidRule as error:
            findings.append(_of(error))
    for rule in rules:
        findings += rule_findings(rule)
    findings += _over_limits(rules)
    findings += _names_that_meet(rules)
    return sorted(findings, key=lambda finding: (finding.file, finding.line, finding.key))


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """The findings for people: one a line, as compilers print them, and a sum."""
    errors = sum(finding.severity == ERROR for finding in findings)
    warnings = len(findings) - errors
    return [*map(str, findings), f"{_several(errors, 'error')}, {_several(warnings, 'warning')}"]


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _of(error: InvalidRule) -> Finding:
    return Finding(error.file, error.line, error.key, ERROR, error.problem)


def _over_limits(rules: Iterable[LintedRule]) -> Iterator[Finding]:
    """Names that MoEngage would not keep; names that only the data knows are not counted."""
    events: set[str] = set()
    attributes: set[str] = set()
    for one in rules:
        if one.rule.event_name and one.rule.event_name not in events:
            events.add(one.rule.event_name)
            if len(events) > MAX_EVENT_NAMES:
                problem = f"event name number {len(events)}; MoEngage keeps {MAX_EVENT_NAMES}"
                yield finding_at(one.fields["event"], ERROR, problem)
        if one.rule.event is not None:
            continue
        for name, entry in attribute_entries(one.fields):
            if name in STANDARD_ATTRIBUTES or name in attributes:
                continue
            attributes.add(name)
            if len(attributes) > MAX_USER_ATTRIBUTES:
                problem = f"user attribute number {len(attributes)}; MoEngage keeps {MAX_USER_ATTRIBUTES}"
                yield finding_at(entry, ERROR, problem)


def _names_that_meet(rules: Sequence[LintedRule]) -> Iterator[Finding]:
    """Attributes that two rules set, or whose names differ in case alone; events that are told twice."""
    spelled: dict[tuple[bool, str], tuple[str, Entry]] = {}
    for number, one in enumerate(rules):
        before = [other for other in rules[:number] if _meet(other.rule, one.rule)]
        for name, entry in attribute_entries(one.fields):
            kind = one.rule.event is None
            known, first = spelled.setdefault((kind, name.lower()), (name, entry))
            if known != name:
                yield finding_at(
                    entry, WARNING, f"differs from {known!r} at {_place(first)} in case alone"
                )
            if kind and not _is_shipped(entry):
                for other in before:
                    yield from _set_twice(name, entry, other)
        for other in before:
            if one.rule.event_name and one.rule.event_name == other.rule.event_name:
                problem = f"the rule at {_place(other.entry)} makes this event too, so it is told twice"
                yield finding_at(one.fields["event"], WARNING, problem)


def _set_twice(name: str, entry: Entry, other: LintedRule) -> Iterator[Finding]:
    if other.rule.event is not None or _is_shipped(other.entry):
        return
    for known, first in attribute_entries(other.fields):
        if known == name:
            yield finding_at(
                entry, WARNING, f"set at {_place(first)} too; where both apply, this one wins"
            )


def _meet(one: Rule, other: Rule) -> bool:
    """Whether two rules surely can run on one moment."""
    a, b = one.trigger, other.trigger
    if a.conditional or b.conditional or a.topics or b.topics:
        return False
    return not a.words.isdisjoint(b.words)


def _is_shipped(entry: Entry) -> bool:
    return entry.file.startswith(f"{SHIPPED_NAME}/")


def _place(entry: Entry) -> str:
    return f"{entry.file}:{entry.line}"
