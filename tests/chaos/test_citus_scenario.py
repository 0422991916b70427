"""The scenario on a Citus cluster: refused with the reason if no cluster is named, else run in its short form."""

import pytest

from chaos.citus_cluster import NODE, URL, cluster_url
from chaos.run import Options
from chaos.scenarios.catalogue import SCENARIOS
from chaos.scenarios.scenario import NotPossible, run_scenario

OPTIONS = Options(seed="5", seconds=0.0, gap_s=0.1)


def test_the_scenario_names_the_variable_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL, raising=False)
    monkeypatch.delenv(NODE, raising=False)

    with pytest.raises(NotPossible, match=URL):
        run_scenario(SCENARIOS["citus"], OPTIONS, log=print)


def test_no_job_is_lost_or_doubled_while_nodes_are_killed() -> None:
    if cluster_url() is None:
        pytest.skip(f"{URL} names no coordinator of a Citus cluster.")
    lines = list[str]()

    result = run_scenario(SCENARIOS["citus"], OPTIONS, log=lines.append)

    findings = result.findings
    assert (findings.lost, findings.doubled, findings.broken) == ([], [], []), lines
