"""What the broker's answers mean: topics, and the group of the workers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moebridge.doctor.findings import Finding, ok, problem, warning
from moebridge.topic_admin import TopicReport


@dataclass(frozen=True, slots=True)
class Group:
    """The workers' consumer group: its members, and records that wait for it.

    ``state`` is the broker's word. ``unread``: records beyond what was committed, on the topics that
    stages read; of a partition without a commit, all that it holds.
    """

    name: str
    state: str
    members: int
    unread: int


def topic_findings(reports: Sequence[TopicReport]) -> list[Finding]:
    """The topics', each that is wrong on a line of its own."""
    wrong = [report for report in reports if report.problem]
    if wrong:
        return [_wrong_topic(report) for report in wrong]
    partitions = {report.partitions for report in reports}
    untold = sum(bool(report.untold) for report in reports)
    text = f"{len(reports)} topics with {partitions.pop()} partitions each"
    return [ok(f"{text}; of {untold} the broker does not tell every setting" if untold else text)]


def group_findings(group: Group) -> list[Finding]:
    """The workers'. How many records wait is told, not judged: they may just have come."""
    waiting = "1 record waits" if group.unread == 1 else f"{group.unread} records wait"
    if not group.members:
        return [
            problem(
                f"no worker is in the group {group.name}; {waiting}",
                "start `moebridge worker`, or look at why it ended",
            )
        ]
    members = "1 worker" if group.members == 1 else f"{group.members} workers"
    if group.state != "Stable":
        text = f"{members} in the group {group.name}, which is in state {group.state}; {waiting}"
        return [warning(text, "partitions are being given out; ask again in a minute")]
    return [ok(f"{members} in the group {group.name}; {waiting}")]


def _wrong_topic(report: TopicReport) -> Finding:
    if report.partitions is None:
        return problem(f"{report.name} is missing", "moebridge topics create")
    what, _, remedy = report.problem.partition(": ")
    return problem(f"{report.name} {what}", remedy)
