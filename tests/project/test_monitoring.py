"""The files of monitoring/: Prometheus accepts them, and they name only metrics and sections that exist."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.project.test_documents import anchors
from tests.project.tree import ROOT, text_of
from tests.support.missing import missing

FOLDER = ROOT / "monitoring"
RULES = [rule for group in yaml.safe_load(text_of("monitoring/alerts.yml"))["groups"] for rule in group["rules"]]
BOARD = orjson.loads(text_of("monitoring/grafana/dashboards/mergelane.json"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
ENDINGS = re.compile(r"_(bucket|sum|count)$")


def documented() -> set[str]:
    """Return the metrics in docs/metrics.md. Another test compares them with those of running processes."""
    return set(re.findall(r"^\| `(mergelane_\w+)` \|", text_of("docs/metrics.md"), re.MULTILINE))


def named(expression: str) -> set[str]:
    """Return the metrics of Mergelane that an expression of PromQL names."""
    return {ENDINGS.sub("", name) for name in re.findall(r"\bmergelane_\w+", expression)}


def expressions() -> Iterator[str]:
    """Yield every expression of the dashboard."""
    yield from (target["expr"] for panel in PANELS for target in panel["targets"])


@pytest.fixture(scope="session")
def promtool() -> str:
    """The program that checks Prometheus' files. Debian's package `prometheus` contains it."""
    found = shutil.which("promtool")
    if found is None:
        missing("promtool", FileNotFoundError("install Debian's package prometheus"))
    return found


def run(*command: str) -> None:
    """Run *command* in the folder of the files, and assert that it succeeds."""
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_rules(promtool: str) -> None:
    run(promtool, "check", "rules", "alerts.yml")


def test_each_alert_fires_when_it_should_and_is_silent_otherwise(promtool: str) -> None:
    run(promtool, "test", "rules", "alerts.test.yml")


def test_prometheus_accepts_the_configuration(promtool: str) -> None:
    run(promtool, "check", "config", "--syntax-only", "prometheus.yml")


def test_prometheus_can_read_every_expression_of_the_dashboard(promtool: str, tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions())
    ]
    file = tmp_path / "board.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}), encoding="utf-8")

    run(promtool, "check", "rules", str(file))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_has_a_sentence_and_a_link_to_its_remedy(rule: dict[str, Any]) -> None:
    document, _, anchor = rule["annotations"]["runbook_url"].partition("#")

    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert anchor in anchors(ROOT / document)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_uses_metrics_that_exist(rule: dict[str, Any]) -> None:
    assert named(rule["expr"]) <= documented()


def test_every_alert_is_tested_silent_and_firing() -> None:
    calm, wrong, *_ = yaml.safe_load(text_of("monitoring/alerts.test.yml"))["tests"]
    silent = {each["alertname"] for each in calm["alert_rule_test"] if each["exp_alerts"] == []}
    (fired,) = (each["exp_samples"] for each in wrong["promql_expr_test"])
    names = {rule["alert"] for rule in RULES}

    assert silent == names
    assert {re.findall(r'"(\w+)"', each["labels"])[0] for each in fired} == names


def test_the_dashboard_uses_metrics_that_exist() -> None:
    assert set().union(*map(named, expressions())) <= documented()


def test_every_metric_except_the_listed_ones_is_on_the_dashboard() -> None:
    shown = set().union(*map(named, expressions()))

    assert documented() - shown == {
        "mergelane_ledger_readable",
        "mergelane_cell",
        "mergelane_pool_wait_seconds",
        "mergelane_relay_rounds_total",
        "mergelane_sender_rounds_total",
        "mergelane_watched_batches_finished_total",
        "mergelane_workspaces_with_jobs",
    }


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_has_a_description_and_a_unit(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


def test_an_import_of_the_dashboard_offers_the_choice_of_the_data_source() -> None:
    (variable,) = BOARD["templating"]["list"]

    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
