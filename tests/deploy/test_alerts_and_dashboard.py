"""deploy/prometheus and deploy/grafana: the names are those of the code, and Prometheus takes them.

What promtool has to say needs promtool, which comes with Debian's prometheus package; $MOEBRIDGE_PROMTOOL
names it where it is not on the path. That Grafana draws the dashboard is not shown here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from streams.lag.look import STAGES
from streams.lag.series import CATALOGUE as LAG
from streams.lag.verdict import Verdict
from streams.metrics import CATALOGUE as WORKER
from streams.metrics import HistogramName

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "lag-alerts.yaml"
ALERTS_TEST = DEPLOY / "prometheus" / "lag-alerts-test.yaml"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "lag.json").read_text())

#: Every name that a query may ask for, with its labels.
KNOWN = {
    **{name: set(spec.labels) for name, spec in LAG.items()},
    **{name: set(spec.labels) for name, spec in WORKER.items()},
    **{f"{name}_bucket": {*WORKER[name].labels, "le"} for name in get_args(HistogramName)},
}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    """Of the alerts, and of the dashboard with its variables filled in."""
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    filled = [query.replace("$cluster_name", "kafka").replace("$group", "moebridge") for query in panels]
    return [rule["expr"] for rule in rules()] + filled


@pytest.mark.parametrize("query", queries())
def test_queries_ask_for_what_there_is(query: str) -> None:
    named = re.findall(r"\b((?:moebridge|kafka)_\w+)", query)
    assert named
    assert set(named) <= KNOWN.keys()
    for name, matchers in re.findall(r"\b((?:moebridge|kafka)_\w+)\{([^}]*)\}", query):
        assert set(re.findall(r'(\w+)(?:=~|!~|!=|=)"', matchers)) <= KNOWN[name]
    for by in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
        labels = {label.strip() for label in by.split(",")} - {""}
        assert labels <= set.union(*(KNOWN[name] for name in named))
    for verdicts in re.findall(r'verdict=~?"([^"]*)"', query):
        assert set(verdicts.split("|")) <= {verdict.value for verdict in Verdict}


def test_alerts_name_no_label_that_their_query_does_not_give() -> None:
    for rule in rules():
        told = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert told <= set(re.findall(r"\w+", rule["expr"])), rule["alert"]


def test_the_rules_test_covers_every_alert_with_stages_that_there_are() -> None:
    tests = yaml.safe_load(ALERTS_TEST.read_text())["tests"]
    fired = {
        case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in rules()}
    assert set(re.findall(r'stage="(\w+)"', ALERTS_TEST.read_text())) <= STAGES.keys()


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource", "cluster_name", "group"}


def promtool(*arguments: str | Path, folder: Path) -> str:
    """What promtool says; fails where it is not content."""
    tool = os.environ.get("MOEBRIDGE_PROMTOOL") or shutil.which("promtool")
    if tool is None:
        pytest.skip("needs promtool (Debian's package prometheus; MOEBRIDGE_PROMTOOL names it)")
    answer = subprocess.run(
        [tool, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    said = answer.stdout + answer.stderr
    assert answer.returncode == 0, said
    return said


def test_promtool_takes_the_alerts_and_they_fire_when_they_should() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", ALERTS, folder=ALERTS.parent)
    assert "SUCCESS" in promtool("test", "rules", ALERTS_TEST.name, folder=ALERTS_TEST.parent)


def test_promtool_takes_every_query_of_the_dashboard(tmp_path: Path) -> None:
    recorded = [{"record": f"q{number}", "expr": query} for number, query in enumerate(queries())]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    assert f"{len(recorded)} rules found" in promtool("check", "rules", file, folder=tmp_path)
